package kernel

// panelElements is the size of what is decoded of B at once, which should stay in the second-level cache; panelRows divides the
// number of its rows, so that tiles of C are whole.
const panelElements, panelRows = 1 << 16, 32

// decoded lends the buffers of decoded rows.
var decoded scratch

// GemmMXFP4 is GemmLike for C = A·Bᵀ, without gaps, of a B (n, k) in MXFP4, whose rows are whole blocks. It decodes some rows of B
// at a time; the bits are those of the product with a decoded B.
func GemmMXFP4(precision Precision, rows, m, n, k int, a []float32, blocks, scales []byte, c []float32) {
	if m <= 0 || n <= 0 || k <= 0 {
		return
	}
	height := max(panelElements/k/panelRows, 1) * panelRows
	For((n+height-1)/height, 1, func(lo, hi int) {
		panel := decoded.borrow(height * k)
		for i := lo; i < hi; i++ {
			from := i * height
			count := min(height, n-from)
			b := panel[:count*k]
			DecodeMXFP4(b, blocks[from*k/2:], scales[from*k/MXFP4Block:])
			GemmLike(precision, rows, false, true, m, count, k, 1, a, k, b, k, 0, c[from:], n)
		}
		decoded.giveBack(panel)
	})
}
