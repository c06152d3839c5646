package kernel

// vectors is the set of element-wise and row kernels of one instruction set. The slices of a call have the same
// length unless stated otherwise. They may be the same slice, but must not overlap otherwise.
//
// An element's bits do not depend on its place in a slice, so element-wise kernels may be split anywhere. The
// order of a sum depends only on the number of its terms. Results of different instruction sets differ by
// rounding, except for dropout and adamW.
type vectors struct {
	activate     [activations]func(out, x []float32)
	activateGrad [activations]func(dx, x, dy []float32)

	maximum        func(x []float32) float32 // NaN if x has one; x is not empty
	sum            func(x []float32) float32
	dot            func(x, y []float32) float32
	sumExp         func(x []float32, shift float32) float32              // Σ exp(x - shift)
	expSum         func(out, x []float32, shift float32) float32         // also stores the terms
	expScale       func(out, x []float32, shift, factor float32)         // factor·exp(x - shift)
	softCap        func(out, x []float32, limit float32)                 // limit·tanh(x/2)
	softCapSlope   func(out, slope, x []float32, limit, inverse float32) // and 1 - tanh²(x/2); inverse is 1/limit
	softCapGrad    func(dx, y, dy []float32, limit float32)              // dy·(1 - (y/limit)²)
	softmaxGrad    func(dx, y, dy []float32, dot float32)                // y·(dy - dot)
	logSoftmax     func(out, x []float32, high, low float32)             // x - high - low
	logSoftmaxGrad func(dx, y, dy []float32, sum float32)                // dy - exp(y)·sum

	sigmoid     func(out, x []float32)
	sigmoidGrad func(dx, y, dy []float32) // dy·y·(1 - y)

	add     func(out, a, b []float32)
	mul     func(out, a, b []float32)
	axpy    func(y []float32, alpha float32, x []float32) // y + alpha·x
	scale   func(out, x []float32, alpha float32)         // alpha·x
	sumRows func(out, x []float32, rows, stride int)      // adds rows as long as out, stride elements apart, in order

	squares   func(x []float32, mean float32) float32                        // Σ (x - mean)²
	normalize func(out, x, gain, bias []float32, mean, rstd float32)         // (x - mean)·rstd·gain + bias, which may be empty
	normSums  func(dy, x, gain []float32, mean, rstd float32) (s, d float32) // Σ g and Σ g·(x - mean)·rstd for g = dy·gain
	normGrad  func(dx, dy, x, gain []float32, mean, rstd, s, d float32)      // rstd·(g - s - (x - mean)·rstd·d)
	// normGradParams adds dy·(x - mean)·rstd to dgain and dy to dbias, which may be empty. dy and x have rows as
	// in sumRows, as many as there are means.
	normGradParams func(dgain, dbias, dy, x, mean, rstd []float32, stride int)

	// turnHalves rotates the pairs of columns m and m+n by n angles in each of the given number of heads, which
	// are size columns apart: (a, b) becomes (a·cos - b·s, b·cos + a·s) with s = sign·sin. turnNeighbors rotates
	// the pairs 2m and 2m+1; for each pair, its cos has the cosine twice, and its sin has the negated sine and
	// the sine.
	turnHalves, turnNeighbors func(out, x, cos, sin []float32, sign float32, heads, size int)

	// dropout multiplies element i by factor, or by 0 if mix(key ^ (first + i)) < limit. limit is a positive
	// multiple of 2³².
	dropout    func(out, x []float32, key, limit uint64, factor float32, first uint64)
	adamW      func(c *AdamW, w, g, m, v []float32)
	sumSquares func(x []float32) float64
}
