//go:build amd64 && !noasm

package kernel

//go:generate go run ./gen/packed -out gen_packed_amd64.s -stubs gen_packed_amd64.go -pkg kernel

// packedAVX512 are the AVX-512 kernels for packed matrices.
var packedAVX512 = packedKernels{
	halves:    halvesAVX512,
	exponents: exponentsAVX512,
	of: [formats]packedKernel{
		BF16:  {dots: []packedFunc{dotsBF16x1AVX512, dotsBF16x2AVX512, dotsBF16x3AVX512, dotsBF16x4AVX512}, most: fewRows, decode: decodeBF16AVX512},
		Q8_0:  {dots: []packedFunc{dotsQ8_0x1AVX512, dotsQ8_0x2AVX512, dotsQ8_0x3AVX512, dotsQ8_0x4AVX512}, most: fewRows, decode: decodeQ8_0AVX512},
		Q4_0:  {dots: []packedFunc{dotsQ4_0x1AVX512, dotsQ4_0x2AVX512, dotsQ4_0x3AVX512, dotsQ4_0x4AVX512}, most: fewRows, decode: decodeQ4_0AVX512},
		Q4_1:  {dots: []packedFunc{dotsQ4_1x1AVX512, dotsQ4_1x2AVX512, dotsQ4_1x3AVX512, dotsQ4_1x4AVX512}, most: fewRows, decode: decodeQ4_1AVX512},
		MXFP4: {dots: []packedFunc{dotsMXFP4x1AVX512, dotsMXFP4x2AVX512, dotsMXFP4x3AVX512, dotsMXFP4x4AVX512}, most: fewRows, decode: decodeMXFP4AVX512, order: orderMXFP4AVX512},
	},
}

// packedAVX2 are the AVX2 kernels. Their MXFP4 scales are halved.
var packedAVX2 = packedKernels{
	halves:    halvesAVX2,
	exponents: exponentsAVX2,
	halved:    true,
	of: [formats]packedKernel{
		BF16:  {dots: []packedFunc{dotsBF16AVX2}, most: 2, decode: decodeBF16AVX2},
		Q8_0:  {dots: []packedFunc{dotsQ8_0AVX2}, most: 2, decode: decodeQ8_0AVX2},
		Q4_0:  {dots: []packedFunc{dotsQ4_0AVX2}, most: 2, decode: decodeQ4_0AVX2},
		Q4_1:  {dots: []packedFunc{dotsQ4_1AVX2}, most: 2, decode: decodeQ4_1AVX2},
		MXFP4: {dots: []packedFunc{dotsMXFP4AVX2}, most: 2, decode: decodeMXFP4AVX2},
	},
}
