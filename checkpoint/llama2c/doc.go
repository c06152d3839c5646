// Package llama2c reads and writes the model files of llama2.c, such as stories15M.bin, and reads and writes
// their tokenizers.
//
//	f, err := llama2c.Open("stories15M.bin")
//	defer f.Close()
//	fmt.Println(f.Dims().Layers)
//	x := make([]float32, n)
//	err = f.Read("layers.0.self_attn.q_proj.weight", x) // as Hugging Face has it
//
// # The formats
//
// All numbers are little-endian; matrices are (out, in). A model of llama2.c is a Llama with an epsilon of
// 1e-5 and a base of 10,000, in which rows 2m and 2m+1 of queries and keys are rotated together; here they
// are rows m and m+D/2, as in Hugging Face's files. The first form, which run.c reads and [Write] writes:
//
//	offset  bytes  content
//	0       28     width C, inner width I, layers L, heads, key/value heads, vocabulary V, context T;
//	               V is negative if the head has its own matrix
//	28      rest   embedding (V, C); of all layers in turn: norms (C), wq, wk, wv, wo, norms (C), w1 (I, C), w2 (C, I),
//	               w3 (I, C); the last norm (C); cosines (T, D/2) and sines, which nothing reads; the head (V, C) if V < 0
//
// Versions 1 and 2 have a longer header:
//
//	0       4      "24ka": 0x616b3432
//	4       4      version, 1 or 2
//	8       28     the sizes, as above; V above 0
//	36      1      1 if the head shares the embedding
//	37      4      in version 2, numbers per group, G
//	41      215    zeros
//	256     rest   norms of attention, norms of the feed-forward part, the last norm; embedding, wq, wk, wv, wo, w1, w2, w3
//	               of all layers in turn; the head unless it is shared
//
// Version 1 is float32. Version 2 has everything but norms in 8 bits: for each matrix, the integers, then
// their scales (float32), one for each G numbers. (In August 2023, export.py wrote the scales of all matrices
// after the numbers of all matrices; nothing in such a file says so, and llama2.c's runq.c reads it wrongly
// too.) A tokenizer's file:
//
//	0       4      bytes of the longest token
//	4       rest   for each token, its score (float32), its length (4 bytes) and its bytes
//
// Source: export.py, run.c and tokenizer.py of llama2.c.
package llama2c
