package cli

import (
	"os"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/models"
)

// TestEnough: what no machine has memory for is one line, and no directory is made for it.
func TestEnough(t *testing.T) {
	if memoryOf(os.DirFS("/")).bytes == 0 {
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
		if status != 1 || !strings.Contains(stderr, " of memory, this machine has ") {
			t.Errorf("gorgpt %s: status %d\n%s", args, status, stderr)
		}
	}
	if after := list(t); after != before {
		t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
	}
	big, err := models.Find("gpt2")
	if err != nil {
		t.Fatal(err)
	}
	d := big.Dims()
	d.Context = 1 << 20
	// The logits of 2²⁰ positions over 50,257 tokens alone are 211 GB.
	if err := (memoryLimit{bytes: 100e9}).enoughToEvaluate(big.WithDims(d), d.Context); err == nil || !strings.HasPrefix(err.Error(), "a window of 1048576 tokens takes ") {
		t.Error(err)
	}
	m, err := models.Find("gpt2-nano")
	if err != nil {
		t.Fatal(err)
	}
	if err := enoughToGenerate("--samples 2", m, 2); err != nil {
		t.Error(err)
	}
	if err := enoughToEvaluate(m, m.Dims().Context); err != nil {
		t.Error(err)
	}
	// Keys and values of 4 layers, 64 positions and width 128, and 65 logits: 262,404 bytes.
	if err := enoughToGenerate("--samples 1000000000", m, 1_000_000_000); err == nil || !strings.Contains(err.Error(), "--samples 1000000000 takes 262.4 TB of memory") {
		t.Error(err)
	}
	// And for a beam another 65 logits and 65 extensions of 24 bytes: 264,224.
	if err := enoughToBeam(m, 1_000_000_000); err == nil || !strings.Contains(err.Error(), "--beams 1000000000 takes 264.2 TB of memory") {
		t.Error(err)
	}
}

func TestSize(t *testing.T) {
	for bytes, want := range map[float64]string{0: "0 B", 999: "999 B", 1000: "1 kB", 25.2e9: "25.2 GB", 7e21: "7000 EB"} {
		if got := size(bytes); got != want {
			t.Errorf("size(%g) is %q, want %q", bytes, got, want)
		}
	}
}
