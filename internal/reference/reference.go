// Package reference computes the operations of GPT models in plain float64 loops,
// sharing no code with the rest of the module. Tests compare against it, and
// against finite differences of it.
package reference

import "math"

// Embed looks ids up in table, whose rows are width wide.
func Embed(table []float64, ids []int, width int) []float64 {
	var y []float64
	for _, id := range ids {
		y = append(y, table[id*width:(id+1)*width]...)
	}
	return y
}

// AddPositions adds row t of table to position t of every sequence.
func AddPositions(x, table []float64, context, width int) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		t := i / width % context
		y[i] = v + table[t*width+i%width]
	}
	return y
}

// LayerNorm normalizes rows as wide as gain; bias may be nil.
func LayerNorm(x, gain, bias []float64, epsilon float64) []float64 {
	width := len(gain)
	y := make([]float64, len(x))
	for at := 0; at < len(x); at += width {
		row := x[at : at+width]
		mean, variance := 0.0, 0.0
		for _, v := range row {
			mean += v / float64(width)
		}
		for _, v := range row {
			variance += (v - mean) * (v - mean) / float64(width)
		}
		for i, v := range row {
			y[at+i] = (v - mean) / math.Sqrt(variance+epsilon) * gain[i]
			if bias != nil {
				y[at+i] += bias[i]
			}
		}
	}
	return y
}

// MatMul multiplies a (m, k) by b (k, n).
func MatMul(a, b []float64, m, k, n int) []float64 {
	y := make([]float64, m*n)
	for i := range m {
		for j := range n {
			for q := range k {
				y[i*n+j] += a[i*k+q] * b[q*n+j]
			}
		}
	}
	return y
}

// Transpose turns x (m, n) into (n, m).
func Transpose(x []float64, m, n int) []float64 {
	y := make([]float64, len(x))
	for i := range m {
		for j := range n {
			y[j*m+i] = x[i*n+j]
		}
	}
	return y
}

// Linear is x·w + bias for w (from, to); bias may be nil.
func Linear(x, w, bias []float64, from, to int) []float64 {
	y := MatMul(x, w, len(x)/from, from, to)
	for i := range y {
		if bias != nil {
			y[i] += bias[i%to]
		}
	}
	return y
}

// Map applies f to every element.
func Map(f func(float64) float64, x []float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = f(v)
	}
	return y
}

// GELU is GELU in its tanh form.
func GELU(x float64) float64 {
	return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
}

// GELUErf is GELU in its exact form.
func GELUErf(x float64) float64 { return x * 0.5 * (1 + math.Erf(x/math.Sqrt2)) }

// ReLU is max(x, 0).
func ReLU(x float64) float64 { return math.Max(x, 0) }

// Add is a + b.
func Add(a, b []float64) []float64 {
	y := make([]float64, len(a))
	for i := range a {
		y[i] = a[i] + b[i]
	}
	return y
}

// Softmax returns the softmax of one row.
func Softmax(row []float64) []float64 {
	largest := math.Inf(-1)
	for _, v := range row {
		largest = math.Max(largest, v)
	}
	sum := 0.0
	for _, v := range row {
		sum += math.Exp(v - largest)
	}
	return Map(func(v float64) float64 { return math.Exp(v-largest) / sum }, row)
}

// Attention is causal self-attention over qkv (batch·context, 3·width). A positive window bounds how far a
// position looks back.
func Attention(qkv []float64, batch, context, heads, width, window int) []float64 {
	return DroppedAttention(qkv, batch, context, heads, width, window, func(int, int, int) float64 { return 1 })
}

// DroppedAttention is Attention in which the weight of query t on key u is multiplied by keep(head, t, u) after
// the softmax; heads are numbered through the whole batch.
func DroppedAttention(qkv []float64, batch, context, heads, width, window int, keep func(head, t, u int) float64) []float64 {
	size := width / heads
	y := make([]float64, batch*context*width)
	row := func(part, b, t, h int) []float64 {
		at := (b*context+t)*3*width + part*width + h*size
		return qkv[at : at+size]
	}
	for b := range batch {
		for h := range heads {
			for t := range context {
				first := 0
				if window > 0 {
					first = max(0, t-window+1)
				}
				var scores []float64
				for u := first; u <= t; u++ {
					score := 0.0
					for i, q := range row(0, b, t, h) {
						score += q * row(1, b, u, h)[i]
					}
					scores = append(scores, score/math.Sqrt(float64(size)))
				}
				for i, p := range Softmax(scores) {
					p *= keep(b*heads+h, t, first+i)
					for j, v := range row(2, b, first+i, h) {
						y[(b*context+t)*width+h*size+j] += p * v
					}
				}
			}
		}
	}
	return y
}

// CrossEntropy is the mean of −log softmax(row)[target] over the rows of width vocab that have a target, or 0 if
// none has. A negative target means none.
func CrossEntropy(logits []float64, targets []int, vocab int) float64 {
	loss, counted := 0.0, 0.0
	for n, target := range targets {
		if target >= 0 {
			loss -= math.Log(Softmax(logits[n*vocab : (n+1)*vocab])[target])
			counted++
		}
	}
	return loss / max(1, counted)
}

// Float64s converts a slice.
func Float64s(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}
