package kernel

import "unsafe"

// generic is the set of kernels in plain Go.
var generic = isa{
	name: "generic",
	rows: 2,
	cols: 4,
	tiles: []tileFunc{
		func(k int, a *float32, rsa, csa int, b *float32, rsb int, c *float32, ldc int, alpha, beta float32, _ uint32, _ uintptr, _, _ int) {
			tile1x4(k, a, csa, b, rsb, c, alpha, beta)
		},
		tile2x4,
	},
	copyA:      func(k int, dst, src *float32, lds int) { copyRows(2, k, dst, src, lds) },
	transposeA: func(k int, dst *float32, ldd int, src *float32, lds int) { transposeRows(2, k, dst, ldd, src, lds) },
	copyB:      func(k int, dst, src *float32, lds int) { copyRows(4, k, dst, src, lds) },
	transposeB: func(k int, dst *float32, ldd int, src *float32, lds int) { transposeRows(4, k, dst, ldd, src, lds) },
	lanes:      4,
	rowSums:    rowSums,
	addSums:    addSums,
	dots:       [2]dotFunc{dots8, dots1},
	dotLanes:   4,
	vec:        vectorsGeneric,
}

// at returns n elements, beginning i elements after p.
func at(p *float32, i, n int) []float32 {
	return unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(p), i*4)), n)
}

// tile1x4 is a tileFunc for one row of four columns.
func tile1x4(k int, a *float32, csa int, b *float32, rsb int, c *float32, alpha, beta float32) {
	var c0, c1, c2, c3 float32
	for p := range k {
		x, y := at(a, p*csa, 1)[0], at(b, p*rsb, 4)
		c0 += x * y[0]
		c1 += x * y[1]
		c2 += x * y[2]
		c3 += x * y[3]
	}
	store4(at(c, 0, 4), alpha, beta, c0, c1, c2, c3)
}

// rowSums is a sumFunc.
func rowSums(k int, a *float32, csa int, b *float32, rsb int, n int, y *float32) {
	sums := at(y, 0, n)
	for p := range k {
		x, row := at(a, p*csa, 1)[0], at(b, p*rsb, n)
		for j := range sums {
			sums[j] += x * row[j]
		}
	}
}

// addSums is an addFunc.
func addSums(n int, y *float32, steps int, c *float32, alpha, beta float32) {
	for s := range steps {
		sums, c := at(y, s*n, n), at(c, 0, n)
		for j, sum := range sums {
			if beta == 0 {
				c[j] = alpha * sum
			} else {
				c[j] = alpha*sum + beta*c[j]
			}
		}
		beta = 1
	}
}

// tile2x4 is a tileFunc for two rows of four columns: as many sums as fit in the registers of amd64.
func tile2x4(k int, a *float32, rsa, csa int, b *float32, rsb int, c *float32, ldc int, alpha, beta float32, _ uint32, _ uintptr, _, _ int) {
	var c0, c1, c2, c3, d0, d1, d2, d3 float32
	for p := range k {
		x, z, y := at(a, p*csa, 1)[0], at(a, rsa+p*csa, 1)[0], at(b, p*rsb, 4)
		c0 += x * y[0]
		d0 += z * y[0]
		c1 += x * y[1]
		d1 += z * y[1]
		c2 += x * y[2]
		d2 += z * y[2]
		c3 += x * y[3]
		d3 += z * y[3]
	}
	store4(at(c, 0, 4), alpha, beta, c0, c1, c2, c3)
	store4(at(c, ldc, 4), alpha, beta, d0, d1, d2, d3)
}

// dots8 is a dotFunc for eight rows.
func dots8(k int, x, b *float32, ldb int, y *float32) {
	for i := range 8 {
		dots1(k, x, &at(b, i*ldb, 1)[0], 0, &at(y, i, 1)[0])
	}
}

// dots1 is a dotFunc for one row.
func dots1(k int, x, b *float32, _ int, y *float32) {
	var s0, s1, s2, s3 float32
	u, v := at(x, 0, k), at(b, 0, k)
	for len(u) >= 4 && len(v) >= 4 {
		s0 += u[0] * v[0]
		s1 += u[1] * v[1]
		s2 += u[2] * v[2]
		s3 += u[3] * v[3]
		u, v = u[4:], v[4:]
	}
	*y = (s0 + s1) + (s2 + s3)
}

// store4 finishes four elements of C.
func store4(c []float32, alpha, beta, s0, s1, s2, s3 float32) {
	if beta == 0 {
		c[0], c[1], c[2], c[3] = alpha*s0, alpha*s1, alpha*s2, alpha*s3
		return
	}
	c[0] = alpha*s0 + beta*c[0]
	c[1] = alpha*s1 + beta*c[1]
	c[2] = alpha*s2 + beta*c[2]
	c[3] = alpha*s3 + beta*c[3]
}

// copyRows is a copyFunc for any width.
func copyRows(width, k int, dst, src *float32, lds int) {
	for p := range k {
		copy(at(dst, p*width, width), at(src, p*lds, width))
	}
}

// transposeRows is a transposeFunc for any number of rows.
func transposeRows(rows, k int, dst *float32, ldd int, src *float32, lds int) {
	for i := range rows {
		for p, v := range at(src, i*lds, k) {
			at(dst, p*ldd+i, 1)[0] = v
		}
	}
}
