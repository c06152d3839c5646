package kernel

// squareParts bounds the number of partial sums of SumSquares, and squareBlock is the least number of elements in
// one of them. Together with the length, they determine the partition, so that the order of additions does not
// depend on the number of goroutines.
const (
	squareParts = 256
	squareBlock = 1 << 12
)

var partialSums = shelf[[squareParts]float64]{make: func() *[squareParts]float64 { return new([squareParts]float64) }}

// SumSquares returns Σ x², summed in float64. The square of a float32 cannot overflow a float64, so the result is
// finite exactly if every element is.
func SumSquares(x []float32) float64 {
	if len(x) <= squareBlock {
		return active.vec.sumSquares(x)
	}
	block := max(squareBlock, (len(x)+squareParts-1)/squareParts)
	n := (len(x) + block - 1) / block
	parts := partialSums.take()
	defer partialSums.put(parts)
	call{x: x, sums: parts[:n], width: block}.split(n, rowGrain(additionGrain, block), func(c *call, lo, hi int) {
		for i := lo; i < hi; i++ {
			c.sums[i] = active.vec.sumSquares(c.x[i*c.width : min((i+1)*c.width, len(c.x))])
		}
	})
	var sum float64
	for _, p := range parts[:n] {
		sum += p
	}
	return sum
}

// sumSquares keeps four running sums, so that an addition need not wait for the one before it.
func sumSquares(x []float32) float64 {
	var a, b, c, d float64
	for len(x) >= 4 {
		x0, x1, x2, x3 := float64(x[0]), float64(x[1]), float64(x[2]), float64(x[3])
		a += float64(x0 * x0)
		b += float64(x1 * x1)
		c += float64(x2 * x2)
		d += float64(x3 * x3)
		x = x[4:]
	}
	for _, v := range x {
		a += float64(float64(v) * float64(v))
	}
	return (a + b) + (c + d)
}
