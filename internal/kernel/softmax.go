package kernel

import "math"

// LogSumExp is log Σ exp(row), shifted by the row's maximum so that it is finite
// wherever the row is.
func LogSumExp(row []float32) float64 {
	largest := maximum(row)
	if math.IsInf(float64(largest), 0) {
		return float64(largest)
	}
	var sum float64
	for _, v := range row {
		sum += float64(exp(v - largest))
	}
	return float64(largest) + math.Log(sum)
}

// Softmax sets each row of out to the softmax of x's row. out may be x.
func Softmax(out, x []float32, width int) {
	For(len(x)/width, 1+elementGrain/(16*width), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			softmaxRow(out[r*width:(r+1)*width], x[r*width:(r+1)*width])
		}
	})
}

func softmaxRow(out, x []float32) {
	largest := maximum(x)
	var sum float32
	for i, v := range x {
		out[i] = exp(v - largest)
		sum += out[i]
	}
	scale := 1 / sum
	for i := range out {
		out[i] *= scale
	}
}

// SoftmaxGrad sets dx = y·(dy − Σ y·dy) for each row of the softmax y.
func SoftmaxGrad(dx, y, dy []float32, width int) {
	For(len(y)/width, 1+elementGrain/(4*width), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			dx, y, dy := dx[r*width:(r+1)*width], y[r*width:(r+1)*width], dy[r*width:(r+1)*width]
			var dot float32
			for i, v := range y {
				dot += v * dy[i]
			}
			for i, v := range y {
				dx[i] = v * (dy[i] - dot)
			}
		}
	})
}

// LogSoftmax sets each row of out to x − log Σ exp(x).
func LogSoftmax(out, x []float32, width int) {
	For(len(x)/width, 1+elementGrain/(16*width), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			x, out := x[r*width:(r+1)*width], out[r*width:(r+1)*width]
			total := LogSumExp(x)
			for i, v := range x {
				out[i] = float32(float64(v) - total)
			}
		}
	})
}

// LogSoftmaxGrad sets dx = dy − exp(y)·Σ dy for each row of the log-softmax y.
func LogSoftmaxGrad(dx, y, dy []float32, width int) {
	For(len(y)/width, 1+elementGrain/(16*width), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			dx, y, dy := dx[r*width:(r+1)*width], y[r*width:(r+1)*width], dy[r*width:(r+1)*width]
			var sum float32
			for _, d := range dy {
				sum += d
			}
			for i, v := range y {
				dx[i] = dy[i] - exp(v)*sum
			}
		}
	})
}

func maximum(x []float32) float32 {
	m := x[0]
	for _, v := range x {
		m = max(m, v)
	}
	return m
}
