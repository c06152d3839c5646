package kernel

// Block sizes. They are part of the arithmetic: other sizes would change the order of additions.
const (
	// queryTiles is the height of a tile of queries, in tiles of Gemm.
	queryTiles = 8
	// keyBlock is the number of keys whose scores the backward pass holds at a time.
	keyBlock = 256
	// valueStep is the number of values that are summed in registers.
	valueStep = 256
)

// Attention is causal multi-head self-attention over Batch·Context rows of queries, keys and values. Each group
// of Heads/KVHeads consecutive query heads shares one head of keys and values (Ainslie et al. 2023, grouped
// queries). Scores are scaled by Scale.
type Attention struct {
	Batch, Context, Heads, KVHeads int
	Scale                          float32
	// Window bounds how far a query looks back: it sees itself and the Window-1 positions before it. 0 means no
	// bound.
	Window    int
	Precision Precision // of the products
	// Of, if positive, is the total number of query heads, of which these are a part that begins at head From.
	// Dropout masks are numbered over all of them.
	Of, From int
	Variants

	backward *attentionGrad // of the last call, for reuse
}

// StatsSize is the number of softmax statistics that Forward leaves for Backward.
func (a *Attention) StatsSize() int { return 2 * a.Batch * a.Heads * a.Context }

// first returns the first key that query t sees.
func (a *Attention) first(t int) int {
	if a.Window > 0 {
		return max(0, t-a.Window+1)
	}
	return 0
}

// group is the number of query heads that share a head of keys and values.
func (a *Attention) group() int { return a.Heads / a.KVHeads }

// attentionWork lends memory to the heads of all layers, which run in turn.
var attentionWork scratch

// each calls f for every i below n, with a buffer of the given size.
func (a *Attention) each(n, memory int, f func(i int, memory []float32)) {
	For(n, 1, func(lo, hi int) {
		m := attentionWork.borrow(memory)
		defer attentionWork.giveBack(m)
		for i := lo; i < hi; i++ {
			f(i, m)
		}
	})
}

// weightIndex numbers the attention weight of query t on key u for the dropout mask.
func (a *Attention) weightIndex(head, t, u int) uint64 {
	if a.Of > 0 {
		head = head/a.Heads*a.Of + a.From + head%a.Heads
	}
	return (uint64(head)*uint64(a.Context)+uint64(t))*uint64(a.Context) + uint64(u)
}

// queryTile is the number of queries in a tile.
func (a *Attention) queryTile(set *isa) int { return min(queryTiles*set.rows, a.Context) }

// most is the largest number of score columns, in whole panels of keys, that the given number of consecutive
// queries see.
func (a *Attention) most(keys panels, queries int) int {
	count := keys.count()
	if a.Window > 0 {
		count = min(count, (a.Window-1+queries+keys.cols-2)/keys.cols+1)
	}
	return count * keys.cols
}

// Forward fills out (Batch·Context, Heads·V.Size) and stats, which Backward needs: for every query of every head,
// the largest score and 1/Σ exp(score − largest). mask drops attention weights after the softmax.
func (a *Attention) Forward(out, stats []float32, in QKV, mask Mask) {
	x := a.newHead(a.Context, a.Context, in)
	a.each(a.Batch*a.Heads, x.memory(), func(head int, memory []float32) {
		x, row, h := x, head/a.Heads*a.Context, head%a.Heads
		in := in.from(row, h, h/a.group())
		x.pack(memory, in.K, in.V)
		x.h, x.q, x.sink = h, in.Q, in.Sinks
		x.out, x.stats = out[row*x.width+h*in.V.Size:], stats[2*head*a.Context:]
		if mask.On() {
			x.drop = func(seen []float32, t int) { mask.row(seen, seen, a.weightIndex(head, t, a.first(t))) }
		}
		x.run(0, a.Context)
	})
}

// headAttention is attention for some queries of one head.
type headAttention struct {
	*Attention
	set          *isa
	keys, values panels
	rows, ld     int // of the scores of a tile of queries
	scores       []float32
	h            int       // index of the head in its row
	sink         []float32 // its sink, or nil
	q            Heads     // begins at the first of the queries
	out, stats   []float32 // begin there too; rows of out are width apart
	width        int
	drop         func(seen []float32, t int) // drops weights of query t; may be nil
}

// newHead describes a head with the given numbers of queries, and of keys and values up to those of the last
// query. Sizes are those of in.
func (a *Attention) newHead(queries, keys int, in QKV) headAttention {
	x := headAttention{Attention: a, set: a.Precision.isa(), width: a.Heads * in.V.Size}
	x.keys = newPanels(x.set, keys, in.K.Size, in.K.Size)
	x.values = newPanels(x.set, in.V.Size, keys, valueStep)
	x.rows = min(queryTiles*x.set.rows, queries)
	x.ld = a.most(x.keys, x.rows)
	return x
}

// memory is the size of the buffer that pack needs.
func (x *headAttention) memory() int { return x.keys.size() + x.values.size() + x.rows*x.ld }

// pack packs the keys and values.
func (x *headAttention) pack(memory []float32, keys, values Heads) {
	x.scores = x.values.packHead(x.keys.packHead(memory, true, keys), false, values)
}

// run computes the queries at positions from to to-1, counted from the first key. It holds the scores of one tile
// of queries at a time and skips keys beyond the tile.
func (x *headAttention) run(from, to int) {
	s := workspaces.take()
	defer workspaces.put(s)
	for lo := from; lo < to; lo += x.rows {
		hi := min(lo+x.rows, to)
		base := x.first(lo) / x.set.cols * x.set.cols // the key of the first column of scores
		for t := lo; t < hi; t += x.set.rows {
			// The queries of one tile of Gemm see the keys of whole panels, some of which are masked.
			end := min(t+x.set.rows, hi)
			first := x.first(t) / x.set.cols
			x.keys.multiply(s, factor{
				m: end - t, alpha: x.alpha(x.Scale), a: x.q.from(t-from, 0), lda: x.q.Stride,
				c: x.scores[(t-lo)*x.ld+first*x.set.cols-base:], ldc: x.ld,
			}, first, (end+x.set.cols-1)/x.set.cols, 0, x.keys.k, true)
		}
		for t := lo; t < hi; t++ {
			row := x.scores[(t-lo)*x.ld:][:x.ld]
			start, tile := x.first(t), t-(t-lo)%x.set.rows
			seen := row[start-base : t+1-base]
			clear(row[x.first(tile)-base : start-base])
			clear(row[t+1-base : min(tile+x.set.rows, hi)-base])
			if x.any() {
				x.apply(seen, nil, x.h, start-t)
			}
			largest := x.set.vec.maximum(seen)
			if x.sink != nil {
				largest = max(largest, x.sink[0])
			}
			x.stats[2*(t-from)], x.stats[2*(t-from)+1] = largest, float32(1/(expRow(seen, seen, largest)+sinkTerm(x.sink, largest)))
			if x.drop != nil {
				x.drop(seen, t)
			}
		}
		for t := lo; t < hi; t += x.set.rows {
			end, first := min(t+x.set.rows, hi), x.first(t)
			x.values.multiply(s, factor{
				m: end - t, alpha: 1, a: x.scores[(t-lo)*x.ld+first-base:], lda: x.ld,
				c: x.out[(t-from)*x.width:], ldc: x.width,
			}, 0, x.values.count(), first, end, false)
			for t := t; t < end; t++ {
				row := x.out[(t-from)*x.width:][:x.values.n]
				x.set.vec.scale(row, row, x.stats[2*(t-from)+1])
			}
		}
	}
}
