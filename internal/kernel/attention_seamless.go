package kernel

// seamless is attention of pieces in the blocks of [Attention], for which keys and values are
// packed from the cache: a position has the bits that it has in the whole sequence.
func (r *cachedRun) seamless() {
	whole := &Attention{Heads: r.Heads, KVHeads: r.KVHeads, Scale: r.Scale, Window: r.Window, Precision: r.Precision, Variants: r.Variants}
	longest := 0
	for b, past := range r.past[:r.Batch] {
		longest = max(longest, past+r.New-r.base(b))
	}
	inTurn := r.rows() < r.Capacity // a new position takes the place of one that those before it see
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

// base is the first position that is packed: in a window, one from which on values are summed as
// in the whole sequence.
func (r *cachedRun) base(b int) int {
	if r.rows() == r.Capacity {
		return 0
	}
	return max(0, r.past[b]-r.Window+1) / valueStep * valueStep
}

// gather puts a head of the kept and new positions of a sequence from base on in order. Where
// nothing is kept any more, nobody looks, and it holds 0.
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
