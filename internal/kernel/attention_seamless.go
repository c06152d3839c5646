package kernel

// seamless computes pieces of sequences with the blocks of [Attention], with keys and values packed from the
// cache, so that each position has the same bits as in the whole sequence.
func (r *cachedRun) seamless() {
	whole := &Attention{Heads: r.Heads, KVHeads: r.KVHeads, Scale: r.Scale, Window: r.Window, Precision: r.Precision, Variants: r.Variants}
	longest := 0
	for b, past := range r.past[:r.Batch] {
		longest = max(longest, past+r.New-r.base(b))
	}
	inTurn := r.rows() < r.Capacity // a new position overwrites one that the new positions before it still see
	if !inTurn {
		r.counts = nil
		r.keep(0, r.New, false)
	}
	most := whole.newHead(r.New, longest, r.in)
	gathered := 0
	if inTurn {
		gathered = longest * (r.in.K.Size + r.in.V.Size)
	}
	whole.each(r.Batch*r.Heads, most.memory()+2*r.New+gathered, func(i int, memory []float32) {
		b, h := i/r.Heads, i%r.Heads
		base, kv := r.base(b), h/whole.group()
		total := r.past[b] + r.New - base
		x := whole.newHead(r.New, total, r.in)
		keys, values := r.kept.K, r.kept.V
		if inTurn {
			keys, memory = r.gather(memory, r.kept.K, r.in.K, b, kv, base)
			values, memory = r.gather(memory, r.kept.V, r.in.V, b, kv, base)
		} else {
			keys.Data, values.Data = keys.from(b*r.Capacity, kv), values.from(b*r.Capacity, kv)
		}
		x.h, x.sink, x.stats = h, r.in.sink(h), memory[:2*r.New]
		x.pack(memory[2*r.New:], keys, values)
		x.q, x.out = r.in.Q, r.out[b*r.New*x.width+h*r.in.V.Size:]
		x.q.Data = r.in.Q.from(b*r.New, h)
		x.run(r.past[b]-base, total)
	})
	if inTurn {
		r.keep(0, r.New, false)
	}
}

// base is the first position that is packed. With a window, it is a position from which the sums over values are
// partitioned as in the whole sequence.
func (r *cachedRun) base(b int) int {
	if r.rows() == r.Capacity {
		return 0
	}
	return max(0, r.past[b]-r.Window+1) / valueStep * valueStep
}

// gather puts the cached and new rows of one head of a sequence in order, beginning at position base. Positions
// that are no longer cached are outside of the window; their rows are set to 0.
func (r *cachedRun) gather(memory []float32, kept, in Heads, b, kv, base int) (x Heads, rest []float32) {
	past, rows := r.past[b], r.rows()
	n := (past + r.New - base) * in.Size
	x, rest = Heads{memory[:n], in.Size, in.Size}, memory[n:]
	for t := base; t < past+r.New; t++ {
		to := x.from(t-base, 0)[:in.Size]
		switch {
		case t >= past:
			copy(to, in.from(b*r.New+t-past, kv))
		case t > past-rows:
			copy(to, kept.from(b*rows+t%rows, kv))
		default:
			clear(to)
		}
	}
	return x, rest
}
