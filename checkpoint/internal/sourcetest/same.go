package sourcetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// Same fails unless two sources have the same tensors, in any order: names, without transformers' prefixes,
// shapes, and numbers, whether read or mapped.
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
