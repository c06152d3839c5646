package gpt2

// Size is a named configuration.
type Size struct {
	Name   string
	About  string
	Config Config
}

// Sizes are OpenAI's four models (Table 2) under Hugging Face's names, and one for
// CPUs.
func Sizes() []Size {
	return []Size{
		{"gpt2-nano", "nanoGPT's CPU recipe: no biases, exact GELU", nano()},
		{"gpt2", "OpenAI's smallest, 124M (the paper's 117M)", New(50257, 1024, 768, 12, 12)},
		{"gpt2-medium", "355M (the paper's 345M)", New(50257, 1024, 1024, 24, 16)},
		{"gpt2-large", "774M (the paper's 762M)", New(50257, 1024, 1280, 36, 20)},
		{"gpt2-xl", "1558M (the paper's 1542M)", New(50257, 1024, 1600, 48, 25)},
	}
}

// nano has the vocabulary of characters of Tiny Shakespeare; training sets that of
// its tokenizer.
func nano() Config {
	c := New(65, 64, 128, 4, 4)
	c.Bias = false
	c.Activation = GELUErf
	return c
}
