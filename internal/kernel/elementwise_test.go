package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// publicCases call every exported function that shares out its work, on slices that are large enough for that,
// and return what they wrote.
func publicCases() map[string]func() []float32 {
	const rows, width, vocab = 700, 131, 1003
	n := rows * width
	x, y, gain, bias := normals(1, n), normals(2, n), normals(3, width), normals(4, width)
	logits, ids, targets := normals(5, 100*vocab), make([]int, rows), make([]int, 100)
	for i := range ids {
		ids[i] = i * i % 90
	}
	for i := range targets {
		targets[i] = i * 7
	}
	mean, rstd := make([]float32, rows), make([]float32, rows)
	LayerNorm(make([]float32, n), x, gain, bias, mean, rstd, 1e-5)
	softmaxed := make([]float32, len(logits))
	Softmax(softmaxed, logits, vocab)
	out := make([]float32, max(n, len(logits)))
	narrow, narrow2 := make([]float32, width), make([]float32, width)
	table := make([]float32, 90*width)
	mask := NewMask(0.2, 1, 2, 3)
	cases := map[string]func() []float32{
		"Add":         func() []float32 { Add(out[:n], x, y); return out[:n] },
		"Axpy":        func() []float32 { copy(out, x); Axpy(out[:n], 0.3, y); return out[:n] },
		"Mul":         func() []float32 { Mul(out[:n], x, y); return out[:n] },
		"Scale":       func() []float32 { Scale(out[:n], x, 0.3); return out[:n] },
		"RowDots":     func() []float32 { RowDots(out[:rows], x, y); return out[:rows] },
		"SoftCap":     func() []float32 { SoftCap(out[:n], x, 2); return out[:n] },
		"SoftCapGrad": func() []float32 { SoftCapGrad(out[:n], x, y, 2); return out[:n] },
		"AddRow":      func() []float32 { copy(out, x); AddRow(out[:n], bias, rows); return out[:n] },
		"AddPeriodic": func() []float32 { AddPeriodic(out[:n], x, y[:width*70]); return out[:n] },
		"SumRows":     func() []float32 { SumRows(narrow, x, rows); return narrow },
		"SumPeriodic": func() []float32 { SumPeriodic(table[:70*width], x); return table[:70*width] },
		"Gather":      func() []float32 { Gather(out[:n], x, ids, width); return out[:n] },
		"ScatterAxpy": func() []float32 { clear(table); ScatterAxpy(table, 0.5, x, ids, width); return table },
		"Mask":        func() []float32 { mask.Apply(out[:n], x); return out[:n] },
		"LayerNorm":   func() []float32 { LayerNorm(out[:n], x, gain, bias, mean, rstd, 1e-5); return out[:n] },
		"LayerNormGrad": func() []float32 {
			LayerNormGrad(out[:n], y, x, gain, mean, rstd)
			return out[:n]
		},
		"LayerNormGradParams": func() []float32 {
			LayerNormGradParams(narrow, narrow2, y, x, mean, rstd)
			return append(narrow[:width:width], narrow2...)
		},
		"RMSNorm":         func() []float32 { RMSNorm(out[:n], x, gain, rstd, 1e-5); return out[:n] },
		"RMSNormGrad":     func() []float32 { RMSNormGrad(out[:n], y, x, gain, rstd); return out[:n] },
		"RMSNormGradGain": func() []float32 { RMSNormGradGain(narrow, y, x, rstd); return narrow },
		"Sigmoid":         func() []float32 { Sigmoid(out[:n], x); return out[:n] },
		"SigmoidGrad":     func() []float32 { SigmoidGrad(out[:n], x, y); return out[:n] },
		"Softmax":         func() []float32 { Softmax(out[:len(logits)], logits, vocab); return out[:len(logits)] },
		"SoftmaxGrad":     func() []float32 { SoftmaxGrad(out[:len(logits)], softmaxed, logits, vocab); return out[:len(logits)] },
		"LogSoftmax":      func() []float32 { LogSoftmax(out[:len(logits)], logits, vocab); return out[:len(logits)] },
		"LogSoftmaxGrad":  func() []float32 { LogSoftmaxGrad(out[:len(logits)], logits, logits, vocab); return out[:len(logits)] },
		"MeanCrossEntropy": func() []float32 {
			narrow[0] = MeanCrossEntropy(logits, targets, vocab)
			return narrow[:1]
		},
		"MeanCrossEntropyGrad": func() []float32 {
			copy(out, logits)
			MeanCrossEntropyGrad(out[:len(logits)], targets, vocab, 0.01)
			return out[:len(logits)]
		},
	}
	for f := range activations {
		cases[fmt.Sprint("Activate ", f)] = func() []float32 { Activate(f, out[:n], x); return out[:n] }
		cases[fmt.Sprint("ActivateGrad ", f)] = func() []float32 { ActivateGrad(f, out[:n], x, y); return out[:n] }
	}
	return cases
}

func TestSameBitsForAnyGOMAXPROCS(t *testing.T) {
	withISA(t, "bits", func(t *testing.T) {
		for name, f := range publicCases() {
			var want []float32
			withProcs(1, func() { want = slices.Clone(f()) })
			for _, procs := range []int{2, 4, 7} {
				withProcs(procs, func() {
					if !slices.Equal(bitsOf(f()), bitsOf(want)) {
						t.Errorf("%s gives other bits with GOMAXPROCS %d than with 1", name, procs)
					}
				})
			}
		}
	})
}

func TestVectorKernelsAllocate(t *testing.T) {
	cases := publicCases()
	delete(cases, "LayerNormGradParams") // the test's own append
	c := adamWConstants(1, 1, 0.1)
	w, g, m, v := normals(1, 100000), normals(2, 100000), make([]float32, 100000), make([]float32, 100000)
	cases["AdamW"] = func() []float32 { c.Update(w, g, m, v); return nil }
	cases["SumSquares"] = func() []float32 { SumSquares(w); return nil }
	withProcs(2, func() {
		for name, f := range cases {
			wantNoAllocations(t, name, func() { f() })
		}
	})
}

// TestSumsAgainstFloat64 covers the functions that sum or repeat rows.
func TestSumsAgainstFloat64(t *testing.T) {
	const rows, width, period = 90, 37, 3
	x, row, ids := normals(1, rows*width), normals(2, period*width), make([]int, rows)
	for i := range ids {
		ids[i] = i * i % 11
	}
	sums, scattered := make([]float64, width), normals(3, 11*width)
	wantScattered := make([]float64, len(scattered))
	for i, v := range scattered {
		wantScattered[i] = float64(v)
	}
	for i, v := range x {
		sums[i%width] += float64(v)
		wantScattered[ids[i/width]*width+i%width] += 0.5 * float64(v)
	}
	withISA(t, "sums", func(t *testing.T) {
		got, table, gathered, periodic := make([]float32, width), slices.Clone(scattered), make([]float32, rows*width), make([]float32, rows*width)
		SumRows(got, x, rows)
		ScatterAxpy(table, 0.5, x, ids, width)
		Gather(gathered, scattered, ids, width)
		AddPeriodic(periodic, x, row)
		repeated := slices.Clone(x)
		AddRow(repeated, row[:width], rows-1)
		for i := range repeated {
			want := x[i]
			if i < (rows-1)*width {
				want += row[i%width]
			}
			if repeated[i] != want {
				t.Fatalf("AddRow %d is %v, want %v", i, repeated[i], want)
			}
		}
		for i, v := range got {
			if !(math.Abs(float64(v)-sums[i]) <= 1e-5) { // 90 terms of order 1, added in a row
				t.Fatalf("SumRows %d is %v, want %v", i, v, sums[i])
			}
		}
		for i, v := range table {
			if !(math.Abs(float64(v)-wantScattered[i]) <= 2e-6) { // 20 terms
				t.Fatalf("ScatterAxpy %d is %v, want %v", i, v, wantScattered[i])
			}
		}
		for i := range gathered {
			if want := scattered[ids[i/width]*width+i%width]; gathered[i] != want {
				t.Fatalf("Gather %d is %v, want %v", i, gathered[i], want)
			}
			if want := x[i] + row[i%len(row)]; periodic[i] != want {
				t.Fatalf("AddPeriodic %d is %v, want %v", i, periodic[i], want)
			}
		}
	})
}
