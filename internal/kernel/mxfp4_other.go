//go:build !amd64 || noasm

package kernel

// decodeBlocks decodes whole blocks.
func decodeBlocks(dst []float32, blocks, scales []byte) { decodeMXFP4(dst, blocks, scales) }
