package kernel

// LossTerms are changes to the logits and to the loss that is computed from them. The zero value is the
// cross-entropy. Below, a are the logits after the cap.
type LossTerms struct {
	SoftCap   float32 // logits z first become SoftCap·tanh(z/SoftCap); 0 means no cap
	ZLoss     float32 // ZLoss·(log Σ exp a)² is added to the loss
	Smoothing float32 // the part of the target's probability 1 that is spread evenly over the vocabulary
}

// lossSlopes lends rows for the slopes of capped logits.
var lossSlopes scratch

// cap caps a row, and sets slope, unless nil, to the derivatives.
func (l LossTerms) cap(row, slope []float32) {
	if l.SoftCap > 0 {
		active.vec.scale(row, row, 2/l.SoftCap)
		capRow(row, slope, l.SoftCap)
	}
}

// of returns the loss of logits with the given log Σ exp (total) and mean, where at is the target's logit.
func (l LossTerms) of(total, mean, at float64) float32 {
	e := float64(l.Smoothing)
	return float32(total - (1-e)*at - e*mean + float64(l.ZLoss)*total*total)
}

// mean returns the mean of a row if Smoothing needs it, and 0 otherwise.
func (l LossTerms) mean(row []float32) float64 {
	if l.Smoothing == 0 {
		return 0
	}
	sum := 0.0
	for lo := 0; lo < len(row); lo += sumBlock {
		sum += float64(active.vec.sum(row[lo:min(lo+sumBlock, len(row))]))
	}
	return sum / float64(len(row))
}

// loss caps a row and returns its loss.
func (l LossTerms) loss(row []float32, target int) float32 {
	l.cap(row, nil)
	return l.of(LogSumExp(row), l.mean(row), float64(row[target]))
}

// lossGrad returns the loss and turns row into scale times its gradient.
func (l LossTerms) lossGrad(row, slope []float32, target int, scale float32) float32 {
	l.cap(row, slope)
	at, mean := float64(row[target]), l.mean(row)
	largest := active.vec.maximum(row)
	sum := expRow(row, row, largest)
	total := logTotal(largest, sum)
	active.vec.scale(row, row, float32(float64(scale)*(1+2*float64(l.ZLoss)*total)/sum))
	if l.Smoothing > 0 {
		each := scale * l.Smoothing / float32(len(row))
		active.vec.logSoftmax(row, row, each, 0) // subtracts it from each element
	}
	row[target] -= scale * (1 - l.Smoothing)
	if l.SoftCap > 0 {
		active.vec.mul(row, row, slope[:len(row)])
	}
	return l.of(total, mean, at)
}
