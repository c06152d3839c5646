package kernel

import (
	"math"
	"slices"
	"testing"
	"time"
)

// headReference is Head.Loss in float64: the loss, the gradient of x, and that of w times alpha.
func headReference(x, w []float32, targets []int, weights []float32, width, vocab int, alpha float64) (loss float64, dx, dw []float64) {
	dx, dw = make([]float64, len(x)), make([]float64, len(w))
	n := 0
	for _, t := range targets {
		if t >= 0 {
			n++
		}
	}
	for r, t := range targets {
		if t < 0 {
			continue
		}
		weight := 1 / float64(n)
		if weights != nil {
			weight = float64(weights[r])
		}
		p, sum := make([]float64, vocab), 0.0
		for v := range p {
			for i := range width {
				p[v] += float64(x[r*width+i]) * float64(w[v*width+i])
			}
			p[v] = math.Exp(p[v])
			sum += p[v]
		}
		loss -= weight * math.Log(p[t]/sum)
		for v := range p {
			d := p[v] / sum
			if v == t {
				d--
			}
			for i := range width {
				dx[r*width+i] += weight * d * float64(w[v*width+i])
				dw[v*width+i] += alpha * weight * d * float64(x[r*width+i])
			}
		}
	}
	return loss, dx, dw
}

// TestHead checks loss and gradients over several chunks of rows, some of which have no target, with and without
// weights, and for all combinations of requested gradients. It also checks the mean cross-entropy of logits.
func TestHead(t *testing.T) {
	const width, vocab, alpha, beta = 5, 7, 0.5, 2
	near := func(what string, got []float32, want []float64) {
		t.Helper()
		for i, v := range got {
			if !(math.Abs(float64(v)-want[i]) <= 1e-5*(1+math.Abs(want[i]))) { // sums of 600 terms of order 1
				t.Fatalf("%s: element %d is %v, want %v", what, i, v, want[i])
			}
		}
	}
	for _, rows := range []int{1, headRows, 2*headRows + 70} {
		x, w, before := normals(1, rows*width), normals(2, vocab*width), normals(3, vocab*width)
		targets, weights := make([]int, rows), normals(4, rows)
		for i := range targets {
			targets[i] = i*i%(vocab+1) - i%2
			weights[i] /= float32(rows)
		}
		for _, weights := range [][]float32{nil, weights} {
			h := Head{Rows: rows, Width: width, Vocab: vocab}
			loss, dx, dw := headReference(x, w, targets, weights, width, vocab, alpha)
			for i := range dw {
				dw[i] += beta * float64(before[i])
			}
			for _, asked := range [][2]bool{{}, {true, false}, {false, true}, {true, true}} {
				g := HeadGrad{Alpha: alpha, Beta: beta}
				if asked[0] {
					g.DX = make([]float32, len(x))
				}
				if asked[1] {
					g.DW = slices.Clone(before)
				}
				near("the loss", []float32{h.Loss(x, HeadWeight{Numbers: w}, targets, weights, g, make([]float32, h.Logits()), make([]float32, rows))}, []float64{loss})
				near("dx", g.DX, dx)
				near("dw", g.DW, dw)
			}
		}
		logits := make([]float32, rows*vocab)
		Gemm(false, true, rows, vocab, width, 1, x, width, w, width, 0, logits, vocab)
		loss, dx, _ := headReference(x, w, targets, nil, width, vocab, 1)
		near("MeanCrossEntropy", []float32{MeanCrossEntropy(logits, targets, vocab)}, []float64{loss})
		MeanCrossEntropyGrad(logits, targets, vocab, alpha)
		got := make([]float32, len(x))
		Gemm(false, false, rows, width, vocab, 1/float32(alpha), logits, vocab, w, width, 0, got, width)
		near("MeanCrossEntropyGrad", got, dx)
	}
	// Without any target, all is zero.
	h := Head{Rows: 2, Width: 1, Vocab: 2}
	g := HeadGrad{DX: []float32{1, 1}, DW: []float32{1, 1}, Alpha: 1}
	none := []int{-1, -1}
	if loss := h.Loss([]float32{1, 2}, HeadWeight{Numbers: []float32{3, 4}}, none, nil, g, make([]float32, h.Logits()), make([]float32, 2)); loss != 0 || !slices.Equal(append(g.DX, g.DW...), make([]float32, 4)) {
		t.Errorf("without targets: %v, %v, %v", loss, g.DX, g.DW)
	}
	if loss := MeanCrossEntropy([]float32{1, 2, 3, 4}, none, 2); loss != 0 {
		t.Errorf("without targets: a mean of %v", loss)
	}
}

// BenchmarkHead times gpt2's head over 64 rows, forward and backward, alternately with and without each of the
// terms of its loss, and reports the ratios of the shortest times.
func BenchmarkHead(b *testing.B) {
	const rows, width, vocab = 64, 768, 50257
	x, w := normals(1, rows*width), normals(2, vocab*width)
	grad := HeadGrad{DX: make([]float32, rows*width), DW: make([]float32, vocab*width), Alpha: 1}
	terms := []LossTerms{{}, {SoftCap: 30}, {ZLoss: 1e-4}, {Smoothing: 0.1}}
	targets, losses := make([]int, rows), make([]float32, rows)
	logits := make([]float32, Head{Rows: rows, Width: width, Vocab: vocab}.Logits())
	shortest := make([]time.Duration, len(terms))
	for b.Loop() {
		for i, l := range terms {
			h := Head{Rows: rows, Width: width, Vocab: vocab, LossTerms: l}
			start := time.Now()
			h.Loss(x, HeadWeight{Numbers: w}, targets, nil, grad, logits, losses)
			if took := time.Since(start); shortest[i] == 0 || took < shortest[i] {
				shortest[i] = took
			}
		}
	}
	for i, name := range []string{"plain", "soft-cap", "z-loss", "smoothing"} {
		b.ReportMetric(shortest[i].Seconds()/shortest[0].Seconds(), name)
	}
}
