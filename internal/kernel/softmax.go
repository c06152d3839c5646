package kernel

import "math"

// sumBlock is the number of elements of a long row that are summed in float32 before their sum is added in
// float64.
const sumBlock = 1 << 10

// LogSumExp is log Σ exp(row), shifted by the row's maximum so that it is finite if the row is. It is NaN if an
// element is.
func LogSumExp(row []float32) float64 {
	largest := active.vec.maximum(row)
	var sum float64
	for lo := 0; lo < len(row); lo += sumBlock {
		sum += float64(active.vec.sumExp(row[lo:min(lo+sumBlock, len(row))], largest))
	}
	return logTotal(largest, sum)
}

// logTotal is the logarithm of e^largest·sum.
func logTotal(largest float32, sum float64) float64 {
	if math.IsInf(float64(largest), 0) {
		return float64(largest)
	}
	return float64(largest) + math.Log(sum)
}

// expRow sets out = exp(x − shift) and returns its sum. out may be x.
func expRow(out, x []float32, shift float32) float64 {
	var sum float64
	for lo := 0; lo < len(x); lo += sumBlock {
		hi := min(lo+sumBlock, len(x))
		sum += float64(active.vec.expSum(out[lo:hi], x[lo:hi], shift))
	}
	return sum
}

// Softmax sets each row of out to the softmax of x's row. out may be x.
func Softmax(out, x []float32, width int) {
	call{out: out[:len(x)], x: x, width: width}.split(len(x)/width, rowGrain(exponentialGrain, width), func(c *call, lo, hi int) {
		for r := lo; r < hi; r++ {
			out, x := c.row(c.out, r), c.row(c.x, r)
			sum := expRow(out, x, active.vec.maximum(x))
			active.vec.scale(out, out, float32(1/sum))
		}
	})
}

// SoftmaxGrad sets dx = y·(dy − Σ y·dy) for each row of the softmax y. dx may be dy or y.
func SoftmaxGrad(dx, y, dy []float32, width int) {
	n := len(y)
	call{out: dx[:n], x: y, y: dy[:n], width: width}.split(n/width, rowGrain(elementGrain, width), func(c *call, lo, hi int) {
		for r := lo; r < hi; r++ {
			y, dy := c.row(c.x, r), c.row(c.y, r)
			active.vec.softmaxGrad(c.row(c.out, r), y, dy, active.vec.dot(y, dy))
		}
	})
}

func softmaxGrad(dx, y, dy []float32, dot float32) {
	for i, v := range y {
		dx[i] = v * (dy[i] - dot)
	}
}

// LogSoftmax sets each row of out to x − log Σ exp(x). out may be x.
func LogSoftmax(out, x []float32, width int) {
	call{out: out[:len(x)], x: x, width: width}.split(len(x)/width, rowGrain(exponentialGrain, width), func(c *call, lo, hi int) {
		for r := lo; r < hi; r++ {
			x := c.row(c.x, r)
			total := LogSumExp(x)
			high := float32(total)
			active.vec.logSoftmax(c.row(c.out, r), x, high, float32(total-float64(high)))
		}
	})
}

func logSoftmax(out, x []float32, high, low float32) {
	for i, v := range x {
		out[i] = v - high - low
	}
}

// LogSoftmaxGrad sets dx = dy − exp(y)·Σ dy for each row of the log-softmax y. dx may be
// dy or y.
func LogSoftmaxGrad(dx, y, dy []float32, width int) {
	n := len(y)
	call{out: dx[:n], x: y, y: dy[:n], width: width}.split(n/width, rowGrain(exponentialGrain, width), func(c *call, lo, hi int) {
		for r := lo; r < hi; r++ {
			dy := c.row(c.y, r)
			active.vec.logSoftmaxGrad(c.row(c.out, r), c.row(c.x, r), dy, active.vec.sum(dy))
		}
	})
}

func logSoftmaxGrad(dx, y, dy []float32, sum float32) {
	for i, v := range y {
		dx[i] = dy[i] - float32(exp(float64(v)))*sum
	}
}

func maximum(x []float32) float32 {
	m := x[0]
	for _, v := range x {
		m = max(m, v)
	}
	return m
}

func sum(x []float32) float32 {
	var s float64
	for _, v := range x {
		s += float64(v)
	}
	return float32(s)
}

func dot(x, y []float32) float32 {
	var s float64
	for i, v := range x {
		s += float64(v) * float64(y[i])
	}
	return float32(s)
}
