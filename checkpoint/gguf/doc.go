// Package gguf reads and writes the files of llama.cpp, each of which holds a complete model: its weights,
// plain or quantized in blocks, its sizes and its tokenizer.
//
//	f, err := gguf.Open("SmolLM2-135M-Instruct.Q4_1.gguf")
//	defer f.Close()
//	name, err := f.Meta().Text("general.architecture", "") // "llama"
//	x := make([]float32, n)
//	err = f.Read("blk.0.attn_q.weight", x) // (out, in)
//
// The package does not know any models: names, rows and metadata are as in llama.cpp. Package checkpoint
// turns them into models, as the families describe.
//
// # The format
//
// All numbers are little-endian; a string is its length, in 8 bytes, and UTF-8.
//
//	offset  bytes  content
//	0       4      "GGUF"
//	4       4      version, 2 or 3
//	8       8      number of tensors
//	16      8      number of metadata values
//	24      …      the values: a key (string), a type (4 bytes), the value
//	…       …      the tensors: a name (string), the number of axes (4 bytes), the size of each (8 bytes), the last
//	               first, a type (4 bytes), an offset in the data (8 bytes)
//	…       rest   the data, which begins, as each tensor does, at a multiple of general.alignment, or of 32
//
// Types of values are 0 to 12: uint8, int8, uint16, int16, uint32, int32, float32, bool (a byte), string,
// array, uint64, int64, float64. An array is a type of values, their number (8 bytes), and the values.
// Source: docs/gguf.md of ggml.
package gguf
