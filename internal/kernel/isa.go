package kernel

import (
	"os"
	"slices"
)

// isa is the set of kernels that Gemm runs on, written for one instruction set, and the
// others' in vec.
type isa struct {
	name string
	// rows and cols are the size of a tile, the part of C that one kernel computes in registers.
	rows, cols int
	// tiles[r-1] computes a tile of r rows.
	tiles []tileFunc
	// masked tells that the tiles take a mask; otherwise all columns must exist.
	masked bool

	// copyA packs k rows of a transposed A for a whole tile, transposeA the first k
	// columns of rows of A.
	copyA      copyFunc
	transposeA transposeFunc
	// copyB packs k rows of B for a whole tile; transposeB the first k columns of
	// lanes rows of a transposed B.
	copyB      copyFunc
	transposeB transposeFunc
	lanes      int

	// rowSums and addSums compute a row of C, a multiple of cols wide.
	rowSums sumFunc
	addSums addFunc
	// strips[r-1] computes a tile of r rows, stripCols wide, a multiple of cols. There may be none.
	strips    []stripFunc
	stripCols int
	// sweeps[r-1] adds to the sums of r rows: for products of swept[0] to swept[1] rows that is faster than strips and than packing. There may be none: swept is 0 then.
	sweeps []sweepFunc
	swept  [2]int
	// dots[0] computes 8 scalar products at once and dots[1] one, of a multiple of dotLanes elements.
	dots     [2]dotFunc
	dotLanes int
	// dotTiles[r-1] computes the scalar products of r vectors with 4 rows. There may be none.
	dotTiles []dotTileFunc

	// packed are the kernels for matrices in few bits.
	packed packedKernels

	vec vectors

	// pairs packs operands of bfloat16, which the tiles then multiply: an element of A or B is a pair for them. It is nil if
	// they are float32; with it there are no copies, transpositions and kernels of rows above.
	pairs *pairKernels
}

// tileFunc computes a tile of C = alpha·A·B + beta·C. Element (i, p) of A is
// a[i*rsa+p*csa]; row p of B begins at b[p*rsb] and row i of C at c[i*ldc]. Each
// element sums its k products in order, in one fused multiply-add each where the
// processor has it, so it does not depend on the tile it falls into. A beta of 0 clears
// C. k must be positive. Bit j of mask tells whether column j exists.
type tileFunc func(k int, a *float32, rsa, csa int, b *float32, rsb int, c *float32, ldc int, alpha, beta float32, mask uint32, next uintptr, ldn, pieces int)

// sumFunc adds to n elements of y, in order, the products of k elements of A, csa apart, with
// those of k rows of B.
type sumFunc func(k int, a *float32, csa int, b *float32, rsb int, n int, y *float32)

// addFunc computes n elements of C from the sums of one step after the other, each of n elements
// in y. After both a row of C has the bits that a tileFunc gives it.
type addFunc func(n int, y *float32, steps int, c *float32, alpha, beta float32)

// stripFunc is a tileFunc for a few rows of an A that is not transposed, of all columns. Its
// elements have the same bits as a tileFunc's.
type stripFunc func(k int, a *float32, lda int, b *float32, rsb int, c *float32, ldc int, alpha, beta float32)

// sweepFunc adds to sums of a few rows of C the products of k columns of A with as many rows of B, for some strips of cols columns side by side: the sums of a strip are in
// y, row after row, and those of the next strip after them. With an addFunc that ends them they have the bits of a tileFunc's.
type sweepFunc func(k int, a *float32, lda int, b *float32, rsb int, strips int, y *float32)

// dotFunc stores the scalar products of x and some rows of b in y. The result does not
// depend on the number of rows.
type dotFunc func(k int, x, b *float32, ldb int, y *float32)

// dotTileFunc stores the scalar products of some vectors, ldx elements apart, and 4 rows of
// b in y, those of a vector ldy elements after those of the one before. They have the same bits as a
// dotFunc's.
type dotTileFunc func(k int, x *float32, ldx int, b *float32, ldb int, y *float32, ldy int)

// copyFunc stores k rows of src, cut to the width of a tile, one after the other in dst. k must be positive.
type copyFunc func(k int, dst, src *float32, lds int)

// transposeFunc stores the first k columns of some rows of src as rows of dst. k must
// be a multiple of 4.
type transposeFunc func(k int, dst *float32, ldd int, src *float32, lds int)

// supported holds the instruction sets of this machine, best first, and active the one in use.
var (
	supported = append(native(), &generic)
	active    = choose(os.Getenv("GORGPT_ISA"))
)

// choose returns the instruction set of a name, or the best where the name is empty,
// unknown or not supported.
func choose(name string) *isa {
	if i := slices.IndexFunc(supported, func(s *isa) bool { return s.name == name }); i >= 0 {
		return supported[i]
	}
	return supported[0]
}

// ISAs are the names that GORGPT_ISA may have on this machine.
func ISAs() (names []string) {
	settlePairs()
	for _, s := range slices.Concat(supported, supportedPairs) {
		if !slices.Contains(names, s.name) {
			names = append(names, s.name)
		}
	}
	return names
}

// ISA names the instruction set in use: "avx512", "avx2" or "generic". The environment
// variable GORGPT_ISA asks for one of them, or for "avx512bf16" or "amx", which are avx512 with products in bfloat16; what the
// machine does not support is answered by the best it does.
func ISA() string { return active.name }
