// Package weights is what all readers and writers of stored weights have in
// common, whatever the format: number types, shapes, files, and [Source], the
// one face that every format shows.
//
//	src, err := safetensors.Open("model.safetensors")
//	for _, t := range src.Tensors() {
//		x := make([]float32, t.Size())
//		err = src.Read(t.Name, x)
//	}
//
// Words: a tensor is a name, a shape and numbers, row by row; an [Info] is a
// stored tensor without its numbers; a [File] is where they lie.
package weights
