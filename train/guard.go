package train

import (
	"fmt"
	"math"
)

// A Guard skips updates whose loss or gradient norm stands out: one bad batch can undo the work of
// thousands. The batch of a skipped update is consumed and the step counts, but the weights and the
// solver's state do not change.
//
// A value stands out if it lies more than Deviations standard deviations above the mean of the last
// Window values. Skipped ones are included, so that a lasting change soon becomes normal. Until
// there are Window values, nothing is skipped. llm.c does the same.
type Guard struct {
	Deviations float64 // 0 skips nothing; 3 to 6 are usual
	Window     int     // 0 means 128
}

// window is the number of values considered.
func (g Guard) window() int {
	if g.Window == 0 {
		return 128
	}
	return g.Window
}

func (g Guard) check() error {
	if !(g.Deviations >= 0) || g.Window < 0 || g.Window == 1 {
		return fmt.Errorf("Trainer.Guard is %v deviations over %d values, want 0 or more over 2 or more", g.Deviations, g.window())
	}
	return nil
}

// GuardState is what a guard remembers: the values of the last steps, oldest first.
type GuardState struct {
	Losses  []float64 `json:"losses,omitempty"`
	Norms   []float64 `json:"norms,omitempty"`
	Skipped int       `json:"skipped,omitempty"` // updates skipped so far
}

// skips reports whether to skip an update, and remembers its loss and norm.
func (g Guard) skips(s *GuardState, loss, norm float64) bool {
	if g.Deviations == 0 {
		return false
	}
	n := g.window()
	out := outlier(s.Losses, loss, n, g.Deviations) || outlier(s.Norms, norm, n, g.Deviations)
	s.Losses, s.Norms = lastOf(s.Losses, loss, n), lastOf(s.Norms, norm, n)
	if out {
		s.Skipped++
	}
	return out
}

// lastOf returns a new slice of the last n values, x included, so that saved states keep theirs.
func lastOf(values []float64, x float64, n int) []float64 {
	from := max(0, len(values)+1-n)
	return append(append(make([]float64, 0, n), values[from:]...), x)
}

// outlier reports whether x lies too far above the mean of n values.
func outlier(values []float64, x float64, n int, deviations float64) bool {
	if len(values) < n {
		return false
	}
	var mean, square float64
	for _, v := range values {
		mean += v / float64(n)
	}
	for _, v := range values {
		square += (v - mean) * (v - mean) / float64(n)
	}
	return x-mean > deviations*math.Sqrt(square)
}
