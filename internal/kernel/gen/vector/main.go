// Command vector writes the assembly of the element-wise and row kernels for amd64; see
// the go:generate line in the package kernel.
package main

import . "github.com/mmcloughlin/avo/build"

func main() {
	ConstraintExpr("amd64,!noasm")
	for _, s := range []set{avx512, avx2} {
		activations(s)
		softmax(s)
		elementwise(s)
		layerNorm(s)
		adamW(s)
		sumSquares(s)
		dropout(s)
		rotary(s)
	}
	data()
	Generate()
}
