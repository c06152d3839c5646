package kernel

// Gather sets row n of out to row ids[n] of table.
func Gather(out, table []float32, ids []int, width int) {
	call{out: out, x: table, ids: ids, width: width}.split(len(ids), rowGrain(additionGrain, width), func(c *call, lo, hi int) {
		for n := lo; n < hi; n++ {
			copy(c.row(c.out, n), c.row(c.x, c.ids[n]))
		}
	})
}

// ScatterAxpy adds alpha times row n of x to row ids[n] of table. Work is split by columns, so rows with the same
// id are added in order.
func ScatterAxpy(table []float32, alpha float32, x []float32, ids []int, width int) {
	call{out: table, alpha: alpha, x: x, ids: ids, width: width}.split(width, columnGrain(additionGrain, len(ids)), func(c *call, lo, hi int) {
		for n, id := range c.ids {
			active.vec.axpy(c.row(c.out, id)[lo:hi], c.alpha, c.row(c.x, n)[lo:hi])
		}
	})
}
