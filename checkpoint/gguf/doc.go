// Package gguf reads and writes the files of llama.cpp, one of which holds a model whole: its weights, plain or in
// blocks of few bits, its sizes and its tokenizer.
//
//	f, err := gguf.Open("SmolLM2-135M-Instruct.Q4_1.gguf")
//	defer f.Close()
//	name, err := f.Meta().Text("general.architecture", "") // "llama"
//	x := make([]float32, n)
//	err = f.Read("blk.0.attn_q.weight", x) // (out, in)
//
// The package knows no model: names, rows and metadata are as llama.cpp has them. Package checkpoint makes models of
// them, as the families tell.
//
// # The format
//
// All numbers are little-endian; a text is its length, of 8 bytes, and UTF-8.
//
//	offset  bytes  content
//	0       4      "GGUF"
//	4       4      version, 2 or 3
//	8       8      number of tensors
//	16      8      number of values of metadata
//	24      …      the values: a key (text), a type (4 bytes), the value
//	…       …      the tensors: a name (text), the number of axes (4 bytes), the size of each (8 bytes), the last
//	               first, a type (4 bytes), an offset in the data (8 bytes)
//	…       rest   the data, which begins, as each tensor does, at a multiple of general.alignment, or of 32
//
// Types of values are 0 to 12: uint8, int8, uint16, int16, uint32, int32, float32, bool (a byte), text, array, uint64,
// int64, float64. An array is a type of values, the number of them (8 bytes), and they. Source: docs/gguf.md of ggml.
package gguf
