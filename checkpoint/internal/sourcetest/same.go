package sourcetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// Same fails unless a source has the tensors of another, in whatever order: names, less what
// transformers puts before them, shapes and numbers, read or mapped.
func Same(t testing.TB, got, want weights.Source) {
	t.Helper()
	wanted := make(map[string]weights.Tensor)
	for _, x := range ReadAll(t, want, 1<<30) {
		wanted[strings.TrimPrefix(strings.TrimPrefix(x.Name, "transformer."), "model.")] = x
	}
	for _, x := range ReadAll(t, got, 1<<30) {
		w, ok := wanted[x.Name]
		if !ok || !slices.Equal(x.Shape, w.Shape) || !SameBits(x.Data, w.Data) {
			t.Errorf("%s: %s %v differs from %s's %v", got.Name(), x.Name, x.Shape, want.Name(), w.Shape)
		}
		if m, ok := got.(weights.Mapper); ok {
			if data := m.Map(x.Name); data != nil && !SameBits(data, x.Data) {
				t.Errorf("%s: %s mapped differs from what is read", got.Name(), x.Name)
			}
		}
		delete(wanted, x.Name)
	}
	for name := range wanted {
		t.Errorf("%s: no %s", got.Name(), name)
	}
}
