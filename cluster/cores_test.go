package cluster

import (
	"runtime"
	"testing"
)

// TestShareCores: ranks of one machine share its cores.
func TestShareCores(t *testing.T) {
	before := runtime.GOMAXPROCS(6)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	t.Setenv("GOMAXPROCS", "")
	all, _ := worlds(t, 1, Options{})
	if warning, err := all[0].ShareCores(); warning != "" || err != nil || runtime.GOMAXPROCS(0) != 6 {
		t.Errorf("alone: %d cores, %q, %v", runtime.GOMAXPROCS(0), warning, err)
	}
	all, _ = worlds(t, 3, Options{})
	warnings := make([]string, 3)
	for rank, err := range together(t, all, func(w *World) (err error) {
		if w.Rank() == 1 {
			warnings[1], err = w.ShareCores()
			return err
		}
		_, err = w.SumScalars(make([]float64, 6)) // as a rank on another machine would do
		return err
	}) {
		if err != nil || warnings[rank] != "" {
			t.Errorf("rank %d: %q, %v", rank, warnings[rank], err)
		}
	}
	if n := runtime.GOMAXPROCS(0); n != 6 {
		t.Errorf("%d cores of a machine of its own, want 6", n)
	}
	t.Setenv("GOMAXPROCS", "6")
	for _, err := range together(t, all, func(w *World) error { _, err := w.ShareCores(); return err }) {
		if err != nil || runtime.GOMAXPROCS(0) != 6 {
			t.Errorf("%d cores, though the environment has 6; %v", runtime.GOMAXPROCS(0), err)
		}
	}
	if got := [...]int{coresIn("0-3,8"), coresIn("5"), coresIn(""), coresIn("x-2"), coresIn("1-")}; got != [...]int{5, 1, 0, 0, 0} {
		t.Error(got)
	}
}
