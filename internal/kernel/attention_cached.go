package kernel

import "fmt"

// CachedAttention is causal multi-head self-attention of the positions that follow those
// whose keys and values are kept: New of them for each of Batch sequences, in qkv of shape
// (Batch·New, 3·Heads·Size) as for [Attention]. What is kept has the shape (Batch, Capacity,
// Heads·Size).
type CachedAttention struct {
	Batch, New, Capacity, Heads, Size int
	Scale                             float32
	Window                            int

	work scratch
}

// Forward adds the new keys and values to those kept, and fills out (Batch·New, Heads·Size).
// Sequence b has past[b] positions before. Each result is summed in an order that depends on
// its position alone.
func (a *CachedAttention) Forward(out, keys, values, qkv []float32, past []int) error {
	width := a.Heads * a.Size
	fresh := true
	for b, p := range past[:a.Batch] {
		if p < 0 || p+a.New > a.Capacity {
			return fmt.Errorf("sequence %d has %d positions and gets %d; there is room for %d", b, p, a.New, a.Capacity)
		}
		fresh = fresh && p == 0
	}
	For(a.Batch*a.New, 1+elementGrain/width, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			b, i := r/a.New, r%a.New
			to := (b*a.Capacity + past[b] + i) * width
			copy(keys[to:to+width], qkv[(3*r+1)*width:])
			copy(values[to:to+width], qkv[(3*r+2)*width:])
		}
	})
	if fresh && a.New > 1 {
		// Nothing is kept yet that the block kernel would miss.
		whole := Attention{Batch: a.Batch, Context: a.New, Heads: a.Heads, Size: a.Size, Scale: a.Scale, Window: a.Window}
		stats := a.work.borrow(whole.StatsSize())
		whole.Forward(out, stats, qkv, Mask{})
		a.work.giveBack(stats)
		return nil
	}
	For(a.Batch*a.New*a.Heads, 1, func(lo, hi int) {
		s := workspaces.take()
		scores := a.work.borrow(a.Capacity)
		for i := lo; i < hi; i++ {
			row, h := i/a.Heads, i%a.Heads
			b := row / a.New
			t := past[b] + row%a.New
			at := b*a.Capacity*width + h*a.Size
			a.query(s, out[row*width+h*a.Size:], qkv[3*row*width+h*a.Size:], keys[at:], values[at:], t, scores)
		}
		a.work.giveBack(scores)
		workspaces.put(s)
	})
	return nil
}

// query is attention of one query of one head, at position t.
func (a *CachedAttention) query(s *workspace, out, q, keys, values []float32, t int, scores []float32) {
	set, width, first := active, a.Heads*a.Size, 0
	if a.Window > 0 {
		first = max(0, t-a.Window+1)
	}
	scores = scores[:t+1-first]
	p := product{isa: set, m: 1, n: len(scores), k: a.Size, alpha: a.Scale, b: keys[first*width:], ldb: width, c: scores}
	p.rowScalars(0, p.n, q[:a.Size])
	sum := expRow(scores, scores, set.vec.maximum(scores))
	p = product{isa: set, m: 1, n: a.Size, k: len(scores), alpha: float32(1 / sum), a: scores, lda: len(scores), b: values[first*width:], ldb: width, c: out, ldc: a.Size}
	p.setStep()
	p.rows, p.depth = 1, p.k
	for from := 0; from < p.depth; from += p.step {
		d := band{last: p.panels(), hi: 1, from: from, depth: min(p.step, p.depth-from)}
		d.direct(&p)
		if !p.masked && p.n%p.cols != 0 {
			d.packed(&p, s.panels.sized(p.panels()*p.cols*d.depth))
			p.packPanels(d.b, 0, p.panels(), from, d.depth)
		}
		p.compute(s, &d)
	}
}
