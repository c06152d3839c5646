package memory

import (
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/models"
)

// TestModels: the memory that a model takes is known before it is allocated.
func TestModels(t *testing.T) {
	if Machine().Bytes == 0 {
		t.Skip("this system does not tell its memory")
	}
	big, err := models.Find("gpt2")
	if err != nil {
		t.Fatal(err)
	}
	d := models.DimsOf(big)
	d.Context = 1 << 20
	// The logits of 2²⁰ positions for 50,257 tokens alone take 211 GB.
	if _, err := (Limit{Bytes: 100e9}).CheckWindow(models.WithDims(big, d), d.Context); err == nil || !strings.HasPrefix(err.Error(), "a window of 1048576 tokens takes ") {
		t.Error(err)
	}
	m, err := models.Find("gpt2-nano")
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckGeneration("--samples 2", m, 2); err != nil {
		t.Error(err)
	}
	if left, err := Machine().CheckWindow(m, models.DimsOf(m).Context); err != nil || left >= Machine().Bytes-4*800_000 || left < Machine().Bytes/2 {
		t.Errorf("%d of %d bytes are left beside 800,000 weights, %v", left, Machine().Bytes, err)
	}
	if left, err := (Limit{}).CheckWindow(m, 1); err != nil || left != 0 {
		t.Errorf("%d bytes are left of no limit, %v", left, err)
	}
	// Keys and values of 4 layers, 64 positions and width 128, and 65 logits: 262,404 bytes.
	if err := CheckGeneration("--samples 1000000000", m, 1_000_000_000); err == nil || !strings.Contains(err.Error(), "--samples 1000000000 takes 262.4 TB of memory") {
		t.Error(err)
	}
	// A beam adds another 65 logits, and 65 extensions of 24 bytes: 264,224 bytes in all.
	if err := CheckBeams(m, 1_000_000_000); err == nil || !strings.Contains(err.Error(), "--beams 1000000000 takes 264.2 TB of memory") {
		t.Error(err)
	}
}

func TestSize(t *testing.T) {
	for bytes, want := range map[float64]string{0: "0 B", 999: "999 B", 1000: "1 kB", 25.2e9: "25.2 GB", 7e21: "7000 EB"} {
		if got := Size(bytes); got != want {
			t.Errorf("size(%g) is %q, want %q", bytes, got, want)
		}
	}
}
