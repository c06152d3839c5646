package kernel

// LossTerms change logits a, and the loss that is made of them. The zero value is the cross-entropy.
type LossTerms struct {
	SoftCap   float32 // logits z become SoftCap·tanh(z/SoftCap) before all else; 0 is none
	ZLoss     float32 // times (log Σ exp a)² is added
	Smoothing float32 // is the part of the target's 1 that all tokens of the vocabulary share alike
}

// lossSlopes lends rows of the slopes of capped logits.
var lossSlopes scratch

// cap caps a row, and sets slope, if given, to the derivatives.
func (l LossTerms) cap(row, slope []float32) {
	if l.SoftCap > 0 {
		active.vec.scale(row, row, 2/l.SoftCap)
		capRow(row, slope, l.SoftCap)
	}
}

// of is the loss of logits whose log Σ exp is total, whose mean is mean, and of which that of the target is at.
func (l LossTerms) of(total, mean, at float64) float32 {
	e := float64(l.Smoothing)
	return float32(total - (1-e)*at - e*mean + float64(l.ZLoss)*total*total)
}

// mean is that of a row, if it is needed.
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

// loss is the loss of a row, which it caps.
func (l LossTerms) loss(row []float32, target int) float32 {
	l.cap(row, nil)
	return l.of(LogSumExp(row), l.mean(row), float64(row[target]))
}

// lossGrad is loss and turns row into scale times its gradient.
func (l LossTerms) lossGrad(row, slope []float32, target int, scale float32) float32 {
	l.cap(row, slope)
	at, mean := float64(row[target]), l.mean(row)
	largest := active.vec.maximum(row)
	sum := expRow(row, row, largest)
	total := logTotal(largest, sum)
	active.vec.scale(row, row, float32(float64(scale)*(1+2*float64(l.ZLoss)*total)/sum))
	if l.Smoothing > 0 {
		each := scale * l.Smoothing / float32(len(row))
		active.vec.logSoftmax(row, row, each, 0) // takes it from each
	}
	row[target] -= scale * (1 - l.Smoothing)
	if l.SoftCap > 0 {
		active.vec.mul(row, row, slope[:len(row)])
	}
	return l.of(total, mean, at)
}
