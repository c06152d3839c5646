package kernel

// elementGrain is the number of elements that are worth another goroutine.
const elementGrain = 1 << 14

// Add sets out = a + b.
func Add(out, a, b []float32) {
	For(len(out), elementGrain, func(lo, hi int) {
		out, a, b := out[lo:hi], a[lo:hi], b[lo:hi]
		for i := range out {
			out[i] = a[i] + b[i]
		}
	})
}

// Axpy adds alpha·x to y.
func Axpy(y []float32, alpha float32, x []float32) {
	For(len(y), elementGrain, func(lo, hi int) {
		y, x := y[lo:hi], x[lo:hi]
		for i := range y {
			y[i] += alpha * x[i]
		}
	})
}

// Scale multiplies x by alpha.
func Scale(x []float32, alpha float32) {
	For(len(x), elementGrain, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			x[i] *= alpha
		}
	})
}

// AddRow adds the row bias to each of the rows of x.
func AddRow(x, bias []float32, rows int) {
	width := len(bias)
	For(rows, 1+elementGrain/width, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			row := x[r*width : (r+1)*width]
			for i := range row {
				row[i] += bias[i]
			}
		}
	})
}

// SumRows sets out to the sum of the rows of x, each as wide as out.
func SumRows(out, x []float32, rows int) {
	width := len(out)
	For(width, 1+elementGrain/(rows+1), func(lo, hi int) {
		out := out[lo:hi]
		clear(out)
		for r := range rows {
			for i, v := range x[r*width+lo : r*width+hi] {
				out[i] += v
			}
		}
	})
}
