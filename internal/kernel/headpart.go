package kernel

// HeadPart is [Head] with a vocabulary that is divided among ranks: this rank has Vocab words, beginning at From,
// of Whole. The softmax of a row needs the largest logit over all ranks and the sums of two numbers, or three
// with Smoothing. They are exchanged for a chunk of rows at a time.
type HeadPart struct {
	Head
	From, Whole int
	Max, Sum    func(x []float32) error // combine x over the ranks, in place
}

// The sums over the ranks of each row.
const (
	exponentials = iota // Σ exp(a − the largest)
	atTarget            // the target's logit, from the rank that has it
	allLogits           // Σ a, for Smoothing
	headSums
)

// Told is the size of the buffer that [HeadPart.Loss] needs for its exchange with the other ranks.
func (h HeadPart) Told() int { return (1 + headSums) * min(headRows, h.Rows) }

// Slopes is the size of the buffer for the slopes of capped logits, or 0 if there is no cap.
func (h HeadPart) Slopes() int {
	if h.SoftCap == 0 {
		return 0
	}
	return h.Logits()
}

// Loss is [Head.Loss] over all ranks. It returns their common loss, the same on each rank, and computes this
// rank's rows of DW and its summand of DX. told (Told) and slopes (Slopes) are further buffers.
func (h HeadPart) Loss(x, w []float32, targets []int, weights []float32, g HeadGrad, logits, slopes, losses, told []float32) (float32, error) {
	n := max(1, counted(targets))
	scale := 1 / float32(n)
	if weights != nil {
		n, scale = 1, 1
	}
	beta, gradient := g.Beta, g.DX != nil || g.DW != nil
	for lo := 0; lo < h.Rows; lo += headRows {
		rows := min(headRows, h.Rows-lo)
		x := x[lo*h.Width : (lo+rows)*h.Width]
		GemmLike(h.Precision, rows, false, true, rows, h.Vocab, h.Width, 1, x, h.Width, w, h.Width, 0, logits, h.Vocab)
		c := headChunk{HeadPart: h, ids: targets[lo : lo+rows], logits: logits, slopes: slopes, losses: losses[lo:], largest: told[:rows], sums: told[rows:][:headSums*rows]}
		if weights != nil {
			c.weights = weights[lo:]
		}
		if err := c.run(scale, gradient); err != nil {
			return 0, err
		}
		if g.DX != nil {
			GemmLike(h.Precision, rows, false, false, rows, h.Width, h.Vocab, 1, logits, h.Vocab, w, h.Width, 0, g.DX[lo*h.Width:], h.Width)
		}
		if g.DW != nil {
			GemmLike(h.Precision, h.Vocab, true, false, h.Vocab, h.Width, rows, g.Alpha, logits, h.Vocab, x, h.Width, beta, g.DW, h.Width)
			beta = 1
		}
	}
	return weighedMean(losses[:h.Rows], weights, n), nil
}

// headChunk is a chunk of rows.
type headChunk struct {
	HeadPart
	ids                    []int
	logits, slopes, losses []float32
	weights                []float32 // or nil
	largest, sums          []float32 // for each row; sums has headSums slices, each with one sum for every row
}

// run stores the losses of the rows and turns their logits into the gradient.
func (c *headChunk) run(scale float32, gradient bool) error {
	c.each(func(r int, row []float32) {
		var slope []float32
		if c.SoftCap > 0 {
			slope = c.slopes[r*c.Vocab:][:c.Vocab]
		}
		c.cap(row, slope)
		c.largest[r] = active.vec.maximum(row)
	})
	if err := c.Max(c.largest); err != nil {
		return err
	}
	rows := len(c.ids)
	c.each(func(r int, row []float32) {
		at := float32(0)
		if t := c.ids[r] - c.From; t >= 0 && t < c.Vocab {
			at = row[t]
		}
		c.sums[atTarget*rows+r] = at
		c.sums[allLogits*rows+r] = float32(c.mean(row) * float64(len(row)))
		c.sums[exponentials*rows+r] = float32(expRow(row, row, c.largest[r]))
	})
	told := c.sums
	if c.Smoothing == 0 {
		told = told[:allLogits*rows]
	}
	if err := c.Sum(told); err != nil {
		return err
	}
	c.each(func(r int, row []float32) { c.finish(r, row, scale, gradient) })
	return nil
}

// each calls f for the rows that have a target, several at once. It sets the loss and the gradient of the other
// rows to 0.
func (c *headChunk) each(f func(r int, row []float32)) {
	For(len(c.ids), rowGrain(exponentialGrain, c.Vocab), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			row := c.logits[r*c.Vocab:][:c.Vocab]
			if c.ids[r] >= 0 {
				f(r, row)
				continue
			}
			clear(row)
			c.losses[r], c.largest[r] = 0, 0
			for i := range headSums {
				c.sums[i*len(c.ids)+r] = 0
			}
		}
	})
}

// finish computes the loss of row r, whose logits have been replaced by exponentials, and turns these into the
// gradient.
func (c *headChunk) finish(r int, row []float32, scale float32, gradient bool) {
	rows := len(c.ids)
	sum, at := float64(c.sums[exponentials*rows+r]), float64(c.sums[atTarget*rows+r])
	total := logTotal(c.largest[r], sum)
	c.losses[r] = c.of(total, float64(c.sums[allLogits*rows+r])/float64(c.Whole), at)
	if !gradient {
		return
	}
	if c.weights != nil {
		scale *= c.weights[r]
	}
	active.vec.scale(row, row, float32(float64(scale)*(1+2*float64(c.ZLoss)*total)/sum))
	if c.Smoothing > 0 {
		active.vec.logSoftmax(row, row, scale*c.Smoothing/float32(c.Whole), 0) // subtracts it from each element
	}
	if t := c.ids[r] - c.From; t >= 0 && t < c.Vocab {
		row[t] -= scale * (1 - c.Smoothing)
	}
	if c.SoftCap > 0 {
		active.vec.mul(row, row, c.slopes[r*c.Vocab:][:len(row)])
	}
}
