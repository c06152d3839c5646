// Package safetensors reads and writes tensors in Hugging Face's safetensors
// format.
//
//	f, err := safetensors.Open("model.safetensors")
//	defer f.Close()
//	embed, _ := f.Lookup("embed.weight")
//	x := make([]float32, embed.Size())
//	err = f.Read("embed.weight", x)
//
// # The format
//
// All numbers are little-endian.
//
//	offset  bytes  content
//	0       8      N, the length of the header, unsigned
//	8       N      the header: one JSON object, padded with spaces to a multiple of 8
//	8+N     rest   the data: tensors one after the other, row-major, no gaps
//
// The header maps each tensor's name to its number type, shape and place, as in
// {"embed.weight":{"dtype":"F32","shape":[65,128],"data_offsets":[0,33280]}}; offsets count from 8+N. The key
// "__metadata__" holds a map from strings to strings; transformers requires {"format":"pt"} there.
package safetensors
