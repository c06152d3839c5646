//go:build amd64 && !noasm

package kernel

//go:generate go run ./gen/mxfp4 -out gen_mxfp4_amd64.s -stubs gen_mxfp4_amd64.go -pkg kernel

// mxfp4Tables are what the assembly looks up.
type mxfp4Tables struct {
	codes         [16]float32
	first, second [16]uint32 // which of 16 even and 16 odd numbers follow each other
	powers        [256]float32
}

var tables4 = func() *mxfp4Tables {
	t := &mxfp4Tables{codes: e2m1, powers: powers}
	for i := range t.first {
		t.first[i] = uint32(i/2 + i%2*16)
		t.second[i] = t.first[i] + 8
	}
	return t
}()

// decodeBlocks decodes whole blocks by the best instructions that there are.
func decodeBlocks(dst []float32, blocks, scales []byte) {
	if active == &avx512 {
		decodeMXFP4AVX512(dst, blocks, scales, &tables4.codes[0])
		return
	}
	decodeMXFP4(dst, blocks, scales)
}
