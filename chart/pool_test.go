package chart

import "testing"

// TestPooled: a large matrix keeps its extremes, and a small one is not changed.
func TestPooled(t *testing.T) {
	g := Grid{Rows: 600, Cols: 300, Values: make([]float32, 600*300)}
	g.Values[599*300+299], g.Values[4*300+7] = -5, 3
	p := g.pooled()
	if p.Rows != 200 || p.Cols != 100 || len(p.Values) != 200*100 {
		t.Fatalf("%d×%d with %d values, want 200×100", p.Rows, p.Cols, len(p.Values))
	}
	if p.Values[199*100+99] != -5 || p.Values[1*100+2] != 3 {
		t.Errorf("the extremes are %v and %v, want -5 and 3", p.Values[199*100+99], p.Values[1*100+2])
	}
	small := Grid{Rows: 2, Cols: 2, Values: []float32{1, 2, 3, 4}, RowNames: []string{"a", "b"}}
	if p := small.pooled(); p.Rows != 2 || p.RowNames == nil {
		t.Errorf("%+v", p)
	}
}
