package kernel

import (
	"math"
	"slices"
	"testing"
)

// Bounds on the errors of whole rows against float64. tolProbability is relative to 1, the sum of a row's
// probabilities: it allows some roundings, and that of x - max, which is as large as 10 for the widest rows.
// tolLog is relative to the larger of 1 and the largest logit.
const (
	tolProbability = 4e-7
	tolLog         = 2e-7
)

// softmax64 returns the logarithm of Σ exp(x), and the softmax.
func softmax64(x []float32) (total float64, p []float64) {
	largest := float64(slices.Max(x))
	for _, v := range x {
		p = append(p, math.Exp(float64(v)-largest))
		total += p[len(p)-1]
	}
	for i := range p {
		p[i] /= total
	}
	return largest + math.Log(total), p
}

func TestSoftmaxAndCrossEntropy(t *testing.T) {
	for _, width := range []int{1, 2, 65, sumBlock - 1, sumBlock + 1, 50257} {
		x := normals(uint64(width), width)
		for i := range x {
			x[i] *= 5
		}
		total, p := softmax64(x)
		target := width / 2
		loss := total - float64(x[target])
		withISA(t, "softmax", func(t *testing.T) {
			if got := LogSumExp(x); !(math.Abs(got-total) <= tolLog*max(1, math.Abs(total))) {
				t.Errorf("width %d: LogSumExp is %v, want %v", width, got, total)
			}
			if got := CrossEntropy(x, target); !(math.Abs(float64(got)-loss) <= tolLog*20) {
				t.Errorf("width %d: CrossEntropy is %v, want %v", width, got, loss)
			}
			out, logs, grad := make([]float32, width), make([]float32, width), slices.Clone(x)
			Softmax(out, x, width)
			LogSoftmax(logs, x, width)
			if got, want := CrossEntropyGrad(grad, target, 0.5), CrossEntropy(x, target); got != want {
				t.Errorf("width %d: CrossEntropyGrad returns %v, CrossEntropy %v", width, got, want)
			}
			for i := range x {
				d := p[i]
				if i == target {
					d--
				}
				if !(math.Abs(float64(out[i])-p[i]) <= tolProbability*p[i]*20) {
					t.Fatalf("width %d: softmax %d is %v, want %v", width, i, out[i], p[i])
				}
				if want := float64(x[i]) - total; !(math.Abs(float64(logs[i])-want) <= tolLog*max(1, math.Abs(want))) {
					t.Fatalf("width %d: log-softmax %d is %v, want %v", width, i, logs[i], want)
				}
				if !(math.Abs(float64(grad[i])-0.5*d) <= tolProbability) {
					t.Fatalf("width %d: gradient %d is %v, want %v", width, i, grad[i], 0.5*d)
				}
			}
			Softmax(logs, x, width)
			Softmax(x[:0], x[:0], width)
		})
	}
}

func TestSoftmaxGradients(t *testing.T) {
	const rows, width = 3, 70
	x, dy := normals(1, rows*width), normals(2, rows*width)
	withISA(t, "gradients", func(t *testing.T) {
		y, logs, dx, dlogs := make([]float32, rows*width), make([]float32, rows*width), make([]float32, rows*width), make([]float32, rows*width)
		Softmax(y, x, width)
		LogSoftmax(logs, x, width)
		SoftmaxGrad(dx, y, dy, width)
		LogSoftmaxGrad(dlogs, logs, dy, width)
		for r := range rows {
			_, p := softmax64(x[r*width : (r+1)*width])
			var dot, sum float64
			for i, v := range p {
				dot += v * float64(dy[r*width+i])
				sum += float64(dy[r*width+i])
			}
			for i, v := range p {
				d := float64(dy[r*width+i])
				if got, want := float64(dx[r*width+i]), v*(d-dot); !(math.Abs(got-want) <= tolProbability) {
					t.Fatalf("softmax: row %d, %d: %v, want %v", r, i, got, want)
				}
				if got, want := float64(dlogs[r*width+i]), d-v*sum; !(math.Abs(got-want) <= 10*tolProbability) {
					t.Fatalf("log-softmax: row %d, %d: %v, want %v", r, i, got, want)
				}
			}
		}
	})
}

// TestLossesKeepNaN: the trainer stops on a loss that is not finite, so NaN must reach it.
func TestLossesKeepNaN(t *testing.T) {
	withISA(t, "NaN", func(t *testing.T) {
		for _, width := range []int{1, 65, sumBlock + 70} {
			for _, at := range []int{0, width / 2, width - 1} {
				x := normals(1, width)
				x[at] = float32(math.NaN())
				if l := CrossEntropy(x, 0); l == l {
					t.Errorf("width %d, NaN at %d: CrossEntropy is %v", width, at, l)
				}
				if l := MeanCrossEntropy(x, []int{0}, width); l == l {
					t.Errorf("width %d, NaN at %d: MeanCrossEntropy is %v", width, at, l)
				}
				y := make([]float32, width)
				Softmax(y, x, width)
				for i := range y {
					if y[i] == y[i] {
						t.Fatalf("width %d, NaN at %d: softmax %d is %v", width, at, i, y[i])
					}
				}
				if l := CrossEntropyGrad(x, 0, 1); l == l {
					t.Errorf("width %d, NaN at %d: CrossEntropyGrad returns %v", width, at, l)
				}
			}
		}
	})
}

func TestLogSumExpOfInfinities(t *testing.T) {
	inf := float32(math.Inf(1))
	withISA(t, "infinities", func(t *testing.T) {
		for _, c := range []struct {
			row  []float32
			want float64
		}{
			{[]float32{-inf, -inf}, math.Inf(-1)},
			{[]float32{-inf, 3}, 3},
			{[]float32{1, inf}, math.Inf(1)},
			{[]float32{math.MaxFloat32, math.MaxFloat32}, math.MaxFloat32},
			{[]float32{-math.MaxFloat32, -math.MaxFloat32}, -math.MaxFloat32},
		} {
			if got := LogSumExp(c.row); got != c.want {
				t.Errorf("LogSumExp(%v) is %v, want %v", c.row, got, c.want)
			}
		}
	})
}
