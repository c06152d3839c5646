package cli

import (
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/memory"
)

// TestEnough: a run that no machine has memory for is a one-line error, and no directory is made.
func TestEnough(t *testing.T) {
	if memory.Machine().Bytes == 0 {
		t.Skip("this system does not tell its memory")
	}
	t.Chdir(t.TempDir())
	write(t, "ok.txt", strings.Repeat("to be or not to be\n", 100))
	before := list(t)
	for _, args := range []string{
		"train --data ok.txt --width 10000000 --out run",
		"bench --batch 16000000 --context 64",
		"train --data ok.txt --accumulate 999999999999 --out run",
		"bench --decode --batch 1000000000 --context 1",
	} {
		status, _, stderr := gorgpt(t, t.Context(), strings.Fields(args)...)
		if status != 1 || !strings.Contains(stderr, " of memory, but this machine has only ") {
			t.Errorf("gorgpt %s: status %d\n%s", args, status, stderr)
		}
	}
	if after := list(t); after != before {
		t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
	}
}
