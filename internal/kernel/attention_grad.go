package kernel

// Backward fills dqkv from the gradient dout of Forward's out. It computes the
// weights again from the scores and stats.
//
// It goes over blocks of keys, and for each over the tiles of queries that see some of
// them, so that scores and operands stay in the second-level cache (Dao et al. 2022,
// algorithm 4).
func (a *Attention) Backward(dqkv, dout, qkv, out, stats []float32, mask Mask) {
	set := active
	g := attentionGrad{
		Attention: a, set: set, rows: a.queryTile(set),
		dqkv: dqkv, dout: dout, qkv: qkv, out: out, stats: stats, mask: mask,
	}
	g.block = min(keyBlock, (a.Context+set.cols-1)/set.cols*set.cols)
	g.queries = newPanels(set, a.Size, a.Context, g.rows)
	g.douts = g.queries
	g.keysT = newPanels(set, a.Context, a.Size, a.Size)
	g.valuesT = g.keysT
	g.keys = newPanels(set, a.Size, a.Context, g.block)
	memory := a.Context + 2*g.rows*g.block
	for _, p := range g.operands() {
		memory += p.size()
	}
	a.heads(memory, func(head int, memory []float32) {
		g := g
		g.head(head, memory)
	})
}

// attentionGrad is the backward pass of one head.
type attentionGrad struct {
	*Attention
	set         *isa
	rows, block int // queries in a tile, keys in a block

	dqkv, dout, qkv, out, stats []float32
	mask                        Mask

	number int // of the head
	at, to int // where it begins in qkv and in out

	queries, douts  panels    // (T, D)
	keysT, valuesT  panels    // (D, T)
	keys            panels    // (T, D)
	dots            []float32 // of every query's output with its gradient
	weights, dscore []float32 // (rows, block)
	space           *workspace
}

// operands are the packed matrices.
func (g *attentionGrad) operands() []*panels {
	return []*panels{&g.queries, &g.douts, &g.keysT, &g.valuesT, &g.keys}
}

func (g *attentionGrad) head(number int, memory []float32) {
	g.space = workspaces.take()
	defer workspaces.put(g.space)
	g.number = number
	g.at, g.to = g.Attention.at(number)
	g.stats = g.stats[2*number*g.Context:]
	width := g.width()
	for i, src := range [][]float32{g.qkv[g.at:], g.dout[g.to:], g.qkv[g.at+width:], g.qkv[g.at+2*width:], g.qkv[g.at+width:]} {
		ld := 3 * width
		if i == 1 {
			ld = width
		}
		p := g.operands()[i]
		p.pack(memory, p == &g.keysT || p == &g.valuesT, src, ld)
		memory = memory[p.size():]
	}
	g.dots, memory = memory[:g.Context], memory[g.Context:]
	for t := range g.dots {
		row := g.to + t*width
		// Σ weight·dweight over the keys equals it.
		g.dots[t] = g.set.vec.dot(g.dout[row:row+g.Size], g.out[row:row+g.Size])
	}
	g.weights, g.dscore = memory[:g.rows*g.block], memory[g.rows*g.block:][:g.rows*g.block]
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
	width, cols, ld := g.width(), g.set.cols, g.block
	for t := lo; t < hi; t += g.set.rows {
		end := min(t+g.set.rows, hi)
		first, last := max(from, g.first(t))/cols, (min(to, end)+cols-1)/cols
		if first >= last {
			continue
		}
		c := (t-lo)*ld + first*cols - from
		g.keysT.multiply(g.space, factor{
			m: end - t, alpha: g.Scale, a: g.qkv[g.at+t*3*width:], lda: 3 * width, c: g.weights[c:], ldc: ld,
		}, first, last, 0, g.Size, true)
		g.valuesT.multiply(g.space, factor{
			m: end - t, alpha: 1, a: g.dout[g.to+t*width:], lda: width, c: g.dscore[c:], ldc: ld,
		}, first, last, 0, g.Size, true)
	}
	for t := lo; t < hi; t++ {
		row, drow := g.weights[(t-lo)*ld:][:ld], g.dscore[(t-lo)*ld:][:ld]
		start := max(g.first(t)-from, 0)
		stop := min(t+1, to) - from
		if start >= stop {
			clear(row)
			clear(drow)
			continue
		}
		clear(row[:start])
		clear(drow[:start])
		clear(row[stop:])
		clear(drow[stop:])
		row, drow = row[start:stop], drow[start:stop]
		g.set.vec.expScale(row, row, g.stats[2*t], g.stats[2*t+1])
		if !g.mask.On() {
			g.set.vec.softmaxGrad(drow, row, drow, g.dots[t])
			continue
		}
		index := g.weightIndex(g.number, t, from+start)
		g.mask.row(drow, drow, index)
		g.set.vec.softmaxGrad(drow, row, drow, g.dots[t])
		g.mask.row(row, row, index)
	}
}

// gradients adds what the queries lo to hi-1 and the keys from to to-1 have to do with each other.
func (g *attentionGrad) gradients(lo, hi, from, to int) {
	width, ld := g.width(), g.block
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
			c: g.dqkv[g.at+t*3*width:], ldc: 3 * width,
		}, 0, g.keys.count(), first, last, false)
	}
	for u := from; u < to; u += g.set.rows {
		first := max(lo, u) // the first query that sees a key of this tile
		if first >= hi {
			break
		}
		beta := float32(1)
		if u >= lo {
			beta = 0
		}
		f := factor{
			transA: true, m: min(g.set.rows, to-u), alpha: 1, beta: beta, a: g.weights[(first-lo)*ld+u-from:], lda: ld,
			c: g.dqkv[g.at+2*width+u*3*width:], ldc: 3 * width,
		}
		g.douts.multiply(g.space, f, 0, g.douts.count(), first, hi, false)
		f.alpha, f.a, f.c = g.Scale, g.dscore[(first-lo)*ld+u-from:], g.dqkv[g.at+width+u*3*width:]
		g.queries.multiply(g.space, f, 0, g.queries.count(), first, hi, false)
	}
}
