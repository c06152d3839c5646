// Package weights is what all readers and writers of stored weights have in common, whatever the format:
// number types, shapes, files, and [Source], the interface that every format implements.
//
//	src, err := safetensors.Open("model.safetensors")
//	for _, t := range src.Tensors() {
//		x := make([]float32, t.Size())
//		err = src.Read(t.Name, x)
//	}
//
// In these packages, a tensor is a name, a shape and numbers in row-major order; an [Info] is a stored tensor
// without its numbers; a [File] is where they are stored.
package weights
