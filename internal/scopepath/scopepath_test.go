package scopepath_test

import (
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/internal/scopepath"
)

func TestInside(t *testing.T) {
	for _, c := range []struct {
		pattern, at string
		want        bool
	}{
		{"h.*", "h.3", true}, {"h.*", "h.3.attn.c_proj", true}, {"h.*", "h", false}, {"h.*", "ln_f", false},
		{"h.*.ln_*", "h.3.ln_2", true}, {"h.*.ln_*", "h.3.mlp", false}, {"h.3", "h.33", false}, {"h.[", "h.3", false},
	} {
		if got := scopepath.Inside(strings.Split(c.pattern, "."), strings.Split(c.at, ".")); got != c.want {
			t.Errorf("Inside(%s, %s) is %v", c.pattern, c.at, got)
		}
	}
}
