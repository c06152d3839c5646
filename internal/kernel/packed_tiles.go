package kernel

import "unsafe"

// packedTile is the number of rows of B that a packedFunc reads side by side.
const packedTile = 4

// packedScales is the number of scales, and of offsets, that are converted to float32 at once; they should stay
// in the first-level cache.
const packedScales = 1 << 10

// packedFunc stores in y the scalar products of some vectors, ldx elements apart, and tiles of packedTile rows of
// a packed matrix. The results of a vector are ldy elements after those of the vector before. The codes of a row
// are ldb bytes after those of the row before. A row has k/Group scales, and offsets, which are converted to
// float32. k is a multiple of Group. The bits are those of a dotFunc on decoded rows. The function prefetches the
// stored scales and offsets that will be converted next, a few at a time; that memory need not exist, so
// nextScales and nextOffsets are not pointers. The vectors are in the order of packedKernel.order.
type packedFunc func(tiles, k int, x *float32, ldx int, codes *byte, ldb int, scales, offsets *float32, y *float32, ldy int, nextScales, nextOffsets uintptr)

// packedKernel is the assembly for one format.
type packedKernel struct {
	dots   []packedFunc // dots[r-1] is for r vectors
	most   int          // largest number of vectors for dots: with more, decoding once costs less
	decode func(groups int, dst *float32, codes *byte, scales, offsets *float32)
	// order moves the elements of vectors, in multiples of 16, to where dots expect them; it is nil if dots use
	// the original order.
	order func(n int, dst, src *float32)
}

// packedKernels are the kernels of an instruction set; plain Go has none.
type packedKernels struct {
	of [formats]packedKernel
	// halves and exponents convert a multiple of 16 scales to float32. If halved is set, exponents gives half of
	// MXFP4's scales.
	halves, exponents func(dst []float32, src []byte)
	halved            bool
}

// computeTiles computes the columns of C for the tiles lo to hi-1 of B.
func (p *packedProduct) computeTiles(lo, hi int) {
	n, groups := p.b.Rows, p.b.Cols/Group
	most := max(packedScales/groups/packedTile, 1) // tiles at once
	s := newScales(most * packedTile * groups)
	whole := min(hi, n/packedTile)
	for lo < whole {
		tiles := min(most, whole-lo)
		part := p.b.Part(lo*packedTile, tiles*packedTile)
		p.dots(&part, s, p.c[lo*packedTile:], n)
		lo += tiles
	}
	if lo < hi { // the last rows, too few for a tile, are computed together with the rows before them
		part, rest := p.b.Part(n-packedTile, packedTile), n-lo*packedTile
		sums := decoded.borrow(packedTile * p.m)
		p.dots(&part, s, sums, packedTile)
		for i := range p.m {
			copy(p.c[(i+1)*n-rest:][:rest], sums[(i+1)*packedTile-rest:])
		}
		decoded.giveBack(sums)
	}
	s.giveBack()
}

// dots computes the products of all rows of A with some tiles, as many rows at a time as there is a kernel for.
func (p *packedProduct) dots(part *Packed, s scales, c []float32, ldc int) {
	s.of(part)
	ldb := len(part.Codes) / part.Rows
	nextScales, nextOffsets := end(part.Scales), end(part.Offsets)
	for i := 0; i < p.m; i += len(p.kernel.dots) {
		rows := min(len(p.kernel.dots), p.m-i)
		p.kernel.dots[rows-1](part.Rows/packedTile, part.Cols, &p.x[i*part.Cols], part.Cols, &part.Codes[0], ldb, &s.factors[0], &s.offsets[0], &c[i*ldc], ldc, nextScales, nextOffsets)
	}
}

// end returns the address just after a part, where the next part begins, if there is one.
func end(part []byte) uintptr {
	return uintptr(unsafe.Pointer(unsafe.SliceData(part))) + uintptr(len(part))
}

// decodeFast is decode in assembly. It reports whether there is any for the format.
func (b *Packed) decodeFast(dst []float32) bool {
	k := &active.packed.of[b.Format]
	if k.decode == nil || b.Cols%Group != 0 || len(dst) == 0 {
		return false
	}
	groups := b.Cols / Group
	most := max(packedScales/groups, 1) // rows at once
	s := newScales(most * groups)
	for at := 0; at < b.Rows; at += most {
		part := b.Part(at, min(most, b.Rows-at))
		s.of(&part)
		k.decode(part.Rows*groups, &dst[at*b.Cols], &part.Codes[0], &s.factors[0], &s.offsets[0])
	}
	s.giveBack()
	return true
}

// scales are a goroutine's borrowed buffers.
type scales struct{ factors, offsets []float32 }

func newScales(n int) scales {
	both := decoded.borrow(2 * n)
	return scales{both[:n], both[n:]}
}

func (s scales) giveBack() { decoded.giveBack(s.factors) }

// of converts the scales and the offsets of a matrix to float32.
func (s scales) of(b *Packed) {
	switch b.Format {
	case BF16:
	case MXFP4:
		whole := len(b.Scales) / 16 * 16
		active.packed.exponents(s.factors[:whole], b.Scales)
		for i := whole; i < len(b.Scales); i++ {
			if s.factors[i] = powers[b.Scales[i]]; active.packed.halved {
				s.factors[i] /= 2
			}
		}
	default:
		halves(s.factors, b.Scales)
		halves(s.offsets, b.Offsets)
	}
}

// halves converts finite little-endian halves to float32.
func halves(dst []float32, src []byte) {
	whole := len(src) / 2 / 16 * 16
	active.packed.halves(dst[:whole], src)
	for i := whole; i < len(src)/2; i++ {
		dst[i] = half(src[2*i:])
	}
}
