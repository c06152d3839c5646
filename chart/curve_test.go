package chart

import (
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot/plotter"
)

func TestSmooth(t *testing.T) {
	var xys plotter.XYs
	for i := range 500 {
		xys = append(xys, plotter.XY{X: float64(i), Y: 3})
	}
	for _, p := range smooth(xys) {
		if math.Abs(p.Y-3) > 1e-12 { // rounding of float64 sums
			t.Fatalf("a constant 3 is smoothed to %v at %v", p.Y, p.X)
		}
	}
	xys[0].Y = 1000 // its weight falls by a fifth at each point, so it is forgotten after some hundred points
	if y := smooth(xys)[499].Y; math.Abs(y-3) > 1e-6 {
		t.Errorf("the first of 500 points still counts at the last: %v", y)
	}
	for i := range xys {
		xys[i].Y = float64(i)
	}
	if y := smooth(xys)[250].Y; math.Abs(y-250) > 1e-6 {
		t.Errorf("a straight line through (250, 250) is smoothed to %v there", y)
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		want      string
	}{
		{0, 2000, "0 500 1000 1500 2000"},
		{1.44, 4.2, "1.5 2.0 2.5 3.0 3.5 4.0"},
		{3.001, 3.04, "3.005 3.010 3.015 3.020 3.025 3.030 3.035 3.040"},
		{1, 600000, "100000 200000 300000 400000 500000 600000"},
		{3, 3, "3"},
		{0, 1, "0.0 0.2 0.4 0.6 0.8 1.0"},
	} {
		var labels []string
		for _, tick := range (ticks{}).Ticks(c.low, c.high) {
			labels = append(labels, tick.Label)
		}
		if got := strings.Join(labels, " "); got != c.want {
			t.Errorf("ticks of %v to %v are %s, want %s", c.low, c.high, got, c.want)
		}
	}
}

func TestThin(t *testing.T) {
	var xys plotter.XYs
	for i := range 10_007 {
		xys = append(xys, plotter.XY{X: float64(i), Y: math.Sin(float64(i))})
	}
	xys[1234].Y, xys[9999].Y = 50, -50
	got := thin(xys, 100)
	if len(got) != 200 {
		t.Errorf("%d points, want 200", len(got))
	}
	if !slices.Contains(got, xys[1234]) || !slices.Contains(got, xys[9999]) {
		t.Error("the extremes are lost")
	}
	if !slices.IsSortedFunc(got, func(a, b plotter.XY) int { return int(a.X - b.X) }) {
		t.Error("the points are out of order")
	}
	if short := thin(xys[:200], 100); len(short) != 200 || short[7] != xys[7] {
		t.Error("few points are not left as they are")
	}
}
