package kernel

import (
	"os"
	"slices"
)

// isa is a set of kernels for one instruction set: those of Gemm, and the others in vec.
type isa struct {
	name string
	// rows and cols are the size of a tile, the part of C that one kernel computes in registers.
	rows, cols int
	// tiles[r-1] computes a tile of r rows.
	tiles []tileFunc
	// masked says that the tile functions take a mask; otherwise all columns must exist.
	masked bool

	// copyA packs k rows of a transposed A for a whole tile; transposeA packs the first k columns of rows of A.
	copyA      copyFunc
	transposeA transposeFunc
	// copyB packs k rows of B for a whole tile; transposeB packs the first k columns of lanes rows of a
	// transposed B.
	copyB      copyFunc
	transposeB transposeFunc
	lanes      int

	// rowSums and addSums compute a row of C whose width is a multiple of cols.
	rowSums sumFunc
	addSums addFunc
	// strips[r-1] computes a tile of r rows that is stripCols wide, a multiple of cols. strips may be empty.
	strips    []stripFunc
	stripCols int
	// sweeps[r-1] adds to the sums of r rows. For products of swept[0] to swept[1] rows, this is faster than
	// strips and than packing. sweeps may be empty; swept is 0 then.
	sweeps []sweepFunc
	swept  [2]int
	// dots[0] computes 8 scalar products at once, and dots[1] computes one, of a multiple of dotLanes elements.
	dots     [2]dotFunc
	dotLanes int
	// dotTiles[r-1] computes the scalar products of r vectors with 4 rows. dotTiles may be empty.
	dotTiles []dotTileFunc

	// packed are the kernels for packed matrices.
	packed packedKernels

	vec vectors

	// pairs packs bfloat16 operands, which the tile functions then multiply; an element of A or B is a pair for
	// them. It is nil if they are float32. If it is set, the copies, transpositions and row kernels above are
	// not.
	pairs *pairKernels
}

// tileFunc computes a tile of C = alpha·A·B + beta·C. Element (i, p) of A is a[i*rsa+p*csa]; row p of B begins at
// b[p*rsb], and row i of C at c[i*ldc]. Each element sums its k products in order, each with one fused
// multiply-add if the processor has it, so the result does not depend on the tile that the element is in. If beta
// is 0, C is overwritten. k must be positive. Bit j of mask tells whether column j exists. next, ldn and pieces
// say what to prefetch; see outlook.
type tileFunc func(k int, a *float32, rsa, csa int, b *float32, rsb int, c *float32, ldc int, alpha, beta float32, mask uint32, next uintptr, ldn, pieces int)

// sumFunc adds to n elements of y, in order, the products of k elements of A, which are csa apart, with k rows of
// B.
type sumFunc func(k int, a *float32, csa int, b *float32, rsb int, n int, y *float32)

// addFunc computes n elements of C from the sums of all steps: y holds n elements for each step, one step after
// another. After a sumFunc and an addFunc, a row of C has the bits that a tileFunc gives it.
type addFunc func(n int, y *float32, steps int, c *float32, alpha, beta float32)

// stripFunc is a tileFunc for a few rows of an A that is not transposed; all columns must exist. Its elements
// have the same bits as a tileFunc's.
type stripFunc func(k int, a *float32, lda int, b *float32, rsb int, c *float32, ldc int, alpha, beta float32)

// sweepFunc adds the products of k columns of A with k rows of B to sums of a few rows of C, for some adjacent
// strips of cols columns. y holds the sums of a strip row after row, followed by those of the next strip. After
// an addFunc, the elements have the bits of a tileFunc's.
type sweepFunc func(k int, a *float32, lda int, b *float32, rsb int, strips int, y *float32)

// dotFunc stores the scalar products of x and some rows of b in y. The result does not depend on the number of
// rows.
type dotFunc func(k int, x, b *float32, ldb int, y *float32)

// dotTileFunc stores the scalar products of some vectors, ldx elements apart, and 4 rows of b in y, where the
// results of a vector are ldy elements after those of the vector before. They have the same bits as a dotFunc's.
type dotTileFunc func(k int, x *float32, ldx int, b *float32, ldb int, y *float32, ldy int)

// copyFunc stores k rows of src, cut to the width of a tile, one after another in dst. k must be positive.
type copyFunc func(k int, dst, src *float32, lds int)

// transposeFunc stores the first k columns of some rows of src as rows of dst. k must be a multiple of 4.
type transposeFunc func(k int, dst *float32, ldd int, src *float32, lds int)

// supported holds the instruction sets of this machine, best first, and active is the one in use.
var (
	supported = append(native(), &generic)
	active    = choose(os.Getenv("GORGPT_ISA"))
)

// choose returns the instruction set with the given name, or the best one if the name is empty, unknown or not
// supported.
func choose(name string) *isa {
	if i := slices.IndexFunc(supported, func(s *isa) bool { return s.name == name }); i >= 0 {
		return supported[i]
	}
	return supported[0]
}

// ISAs returns the values of GORGPT_ISA that this machine supports.
func ISAs() (names []string) {
	settlePairs()
	for _, s := range slices.Concat(supported, supportedPairs) {
		if !slices.Contains(names, s.name) {
			names = append(names, s.name)
		}
	}
	return names
}

// ISA returns the name of the instruction set in use: "avx512", "avx2" or "generic". The environment variable
// GORGPT_ISA selects one of them, or "avx512bf16" or "amx", which are avx512 with products in bfloat16. If the
// machine does not support it, the best supported one is used.
func ISA() string { return active.name }
