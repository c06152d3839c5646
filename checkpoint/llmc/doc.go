// Package llmc reads and writes the model files of llm.c, such as gpt2_124M.bin.
//
//	f, err := llmc.Open("gpt2_124M.bin")
//	defer f.Close()
//	fmt.Println(f.Dims().Layers)
//	x := make([]float32, n)
//	err = f.Read("h.0.attn.c_attn.weight", x) // (C, 3C), as everywhere here
//
// # The format
//
// All numbers are little-endian.
//
//	offset  bytes  content
//	0       4      20240326
//	4       4      version: 3 is float32, 5 is bfloat16
//	8       24     context, vocabulary, layers, heads, width, padded vocabulary
//	32      992    zeros
//	1024    rest   16 groups, each with the tensors of all layers in turn
//
// The groups are wte, wpe, and ln_1, attn.c_attn, attn.c_proj, ln_2, mlp.c_fc, mlp.c_proj, ln_f with their
// weights and biases. Matrices are stored as [out, in], the transpose of Hugging Face's. wte has rows of
// zeros up to the padded vocabulary, the next multiple of 128. Source: train_gpt2.py of llm.c.
package llmc
