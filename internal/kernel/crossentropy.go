package kernel

// headRows is the number of rows whose logits are held at a time. It is part of the arithmetic: the gradient of
// the weight is a sum over chunks of this size.
const headRows = 256

// counted returns the number of targets. A negative entry marks a row without a target, which counts neither in
// the mean loss nor in its gradient.
func counted(targets []int) int {
	n := 0
	for _, t := range targets {
		if t >= 0 {
			n++
		}
	}
	return n
}

// Head is a linear layer onto a vocabulary followed by the mean cross-entropy. It works in chunks of rows, so
// that the logits of a whole batch never exist at once, and computes the gradients along with the loss, while it
// has a chunk's logits.
type Head struct {
	Rows, Width, Vocab int
	Precision          Precision // of the products
	LossTerms
}

// Logits is the number of logits in a chunk.
func (h Head) Logits() int { return min(headRows, h.Rows) * h.Vocab }

// HeadGrad says where [Head.Loss] puts gradients: DX (Rows, Width) is set to the gradient of x, and DW (Vocab,
// Width) to Alpha times the gradient of w plus Beta times DW. Either may be nil.
type HeadGrad struct {
	DX, DW      []float32
	Alpha, Beta float32
}

// HeadWeight is the weight (Vocab, Width) of a [Head]: either Numbers, or Packed if no gradient is wanted.
type HeadWeight struct {
	Numbers []float32
	Packed  *Packed
}

// Loss returns the mean of −log softmax(x·wᵀ) at the targets, over the rows of x (Rows, Width) that have one, for
// w (Vocab, Width). It also computes the gradients that g asks for. If no row has a target, loss and gradients
// are zero. With weights, one for each row, the loss is the weighted sum instead of the mean. logits (Logits) and
// losses (Rows) are buffers.
func (h Head) Loss(x []float32, w HeadWeight, targets []int, weights []float32, g HeadGrad, logits, losses []float32) float32 {
	n := max(1, counted(targets))
	scale := 1 / float32(n)
	if weights != nil {
		n, scale = 1, 1
	}
	beta := g.Beta
	for lo := 0; lo < h.Rows; lo += headRows {
		rows := min(headRows, h.Rows-lo)
		x := x[lo*h.Width : (lo+rows)*h.Width]
		if w.Packed != nil {
			GemmPacked(h.Precision, rows, rows, x, w.Packed, logits)
		} else {
			GemmLike(h.Precision, rows, false, true, rows, h.Vocab, h.Width, 1, x, h.Width, w.Numbers, h.Width, 0, logits, h.Vocab)
		}
		c := call{x: logits, out: losses[lo:], ids: targets[lo : lo+rows], alpha: scale, width: h.Vocab, terms: h.LossTerms}
		if weights != nil {
			c.weight = weights[lo:]
		}
		c.rowLosses(g.DX != nil || g.DW != nil)
		if g.DX != nil {
			GemmLike(h.Precision, rows, false, false, rows, h.Width, h.Vocab, 1, logits, h.Vocab, w.Numbers, h.Width, 0, g.DX[lo*h.Width:], h.Width)
		}
		if g.DW != nil {
			GemmLike(h.Precision, h.Vocab, true, false, h.Vocab, h.Width, rows, g.Alpha, logits, h.Vocab, x, h.Width, beta, g.DW, h.Width)
			beta = 1
		}
	}
	return weighedMean(losses[:h.Rows], weights, n)
}

// weighedMean returns the sum of the losses, each times its weight if there are weights, divided by n.
func weighedMean(losses, weights []float32, n int) float32 {
	var sum float64
	for r, l := range losses {
		if weights != nil {
			l *= weights[r]
		}
		sum += float64(l)
	}
	return float32(sum / float64(n))
}

// rowLosses stores the losses of the rows and, if gradient is set, turns their logits into the gradient of the
// mean.
func (c call) rowLosses(gradient bool) {
	rows, grain := len(c.ids), rowGrain(exponentialGrain, c.width)
	if gradient {
		c.split(rows, grain, func(c *call, from, to int) {
			for r := from; r < to; r++ {
				c.out[r] = c.crossEntropyGrad(r)
			}
		})
		return
	}
	c.split(rows, grain, func(c *call, from, to int) {
		for r := from; r < to; r++ {
			c.out[r] = c.crossEntropy(r)
		}
	})
}

// crossEntropy is CrossEntropy of row r, or 0 if the row has no target.
func (c *call) crossEntropy(r int) float32 {
	if c.ids[r] < 0 {
		return 0
	}
	if c.terms != (LossTerms{}) {
		return c.terms.loss(c.row(c.x, r), c.ids[r])
	}
	return CrossEntropy(c.row(c.x, r), c.ids[r])
}

// crossEntropyGrad is CrossEntropyGrad of row r, or 0 if the row has no target.
func (c *call) crossEntropyGrad(r int) float32 {
	row := c.row(c.x, r)
	if c.ids[r] < 0 {
		clear(row)
		return 0
	}
	scale := c.alpha
	if c.weight != nil {
		scale *= c.weight[r]
	}
	if c.terms != (LossTerms{}) {
		slope := lossSlopes.borrow(c.width)
		defer lossSlopes.giveBack(slope)
		return c.terms.lossGrad(row, slope, c.ids[r], scale)
	}
	return CrossEntropyGrad(row, c.ids[r], scale)
}

// CrossEntropy is −log softmax(row)[target].
func CrossEntropy(row []float32, target int) float32 {
	return float32(LogSumExp(row) - float64(row[target]))
}

// CrossEntropyGrad returns the CrossEntropy and turns row into scale times its gradient, which is softmax(row)
// minus 1 at the target.
func CrossEntropyGrad(row []float32, target int, scale float32) float32 {
	at := row[target]
	largest := active.vec.maximum(row)
	sum := expRow(row, row, largest)
	active.vec.scale(row, row, float32(float64(scale)/sum))
	row[target] -= scale
	return float32(logTotal(largest, sum) - float64(at))
}

// rowLosses lends the losses of rows to [MeanCrossEntropy].
var rowLosses scratch

// MeanCrossEntropy is the mean of CrossEntropy over the rows, of width vocab, that have a target, or 0 if none
// has.
func MeanCrossEntropy(logits []float32, targets []int, vocab int) float32 {
	losses := rowLosses.borrow(len(targets))
	defer rowLosses.giveBack(losses)
	call{x: logits, ids: targets, out: losses, width: vocab}.rowLosses(false)
	var sum float64
	for _, l := range losses {
		sum += float64(l)
	}
	return float32(sum / float64(max(1, counted(targets))))
}

// MeanCrossEntropyGrad turns logits into scale times the gradient of their MeanCrossEntropy.
func MeanCrossEntropyGrad(logits []float32, targets []int, vocab int, scale float32) {
	scale /= float32(max(1, counted(targets)))
	call{x: logits, ids: targets, alpha: scale, width: vocab}.split(len(targets), rowGrain(exponentialGrain, vocab), func(c *call, lo, hi int) {
		for r := lo; r < hi; r++ {
			c.crossEntropyGrad(r)
		}
	})
}
