package kernel

// The sizes of what is worked on at once. They are part of the arithmetic: others would
// add in another order.
const (
	// queryTiles is the number of tiles of Gemm that a tile of queries is high.
	queryTiles = 8
	// keyBlock is the number of keys of which the backward pass holds the scores.
	keyBlock = 256
	// valueStep is the number of values that are summed in registers.
	valueStep = 256
)

// Attention is causal multi-head self-attention over Batch·Context rows of queries, keys and
// values. Of the Heads heads of queries, Heads/KVHeads one after the other share a head of keys
// and values (Ainslie et al. 2023, grouped queries). Scores are scaled by Scale.
type Attention struct {
	Batch, Context, Heads, KVHeads int
	Scale                          float32
	// Window bounds how far a query looks back: it sees itself and Window-1
	// positions before it. 0 is no bound.
	Window int

	backward *attentionGrad // of the last call, to use again
}

// StatsSize is the number of elements that Forward tells Backward of the softmaxes.
func (a *Attention) StatsSize() int { return 2 * a.Batch * a.Heads * a.Context }

// first is the first key that query t sees.
func (a *Attention) first(t int) int {
	if a.Window > 0 {
		return max(0, t-a.Window+1)
	}
	return 0
}

// group is the number of heads of queries that share keys and values.
func (a *Attention) group() int { return a.Heads / a.KVHeads }

// attentionWork lends memory to the heads of all layers, which take turns.
var attentionWork scratch

// each calls f for numbers up to n with memory of the given size.
func (a *Attention) each(n, memory int, f func(i int, memory []float32)) {
	For(n, 1, func(lo, hi int) {
		m := attentionWork.borrow(memory)
		defer attentionWork.giveBack(m)
		for i := lo; i < hi; i++ {
			f(i, m)
		}
	})
}

// weightIndex numbers the attention weight of query t on key u.
func (a *Attention) weightIndex(head, t, u int) uint64 {
	return (uint64(head)*uint64(a.Context)+uint64(t))*uint64(a.Context) + uint64(u)
}

// queryTile is the number of queries in a tile.
func (a *Attention) queryTile(set *isa) int { return min(queryTiles*set.rows, a.Context) }

// most is the number of columns of the panels of keys that as many queries in a row see.
func (a *Attention) most(keys panels, queries int) int {
	count := keys.count()
	if a.Window > 0 {
		count = min(count, (a.Window-1+queries+keys.cols-2)/keys.cols+1)
	}
	return count * keys.cols
}

// Forward fills out (Batch·Context, Heads·V.Size) and stats, which Backward needs: for every
// query of every head the largest score and 1/Σ exp(score − largest). mask drops attention
// weights after the softmax.
//
// The scores of a tile of queries are there at once; keys beyond the tile are skipped.
func (a *Attention) Forward(out, stats []float32, in QKV, mask Mask) {
	set, width := active, a.Heads*in.V.Size
	keys := newPanels(set, a.Context, in.K.Size, in.K.Size)
	values := newPanels(set, in.V.Size, a.Context, valueStep)
	rows := a.queryTile(set)
	ld := a.most(keys, rows)
	a.each(a.Batch*a.Heads, keys.size()+values.size()+rows*ld, func(head int, memory []float32) {
		s := workspaces.take()
		defer workspaces.put(s)
		row, h := head/a.Heads*a.Context, head%a.Heads
		in, out := in.from(row, h, h/a.group()), out[row*width+h*in.V.Size:]
		keys, values, stats := keys, values, stats[2*head*a.Context:]
		memory = keys.packHead(memory, true, in.K)
		scores := values.packHead(memory, false, in.V)
		for lo := 0; lo < a.Context; lo += rows {
			hi := min(lo+rows, a.Context)
			base := a.first(lo) / set.cols * set.cols // the key of the first column of scores
			for t := lo; t < hi; t += set.rows {
				// The queries of one tile of Gemm see the keys of whole panels, of which
				// some are masked.
				end := min(t+set.rows, hi)
				first := a.first(t) / set.cols
				keys.multiply(s, factor{
					m: end - t, alpha: a.Scale, a: in.Q.from(t, 0), lda: in.Q.Stride,
					c: scores[(t-lo)*ld+first*set.cols-base:], ldc: ld,
				}, first, (end+set.cols-1)/set.cols, 0, in.K.Size, true)
			}
			for t := lo; t < hi; t++ {
				row := scores[(t-lo)*ld:][:ld]
				start, tile := a.first(t), t-(t-lo)%set.rows
				seen := row[start-base : t+1-base]
				clear(row[a.first(tile)-base : start-base])
				clear(row[t+1-base : min(tile+set.rows, hi)-base])
				largest := set.vec.maximum(seen)
				stats[2*t], stats[2*t+1] = largest, float32(1/expRow(seen, seen, largest))
				if mask.On() {
					mask.row(seen, seen, a.weightIndex(head, t, start))
				}
			}
			for t := lo; t < hi; t += set.rows {
				end, first := min(t+set.rows, hi), a.first(t)
				values.multiply(s, factor{
					m: end - t, alpha: 1, a: scores[(t-lo)*ld+first-base:], lda: ld,
					c: out[t*width:], ldc: width,
				}, 0, values.count(), first, end, false)
				for t := t; t < end; t++ {
					row := out[t*width:][:in.V.Size]
					set.vec.scale(row, row, stats[2*t+1])
				}
			}
		}
	})
}
