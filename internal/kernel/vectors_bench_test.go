package kernel

import (
	"fmt"
	"testing"
)

// benchElements times f, which handles n elements and moves bytes for each, on every
// instruction set.
func benchElements(b *testing.B, n, bytes int, f func()) {
	before := active
	defer func() { active = before }()
	for _, s := range supported {
		active = s
		b.Run(s.name, func(b *testing.B) {
			b.SetBytes(int64(n * bytes))
			for b.Loop() {
				f()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/element")
		})
	}
}

func BenchmarkActivate(b *testing.B) {
	const n = 256 * 1024
	x, out, dy := normals(1, n), make([]float32, n), normals(2, n)
	for f, name := range []string{GELUTanh: "GELUTanh", GELUErf: "GELUErf", ReLU: "ReLU", SquaredReLU: "SquaredReLU", SiLU: "SiLU", QuickGELU: "QuickGELU"} {
		b.Run(name, func(b *testing.B) { benchElements(b, n, 8, func() { Activate(Activation(f), out, x) }) })
		b.Run(name+"Grad", func(b *testing.B) {
			benchElements(b, n, 12, func() { ActivateGrad(Activation(f), out, x, dy) })
		})
	}
}

func BenchmarkRows(b *testing.B) {
	for _, width := range []int{64, 1024, 50257} {
		rows := 1<<18/width + 1
		n := rows * width
		x, y, out := normals(1, n), make([]float32, n), make([]float32, n)
		Softmax(y, x, width)
		targets := make([]int, rows)
		for name, f := range map[string]func(){
			"Softmax":              func() { Softmax(out, x, width) },
			"SoftmaxGrad":          func() { SoftmaxGrad(out, y, x, width) },
			"LogSoftmax":           func() { LogSoftmax(out, x, width) },
			"MeanCrossEntropy":     func() { MeanCrossEntropy(x, targets, width) },
			"MeanCrossEntropyGrad": func() { MeanCrossEntropyGrad(y, targets, width, 1) },
		} {
			b.Run(fmt.Sprint(name, "/", width), func(b *testing.B) { benchElements(b, n, 8, f) })
		}
	}
}

func BenchmarkLayerNorm(b *testing.B) {
	for _, width := range []int{128, 768} {
		rows := 1 << 18 / width
		n := rows * width
		x, dy, out := normals(1, n), normals(2, n), make([]float32, n)
		gain, bias, dgain, dbias := normals(3, width), normals(4, width), make([]float32, width), make([]float32, width)
		mean, rstd := make([]float32, rows), make([]float32, rows)
		b.Run(fmt.Sprint("Forward/", width), func(b *testing.B) {
			benchElements(b, n, 8, func() { LayerNorm(out, x, gain, bias, mean, rstd, 1e-5) })
		})
		b.Run(fmt.Sprint("Grad/", width), func(b *testing.B) {
			benchElements(b, n, 12, func() { LayerNormGrad(out, dy, x, gain, mean, rstd) })
		})
		b.Run(fmt.Sprint("GradParams/", width), func(b *testing.B) {
			benchElements(b, n, 8, func() { LayerNormGradParams(dgain, dbias, dy, x, mean, rstd) })
		})
	}
}

func BenchmarkElementwise(b *testing.B) {
	const width = 768
	for _, rows := range []int{64, 1024} {
		n := rows * width
		x, y, out, row := normals(1, n), normals(2, n), make([]float32, n), normals(3, width)
		ids := make([]int, rows)
		for i := range ids {
			ids[i] = i * 7 % rows
		}
		mask := NewMask(0.1, 1, 2, 3)
		for _, c := range []struct {
			name  string
			bytes int
			f     func()
		}{
			{"Add", 12, func() { Add(out, x, y) }},
			{"Axpy", 12, func() { Axpy(out, 1e-9, x) }},
			{"Scale", 8, func() { Scale(out, out, 1) }},
			{"AddRow", 8, func() { AddRow(out, row, rows) }},
			{"SumRows", 4, func() { SumRows(row, x, rows) }},
			{"Gather", 8, func() { Gather(out, x, ids, width) }},
			{"ScatterAxpy", 12, func() { ScatterAxpy(out, 1e-9, x, ids, width) }},
			{"Dropout", 8, func() { mask.Apply(out, x) }},
		} {
			b.Run(fmt.Sprint(c.name, "/", n), func(b *testing.B) { benchElements(b, n, c.bytes, c.f) })
		}
	}
}
