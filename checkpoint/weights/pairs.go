package weights

// Halves sets dst to the rows of src, of so many columns, in another order: of the D rows of each head, which rotary
// positions turn by pairs 2m and 2m+1 (Meta's Llama, llama2.c, GGUF), row 2m becomes row m and 2m+1 becomes m+D/2, which
// Hugging Face's Llama turns together. It serves weights (heads·D, cols) and, with one column, biases. D is even.
func Halves(dst, src []float32, heads, cols int) {
	eachPair(len(src), heads, cols, func(pair, half int) { copy(dst[half:half+cols], src[pair:pair+cols]) })
}

// Pairs undoes what [Halves] does.
func Pairs(dst, src []float32, heads, cols int) {
	eachPair(len(src), heads, cols, func(pair, half int) { copy(dst[pair:pair+cols], src[half:half+cols]) })
}

// eachPair tells of each row where it begins in either order.
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
