package kernel

// queryTile is the number of queries whose scores are held at once. It is part of
// the arithmetic: another tile would add in another order.
const queryTile = 64

// Attention is causal multi-head self-attention over qkv of shape (Batch·Context,
// 3·Heads·Size), in which a row holds the queries, keys and values of all heads
// side by side. Scores are scaled by Scale.
type Attention struct {
	Batch, Context, Heads, Size int
	Scale                       float32
	// Window bounds how far a query looks back: it sees itself and Window-1
	// positions before it. 0 is no bound.
	Window int

	work scratch
}

// span is the range of keys that the queries lo to hi-1 see.
func (a *Attention) span(lo, hi int) (from, to int) {
	if a.Window > 0 {
		from = max(0, lo-a.Window+1)
	}
	return from, hi
}

// first is the first key that query t sees.
func (a *Attention) first(t int) int {
	if a.Window > 0 {
		return max(0, t-a.Window+1)
	}
	return 0
}

// heads calls f for every head of every sequence with the offset of its first
// query in qkv and in the output.
func (a *Attention) heads(f func(head, qkv, out int, tile []float32)) {
	width := a.Heads * a.Size
	For(a.Batch*a.Heads, 1, func(lo, hi int) {
		tile := a.work.borrow(2 * min(queryTile, a.Context) * a.Context)
		defer a.work.giveBack(tile)
		for i := lo; i < hi; i++ {
			b, h := i/a.Heads, i%a.Heads
			f(i, b*a.Context*3*width+h*a.Size, b*a.Context*width+h*a.Size, tile)
		}
	})
}

// Forward fills out (Batch·Context, Heads·Size) and the log-sum-exp of every
// query's scores, lse (Batch·Heads, Context), which Backward needs. mask drops
// attention weights after the softmax.
func (a *Attention) Forward(out, lse, qkv []float32, mask Mask) {
	width := a.Heads * a.Size
	a.heads(func(head, at, to int, tile []float32) {
		k, v := qkv[at+width:], qkv[at+2*width:]
		lse := lse[head*a.Context : (head+1)*a.Context]
		for lo := 0; lo < a.Context; lo += queryTile {
			hi := min(lo+queryTile, a.Context)
			from, end := a.span(lo, hi)
			keys := end - from
			Gemm(false, true, hi-lo, keys, a.Size, a.Scale, qkv[at+lo*3*width:], 3*width, k[from*3*width:], 3*width, 0, tile, keys)
			for t := lo; t < hi; t++ {
				row := tile[(t-lo)*keys : (t-lo+1)*keys]
				start, stop := a.first(t)-from, t+1-from
				clear(row[:start])
				clear(row[stop:])
				seen := row[start:stop]
				largest := active.vec.maximum(seen)
				sum := expRow(seen, seen, largest)
				lse[t] = float32(logTotal(largest, sum))
				active.vec.scale(seen, seen, float32(1/sum))
				if mask.On() {
					mask.row(seen, seen, a.weightIndex(head, t, from+start))
				}
			}
			Gemm(false, false, hi-lo, a.Size, keys, 1, tile, keys, v[from*3*width:], 3*width, 0, out[to+lo*width:], width)
		}
	})
}

// weightIndex numbers the attention weight of query t on key u.
func (a *Attention) weightIndex(head, t, u int) uint64 {
	return (uint64(head)*uint64(a.Context)+uint64(t))*uint64(a.Context) + uint64(u)
}

// Backward fills dqkv from the gradient dout of Forward's out. It computes the
// weights again from the scores and lse.
func (a *Attention) Backward(dqkv, dout, qkv, out, lse []float32, mask Mask) {
	width := a.Heads * a.Size
	a.heads(func(head, at, to int, tile []float32) {
		k, v := qkv[at+width:], qkv[at+2*width:]
		dk, dv := dqkv[at+width:], dqkv[at+2*width:]
		lse := lse[head*a.Context : (head+1)*a.Context]
		for t := range a.Context {
			clear(dk[t*3*width : t*3*width+a.Size])
			clear(dv[t*3*width : t*3*width+a.Size])
		}
		for lo := 0; lo < a.Context; lo += queryTile {
			hi := min(lo+queryTile, a.Context)
			from, end := a.span(lo, hi)
			keys := end - from
			p, dp := tile[:(hi-lo)*keys], tile[len(tile)/2:][:(hi-lo)*keys]
			q, do := qkv[at+lo*3*width:], dout[to+lo*width:]
			Gemm(false, true, hi-lo, keys, a.Size, a.Scale, q, 3*width, k[from*3*width:], 3*width, 0, p, keys)
			Gemm(false, true, hi-lo, keys, a.Size, 1, do, width, v[from*3*width:], 3*width, 0, dp, keys)
			for t := lo; t < hi; t++ {
				// Σ p·dp over the keys equals the output's product with its gradient.
				dot := active.vec.dot(do[(t-lo)*width:][:a.Size], out[to+t*width:][:a.Size])
				row, drow := p[(t-lo)*keys:(t-lo+1)*keys], dp[(t-lo)*keys:(t-lo+1)*keys]
				start, stop := a.first(t)-from, t+1-from
				clear(row[:start])
				clear(drow[:start])
				clear(row[stop:])
				clear(drow[stop:])
				row, drow = row[start:stop], drow[start:stop]
				active.vec.expScale(row, row, lse[t], 1)
				if !mask.On() {
					active.vec.softmaxGrad(drow, row, drow, dot)
					continue
				}
				first := a.weightIndex(head, t, from+start)
				mask.row(drow, drow, first)
				active.vec.softmaxGrad(drow, row, drow, dot)
				mask.row(row, row, first)
			}
			Gemm(true, false, keys, a.Size, hi-lo, 1, p, keys, do, width, 1, dv[from*3*width:], 3*width)
			Gemm(false, false, hi-lo, a.Size, keys, a.Scale, dp, keys, k[from*3*width:], 3*width, 0, dqkv[at+lo*3*width:], 3*width)
			Gemm(true, false, keys, a.Size, hi-lo, a.Scale, dp, keys, q, 3*width, 1, dk[from*3*width:], 3*width)
		}
	})
}
