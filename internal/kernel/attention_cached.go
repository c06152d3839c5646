package kernel

import "fmt"

// CachedAttention is [Attention] of the positions that follow those whose keys and values are
// kept: New of them for each of Batch sequences. What is kept has the shapes (Batch, Capacity,
// KVHeads·K.Size) and (Batch, Capacity, KVHeads·V.Size).
type CachedAttention struct {
	Batch, New, Capacity, Heads, KVHeads int
	Scale                                float32
	Window                               int
	// Seamless sums beginnings in no order of their own.
	Seamless bool

	work scratch
}

// Forward adds the new keys and values to those kept, and fills out (Batch·New, Heads·V.Size).
// Sequence b has past[b] positions before. The results of a sequence depend on it alone, and
// each is summed in an order that depends on its position, and unless Seamless on whether it is of a beginning.
func (a *CachedAttention) Forward(out, keys, values []float32, in QKV, past []int) error {
	for b, p := range past[:a.Batch] {
		if p < 0 || p+a.New > a.Capacity {
			return fmt.Errorf("sequence %d has %d positions and gets %d; there is room for %d", b, p, a.New, a.Capacity)
		}
	}
	kept := QKV{
		K: Heads{keys, a.KVHeads * in.K.Size, in.K.Size},
		V: Heads{values, a.KVHeads * in.V.Size, in.V.Size},
	}
	For(a.Batch*a.New, 1+elementGrain/kept.K.Stride, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			to := r/a.New*a.Capacity + past[r/a.New] + r%a.New
			copy(kept.K.from(to, 0)[:kept.K.Stride], in.K.from(r, 0))
			copy(kept.V.from(to, 0)[:kept.V.Stride], in.V.from(r, 0))
		}
	})
	begun := a.begin(out, in, past)
	if begun == a.Batch {
		return nil
	}
	size := in.V.Size
	For(a.Batch*a.New*a.Heads, 1, func(lo, hi int) {
		s := workspaces.take()
		scores := a.work.borrow(a.Capacity)
		for i := lo; i < hi; i++ {
			row, h := i/a.Heads, i%a.Heads
			b, kv := row/a.New, h/(a.Heads/a.KVHeads)
			if a.begins(past[b]) {
				continue
			}
			first, last := b*a.Capacity, b*a.Capacity+past[b]+row%a.New
			if a.Window > 0 {
				first = max(first, last-a.Window+1)
			}
			kept := QKV{in.Q, kept.K, kept.V}
			kept.Q.Data, kept.K.Data, kept.V.Data = in.Q.from(row, h), kept.K.from(first, kv), kept.V.from(first, kv)
			a.query(s, out[row*a.Heads*size+h*size:], kept, scores[:last+1-first])
		}
		a.work.giveBack(scores)
		workspaces.put(s)
	})
	return nil
}

// begins tells whether a sequence is a beginning of more than one position: nothing is kept
// yet that the block kernel would miss.
func (a *CachedAttention) begins(past int) bool { return past == 0 && a.New > 1 && !a.Seamless }

// begin is attention of those sequences that begin; it returns how many they are.
func (a *CachedAttention) begin(out []float32, in QKV, past []int) (count int) {
	for lo := 0; lo < a.Batch; lo++ {
		hi := lo
		for hi < a.Batch && a.begins(past[hi]) {
			hi++
		}
		if hi == lo {
			continue
		}
		whole := Attention{Batch: hi - lo, Context: a.New, Heads: a.Heads, KVHeads: a.KVHeads, Scale: a.Scale, Window: a.Window}
		stats := a.work.borrow(whole.StatsSize())
		whole.Forward(out[lo*a.New*a.Heads*in.V.Size:], stats, in.from(lo*a.New, 0, 0), Mask{})
		a.work.giveBack(stats)
		count, lo = count+hi-lo, hi
	}
	return count
}

// query is attention of the first query of x over as many of its keys as scores has room for.
func (a *CachedAttention) query(s *workspace, out []float32, x QKV, scores []float32) {
	set := active
	p := product{isa: set, m: 1, n: len(scores), k: x.K.Size, alpha: a.Scale, b: x.K.Data, ldb: x.K.Stride, c: scores}
	p.rowScalars(0, p.n, x.Q.Data[:x.Q.Size])
	sum := expRow(scores, scores, set.vec.maximum(scores))
	p = product{isa: set, m: 1, n: x.V.Size, k: len(scores), alpha: float32(1 / sum), a: scores, lda: len(scores), b: x.V.Data, ldb: x.V.Stride, c: out, ldc: x.V.Size}
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
