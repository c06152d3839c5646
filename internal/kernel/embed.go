package kernel

// Gather sets row n of out to row ids[n] of table.
func Gather(out, table []float32, ids []int, width int) {
	For(len(ids), 1+elementGrain/width, func(lo, hi int) {
		for n := lo; n < hi; n++ {
			copy(out[n*width:(n+1)*width], table[ids[n]*width:(ids[n]+1)*width])
		}
	})
}

// ScatterAxpy adds alpha times row n of x to row ids[n] of table. Work is split by
// columns, so the rows of one id are added in their order.
func ScatterAxpy(table []float32, alpha float32, x []float32, ids []int, width int) {
	For(width, 1+elementGrain/(len(ids)+1), func(lo, hi int) {
		for n, id := range ids {
			row := table[id*width+lo : id*width+hi]
			for i, v := range x[n*width+lo : n*width+hi] {
				row[i] += alpha * v
			}
		}
	})
}

// AddPeriodic sets out to x plus table, repeated as often as it fits into x.
func AddPeriodic(out, x, table []float32) {
	period := len(table)
	For(len(x)/period, 1+elementGrain/period, func(lo, hi int) {
		for p := lo; p < hi; p++ {
			out, x := out[p*period:(p+1)*period], x[p*period:(p+1)*period]
			for i, v := range table {
				out[i] = x[i] + v
			}
		}
	})
}

// SumPeriodic sets table to the sum of the parts of x that are as long.
func SumPeriodic(table, x []float32) { SumRows(table, x, len(x)/len(table)) }
