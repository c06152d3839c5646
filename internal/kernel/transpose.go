package kernel

// Transpose sets dst (rows, cols) to the transpose of src. It works block by block, since rows of one are far
// apart in the other.
func Transpose(dst, src []float32, rows, cols int) {
	const block = 32
	for r0 := 0; r0 < rows; r0 += block {
		for c0 := 0; c0 < cols; c0 += block {
			for r := r0; r < min(r0+block, rows); r++ {
				for c := c0; c < min(c0+block, cols); c++ {
					dst[r*cols+c] = src[c*rows+r]
				}
			}
		}
	}
}
