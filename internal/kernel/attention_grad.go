package kernel

// Backward fills grad from dout, the gradient of Forward's out. It recomputes the attention weights from the
// scores and stats.
//
// It iterates over blocks of keys, and for each block over the tiles of queries that see some of its keys, so
// that scores and operands stay in the second-level cache (Dao et al. 2022, algorithm 4). Heads that share keys
// and values are computed one after another, so that their gradients are always summed in the same order.
func (a *Attention) Backward(grad QKV, dout []float32, in QKV, out, stats []float32, mask Mask) {
	set := a.Precision.isa()
	if a.backward == nil {
		a.backward = new(attentionGrad)
	}
	g := a.backward
	*g = attentionGrad{
		Attention: a, set: set, rows: a.queryTile(set), width: a.Heads * in.V.Size,
		in: in, grad: grad, dout: dout, out: out, stats: stats, mask: mask,
	}
	g.block = min(keyBlock, (a.Context+set.cols-1)/set.cols*set.cols)
	g.queries = newPanels(set, in.Q.Size, a.Context, g.rows)
	g.douts = newPanels(set, in.V.Size, a.Context, g.rows)
	g.keysT = newPanels(set, a.Context, in.K.Size, in.K.Size)
	g.valuesT = newPanels(set, a.Context, in.V.Size, in.V.Size)
	g.keys = newPanels(set, in.K.Size, a.Context, g.block)
	memory := a.Context + 2*g.rows*g.block + g.block
	for _, p := range []*panels{&g.queries, &g.douts, &g.keysT, &g.valuesT, &g.keys} {
		memory += p.size()
	}
	a.each(a.Batch*a.KVHeads, memory, g.shared)
	if len(in.Sinks) > 0 {
		a.sinkGrads(grad.Sinks, in.Sinks, dout, out, stats, in.V.Size)
	}
	*g = attentionGrad{} // or it would keep the arguments alive
}

// attentionGrad is the backward pass of the heads that share keys and values, one after another. The slices that
// it reads and fills begin at the head and at the first row of the sequence.
type attentionGrad struct {
	*Attention
	set         *isa
	rows, block int // queries in a tile, keys in a block
	width       int // of a row of out

	in, grad         QKV
	dout, out, stats []float32
	mask             Mask

	number int  // of the head, over all sequences
	later  bool // earlier heads have already added to the gradients of keys and values

	queries, douts  panels    // (T, D)
	keysT, valuesT  panels    // (D, T)
	keys            panels    // (T, D)
	dots            []float32 // of every query's output and its gradient
	weights, dscore []float32 // (rows, block)
	slope           []float32 // of a soft-capped row of a block
	space           *workspace
}

// shared computes the gradients of one head of keys and values, and of the query heads that share it. It works on
// a copy of the common state.
func (g *attentionGrad) shared(number int, memory []float32) {
	all, own := g, *g
	g = &own
	g.space = workspaces.take()
	defer workspaces.put(g.space)
	sequence, kv := number/g.KVHeads, number%g.KVHeads
	row := sequence * g.Context
	in, size := g.in.from(row, 0, kv), g.in.V.Size
	memory = g.keysT.packHead(memory, true, in.K)
	memory = g.valuesT.packHead(memory, true, in.V)
	memory = g.keys.packHead(memory, false, in.K)
	for i := range g.group() {
		h := kv*g.group() + i
		g.number, g.later = sequence*g.Heads+h, i > 0
		g.in, g.grad = all.in.from(row, h, kv), all.grad.from(row, h, kv)
		g.out, g.dout = all.out[row*g.width+h*size:], all.dout[row*g.width+h*size:]
		g.stats = all.stats[2*g.number*g.Context:]
		g.head(memory)
	}
}

// head computes the gradients of one query head.
func (g *attentionGrad) head(memory []float32) {
	memory = g.queries.packHead(memory, false, g.in.Q)
	memory = g.douts.packHead(memory, false, Heads{g.dout, g.width, g.in.V.Size})
	g.dots, memory = memory[:g.Context], memory[g.Context:]
	for t := range g.dots {
		from, to := t*g.width, t*g.width+g.in.V.Size
		// This is equal to Σ weight·dweight over the keys.
		g.dots[t] = g.set.vec.dot(g.dout[from:to], g.out[from:to])
	}
	n := g.rows * g.block
	g.weights, g.dscore, g.slope = memory[:n], memory[n:2*n], memory[2*n:][:g.block]
	for from := 0; from < g.Context; from += g.block {
		to := min(from+g.block, g.Context)
		for lo := from / g.rows * g.rows; lo < g.Context && g.first(lo) < to; lo += g.rows {
			hi := min(lo+g.rows, g.Context)
			g.scores(lo, hi, from, to)
			g.gradients(lo, hi, from, to)
		}
	}
}

// scores fills weights and dscore for the queries lo to hi-1 and the keys from to to-1.
func (g *attentionGrad) scores(lo, hi, from, to int) {
	cols, ld := g.set.cols, g.block
	for t := lo; t < hi; t += g.set.rows {
		end := min(t+g.set.rows, hi)
		first, last := max(from, g.first(t))/cols, (min(to, end)+cols-1)/cols
		if first >= last {
			continue
		}
		c := (t-lo)*ld + first*cols - from
		g.keysT.multiply(g.space, factor{
			m: end - t, alpha: g.alpha(g.Scale), a: g.in.Q.from(t, 0), lda: g.in.Q.Stride, c: g.weights[c:], ldc: ld,
		}, first, last, 0, g.in.K.Size, true)
		g.valuesT.multiply(g.space, factor{
			m: end - t, alpha: 1, a: g.dout[t*g.width:], lda: g.width, c: g.dscore[c:], ldc: ld,
		}, first, last, 0, g.in.V.Size, true)
	}
	for t := lo; t < hi; t++ {
		row, drow := g.weights[(t-lo)*ld:][:ld], g.dscore[(t-lo)*ld:][:ld]
		start, stop := min(max(g.first(t)-from, 0), to-from), max(min(t+1, to)-from, 0)
		for _, x := range [][]float32{row, drow} { // as far as products of whole tiles read beyond the visible keys
			clear(x[max(start-g.set.rows, 0):start])
			clear(x[stop:min(stop+g.set.rows, ld)])
		}
		if start >= stop {
			continue
		}
		row, drow = row[start:stop], drow[start:stop]
		if g.any() {
			g.apply(row, g.slope[:len(row)], g.number%g.Heads, from+start-t)
		}
		g.set.vec.expScale(row, row, g.stats[2*t], g.stats[2*t+1])
		index := g.weightIndex(g.number, t, from+start)
		if g.mask.On() {
			g.mask.row(drow, drow, index)
		}
		g.set.vec.softmaxGrad(drow, row, drow, g.dots[t])
		if g.mask.On() {
			g.mask.row(row, row, index)
		}
		if g.SoftCap > 0 {
			g.set.vec.mul(drow, drow, g.slope[:len(row)])
		}
	}
}

// gradients adds the contributions of the queries lo to hi-1 and the keys from to to-1 to each other's gradients.
func (g *attentionGrad) gradients(lo, hi, from, to int) {
	ld := g.block
	for t := lo; t < hi; t += g.set.rows {
		end := min(t+g.set.rows, hi)
		first, last := max(from, g.first(t)), min(to, end)
		if first >= last {
			continue
		}
		beta := float32(1)
		if g.first(t) >= from {
			beta = 0 // the first block of keys that this tile sees
		}
		g.keys.multiply(g.space, factor{
			m: end - t, alpha: g.Scale, beta: beta, a: g.dscore[(t-lo)*ld+first-from:], lda: ld,
			c: g.grad.Q.from(t, 0), ldc: g.grad.Q.Stride,
		}, 0, g.keys.count(), first, last, false)
	}
	for u := from; u < to; u += g.set.rows {
		keys := min(g.set.rows, to-u)
		first, end := max(lo, u), hi // the queries that see a key of this tile
		if g.Window > 0 {
			end = min(hi, u+keys-1+g.Window)
		}
		if first >= end {
			continue
		}
		beta := float32(1)
		if u >= lo && !g.later {
			beta = 0
		}
		f := factor{
			transA: true, m: keys, alpha: 1, beta: beta, a: g.weights[(first-lo)*ld+u-from:], lda: ld,
			c: g.grad.V.from(u, 0), ldc: g.grad.V.Stride,
		}
		g.douts.multiply(g.space, f, 0, g.douts.count(), first, end, false)
		f.alpha, f.a = g.Scale, g.dscore[(first-lo)*ld+u-from:]
		f.c, f.ldc = g.grad.K.from(u, 0), g.grad.K.Stride
		g.queries.multiply(g.space, f, 0, g.queries.count(), first, end, false)
	}
}
