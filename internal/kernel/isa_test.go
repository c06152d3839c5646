package kernel

import "testing"

// TestChoose tries every possible value of GORGPT_ISA: an unsupported one must not stop the program.
func TestChoose(t *testing.T) {
	best := supported[0].name
	for _, name := range []string{"", "sse9", "AVX2"} {
		if got := choose(name).name; got != best {
			t.Errorf("choose(%q) is %s, want %s", name, got, best)
		}
	}
	for _, s := range supported {
		if got := choose(s.name); got != s {
			t.Errorf("choose(%q) is %s", s.name, got.name)
		}
	}
	if last := supported[len(supported)-1]; last != &generic {
		t.Errorf("the last resort is %s, want plain Go", last.name)
	}
}
