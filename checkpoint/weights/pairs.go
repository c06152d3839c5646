package weights

// Halves copies the rows of src, which have cols columns, to dst in another order. Rotary positions rotate
// the D rows of each head in pairs: in Meta's Llama, llama2.c and GGUF, these are rows 2m and 2m+1; in
// Hugging Face's Llama, rows m and m+D/2. Halves moves row 2m to row m and row 2m+1 to row m+D/2. It is for
// weights (heads·D, cols) and, with one column, for biases. D is even.
func Halves(dst, src []float32, heads, cols int) {
	eachPair(len(src), heads, cols, func(pair, half int) { copy(dst[half:half+cols], src[pair:pair+cols]) })
}

// Pairs is the inverse of [Halves].
func Pairs(dst, src []float32, heads, cols int) {
	eachPair(len(src), heads, cols, func(pair, half int) { copy(dst[pair:pair+cols], src[half:half+cols]) })
}

// eachPair calls do for each row with its offset in either order.
func eachPair(size, heads, cols int, do func(pair, half int)) {
	rows := size / heads / cols // of a head
	for at := 0; at < size; at += rows * cols {
		for m := range rows / 2 {
			for second := range 2 {
				do(at+(2*m+second)*cols, at+(m+second*rows/2)*cols)
			}
		}
	}
}
