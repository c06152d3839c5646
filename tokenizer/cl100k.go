package tokenizer

// Patterns in which letters of any case make up a word: that of OpenAI's cl100k_base, which Llama 3 also
// uses, and that of Qwen2, in which each digit is separate.
var (
	cl100k = cutter{
		regex:  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
		next:   func(text []byte) int { return nextCL100k(text, 3) },
		aSpace: true, // line breaks belong to the text before them
	}
	qwen2 = cutter{
		regex:  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
		next:   func(text []byte) int { return nextCL100k(text, 1) },
		aSpace: true,
	}
)

// nextCL100k returns the length in bytes of the first match of cl100k's pattern at the start of a text that
// is not empty, with numbers of up to the given number of digits.
func nextCL100k(text []byte, digits int) int {
	if n := anyContraction(text); n > 0 {
		return n
	}
	t, n := traitsAt(text, 0)
	if t&(wordly|breaking) == 0 { // it may precede a word
		if end := letters(text, n); end > n {
			return end
		}
	}
	switch {
	case t&digit != 0:
		return digitsEnd(text, n, digits)
	case t&wordly != 0:
		return letters(text, n)
	case t&blank == 0:
		return symbols200k(text, n, false)
	case text[0] == ' ' && len(text) > 1:
		if t, width := traitsAt(text, 1); t&plainTrait == 0 {
			return symbols200k(text, 1+width, false)
		}
	}
	return leadingBlanks(text)
}

// letters returns the end of the run of letters that continues at i.
func letters(text []byte, i int) int {
	for i < len(text) {
		t, n := traitsAt(text, i)
		if t&(wordly|digit) != wordly {
			break
		}
		i += n
	}
	return i
}

// digitsEnd returns the end of a number of up to the given number of digits, whose first digit ends at i.
func digitsEnd(text []byte, i, digits int) int {
	for ; digits > 1 && i < len(text); digits-- {
		t, n := traitsAt(text, i)
		if t&digit == 0 {
			break
		}
		i += n
	}
	return i
}
