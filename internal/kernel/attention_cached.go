package kernel

import "fmt"

// CachedAttention is [Attention] for positions that follow those in a key/value cache: New positions for each of
// Batch sequences, which have at most Capacity positions. The cached keys and values have the shapes (Batch,
// rows, KVHeads·K.Size) and (Batch, rows, KVHeads·V.Size). Without a window there is a row for each position up
// to the capacity. With a window there are as many rows as the window has, which are reused cyclically.
type CachedAttention struct {
	Batch, New, Capacity, Heads, KVHeads int
	Scale                                float32
	Window                               int
	// Precision is used for products over several positions. Products of a single position with the cache are
	// float32.
	Precision Precision
	Variants
	// Seamless gives each position the same bits that Attention over the whole sequence gives it, wherever the
	// sequence is cut into pieces.
	Seamless bool

	work scratch
}

// rows is the number of positions whose keys and values are cached.
func (a *CachedAttention) rows() int {
	if a.Window > 0 {
		return min(a.Window, a.Capacity)
	}
	return a.Capacity
}

// Forward adds the new keys and values to the cache and fills out (Batch·New, Heads·V.Size). Sequence b already
// has past[b] positions; the first counts[b] of its new ones are real, and the rest are padding, whose results
// are not used and which are not cached if there is a window. The results of a sequence do not depend on the
// other sequences. The order in which each result is summed depends on its position and, unless Seamless is set,
// on whether the sequence is at its beginning.
func (a *CachedAttention) Forward(out, keys, values []float32, in QKV, past, counts []int) error {
	for b, p := range past[:a.Batch] {
		if p < 0 || p+a.New > a.Capacity {
			return fmt.Errorf("sequence %d has %d positions and gets %d; there is room for %d", b, p, a.New, a.Capacity)
		}
	}
	r := cachedRun{CachedAttention: a, out: out, in: in, past: past, counts: counts, kept: QKV{
		K: Heads{keys, a.KVHeads * in.K.Size, in.K.Size},
		V: Heads{values, a.KVHeads * in.V.Size, in.V.Size},
	}}
	if a.Seamless {
		r.seamless()
		return nil
	}
	// With a window, a new position overwrites one that the new positions before it still see.
	step := 1
	if a.rows() == a.Capacity {
		step, r.counts = a.New, nil
	}
	begun := a.begin(out, in, past)
	if begun > 0 {
		r.keep(0, a.New, true)
	}
	for lo := 0; lo < a.New && begun < a.Batch; lo += step {
		r.keep(lo, lo+step, false)
		r.attend(lo, lo+step)
	}
	return nil
}

// cachedRun is one run of a CachedAttention.
type cachedRun struct {
	*CachedAttention
	out          []float32
	in, kept     QKV
	past, counts []int // nil counts means New for each sequence
}

// count is the number of a sequence's new positions that are computed and cached.
func (r *cachedRun) count(sequence int) int {
	if r.counts == nil {
		return r.New
	}
	return r.counts[sequence]
}

// keep adds the keys and values of the new positions lo to hi-1 to the cache: those of the sequences that are at
// their beginning if begins is set, and of the others if not.
func (r *cachedRun) keep(lo, hi int, begins bool) {
	rows := r.rows()
	For(r.Batch*(hi-lo), 1+elementGrain/r.kept.K.Stride, func(from, to int) {
		for ; from < to; from++ {
			b, i := from/(hi-lo), lo+from%(hi-lo)
			if r.begins(r.past[b]) != begins || i >= r.count(b) || (begins || r.Seamless) && i < r.count(b)-rows {
				continue // it would be overwritten, and the block kernel does not read it
			}
			to := b*rows + (r.past[b]+i)%rows
			copy(r.kept.K.from(to, 0)[:r.kept.K.Stride], r.in.K.from(b*r.New+i, 0))
			copy(r.kept.V.from(to, 0)[:r.kept.V.Stride], r.in.V.from(b*r.New+i, 0))
		}
	})
}

// attend computes attention of the new positions lo to hi-1 of the sequences that are not at their beginning.
func (r *cachedRun) attend(lo, hi int) {
	rows, size := r.rows(), r.in.V.Size
	For(r.Batch*(hi-lo)*r.Heads, 1, func(from, to int) {
		s := workspaces.take()
		scores := r.work.borrow(rows)
		for ; from < to; from++ {
			h, i, b := from%r.Heads, lo+from/r.Heads%(hi-lo), from/r.Heads/(hi-lo)
			if r.begins(r.past[b]) {
				continue
			}
			out := r.out[((b*r.New+i)*r.Heads+h)*size:][:size]
			if i >= r.count(b) {
				clear(out)
				continue
			}
			last := r.past[b] + i
			first := 0
			if r.Window > 0 {
				first = max(0, last-r.Window+1)
			}
			x, kv := r.kept, h/(r.Heads/r.KVHeads)
			x.Q.Data, x.Sinks = r.in.Q.from(b*r.New+i, h), r.in.sink(h)
			x.K.Data, x.V.Data = r.kept.K.from(b*rows, kv), r.kept.V.from(b*rows, kv)
			r.query(s, out, x, scores[:last+1-first], first%rows, h)
		}
		r.work.giveBack(scores)
		workspaces.put(s)
	})
}

// begins reports whether a sequence with this past is at its beginning and gets more than one position: the block
// kernel can then be used, since nothing is cached yet that it would miss.
func (a *CachedAttention) begins(past int) bool { return past == 0 && a.New > 1 && !a.Seamless }

// begin computes attention of the sequences that are at their beginning, and returns their number.
func (a *CachedAttention) begin(out []float32, in QKV, past []int) (count int) {
	for lo := 0; lo < a.Batch; lo++ {
		hi := lo
		for hi < a.Batch && a.begins(past[hi]) {
			hi++
		}
		if hi == lo {
			continue
		}
		whole := Attention{Batch: hi - lo, Context: a.New, Heads: a.Heads, KVHeads: a.KVHeads, Scale: a.Scale, Window: a.Window, Precision: a.Precision, Variants: a.Variants}
		stats := a.work.borrow(whole.StatsSize())
		whole.Forward(out[lo*a.New*a.Heads*in.V.Size:], stats, in.from(lo*a.New, 0, 0), Mask{})
		a.work.giveBack(stats)
		count, lo = count+hi-lo, hi
	}
	return count
}

// query computes attention of the first query of x, of head h, over len(scores) cached keys: those from the given
// row to the end of the cache, and the remaining ones from row 0.
func (a *CachedAttention) query(s *workspace, out []float32, x QKV, scores []float32, row, h int) {
	set, wrap := active, min(len(scores), a.rows()-row)
	parts := [2]struct {
		row    int
		scores []float32
	}{{row, scores[:wrap]}, {0, scores[wrap:]}}
	for _, part := range parts {
		p := product{isa: set, m: 1, n: len(part.scores), k: x.K.Size, alpha: a.alpha(a.Scale), b: x.K.from(part.row, 0), ldb: x.K.Stride, c: part.scores}
		p.rowScalars(0, p.n, x.Q.Data[:x.K.Size])
	}
	if a.any() {
		a.apply(scores, nil, h, 1-len(scores))
	}
	largest := set.vec.maximum(scores)
	if x.Sinks != nil {
		largest = max(largest, x.Sinks[0])
	}
	sum := expRow(scores, scores, largest) + sinkTerm(x.Sinks, largest)
	for i, part := range parts[:1+min(1, len(scores)-wrap)] {
		p := product{isa: set, m: 1, n: x.V.Size, k: len(part.scores), alpha: float32(1 / sum), beta: float32(i), a: part.scores, lda: len(part.scores), b: x.V.from(part.row, 0), ldb: x.V.Stride, c: out, ldc: x.V.Size}
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
}
