package plan

import (
	"math"
	"testing"
)

// TestParseNetwork: rates in bits and in bytes are read, and invalid ones rejected.
func TestParseNetwork(t *testing.T) {
	for text, want := range map[string]Network{
		"25Gb": {25e9, 50e-6}, "3GB": {24e9, 50e-6}, "100Mb": {1e8, 50e-6}, "0.5Tb,2us": {5e11, 2e-6}, "100Gb,0us": {1e11, 0},
	} {
		if n, err := ParseNetwork(text); err != nil || n.Rate != want.Rate || math.Abs(n.Latency-want.Latency) > 1e-12 {
			t.Errorf("%s: %+v, %v, want %+v", text, n, err, want)
		}
	}
	for _, text := range []string{"", "25", "Gb", "25gb", "25Gbit", "-1Gb", "0Gb", "NaNGb", "InfGb", "1e30Tb", "25Gb,", "25Gb,5", "25Gb,5ms", "25Gb,-1us", "25Gb,NaNus", ",5us"} {
		want := "--network " + text + ": want a rate such as 25Gb (bits a second) or 3GB (bytes), optionally with a latency, as in 100Gb,5us"
		if n, err := ParseNetwork(text); err == nil || err.Error() != want {
			t.Errorf("%q: %+v, %v", text, n, err)
		}
	}
}

// TestSums compares the formula with the time in which two ranks summed 12,443,980 numbers, a tenth of gpt2's
// parameters, over an emulated network of a given rate: benchmarks/ranks/hosts.sh, 2026-11-30, the best of
// three runs, with Open MPI and with MPICH. The emulation does not count the gaps between Ethernet frames, so
// the formula gives slightly more.
func TestSums(t *testing.T) {
	const tolSums = 0.08 // 6 % of a frame are headers and gaps
	for _, c := range []struct{ rate, seconds float64 }{{100e6, 4.095}, {100e6, 4.103}, {200e6, 2.189}, {200e6, 2.286}} {
		n := Network{c.rate, defaultLatency}
		if got := n.sums(4*12443980, 2); !near(got, c.seconds, tolSums) {
			t.Errorf("%v: %.3f s, measured %.3f", n, got, c.seconds)
		}
	}
	if got := (Network{1e9, 1}).sums(1e9, 1); got != 0 {
		t.Errorf("one rank sums for %v s", got)
	}
	// 6 ranks: three levels of the tree, up and down.
	if got, want := (Network{8e9 / payload, 0}).sums(1e9, 6), 6.; !near(got, want, 1e-12) {
		t.Errorf("%v s of 6 ranks, want %v", got, want)
	}
}

// TestStep: an update takes the time of the rank that computes most, plus that of the sums.
func TestStep(t *testing.T) {
	o := Options{Batch: 1, Context: 64, Ranks: 64, Accumulate: 128, Rate: 1e12, GPU: "A100", Network: Network{25e9, 0}}
	for _, name := range []string{"gpt2-xl", "gpt3-2.7b"} {
		p := planned(t, name, o)
		sums := 8 * 2 * 63. / 64 * 4 * float64(p.Parameters.Total) / (25e9 * payload)
		compute := 2 * 64 * p.FLOPs.Training / (1e12 * machineShare)
		for _, m := range []*Machine{p.Machine, p.GPU} {
			if s := m.Step; !near(s.Sums, sums, 1e-9) || !near(s.Seconds, s.Compute+s.Sums, 1e-9) || !near(s.Efficiency, s.Compute/s.Seconds, 1e-9) {
				t.Errorf("%s, %s: %+v", name, m.Name, s)
			}
			if days := p.Run.Tokens / p.Run.Update * m.Step.Seconds / 86400; !near(m.Ranks, days, 1e-9) {
				t.Errorf("%s, %s: %v days, want %v", name, m.Name, m.Ranks, days)
			}
		}
		if s := p.Machine.Step; !near(s.Compute, compute, 1e-9) {
			t.Errorf("%s: computes for %v s, want %v", name, s.Compute, compute)
		}
	}
	if p := planned(t, "gpt2", Options{Batch: 8, Ranks: 4, Accumulate: 1}); p.Batch != 2 || p.Accumulate != 4 || p.Own != 1 { // as train divides it
		t.Errorf("batch %d, %d micro-batches, %d a rank", p.Batch, p.Accumulate, p.Own)
	}
}
