package kernel

// Grains of For: the number of elements that make another goroutine worthwhile. They take some microseconds,
// several times as long as handing them over takes. An element of a kernel costs about as much as one addition,
// as several, or as an exponential function.
const (
	additionGrain    = 1 << 15
	elementGrain     = 1 << 14
	exponentialGrain = 1 << 13
)

// rowGrain is the number of rows of the given width that hold the elements of a grain.
func rowGrain(elements, width int) int { return 1 + elements/max(width, 1) }

// columnGrain is the number of columns, of the given number of rows, that hold the elements of a grain. It has a
// minimum, so that a reasonable part of each row is read at a time.
func columnGrain(elements, rows int) int { return max(64, 1+elements/max(rows, 1)) }

// Add sets out = a + b. out may be a or b.
func Add(out, a, b []float32) {
	n := len(out)
	call{out: out, x: a[:n], y: b[:n]}.split(n, additionGrain, func(c *call, lo, hi int) {
		active.vec.add(c.out[lo:hi], c.x[lo:hi], c.y[lo:hi])
	})
}

func add(out, a, b []float32) {
	a, b = a[:len(out)], b[:len(out)]
	for i := range out {
		out[i] = a[i] + b[i]
	}
}

// Mul sets out = a·b, element by element. out may be a or b.
func Mul(out, a, b []float32) {
	n := len(out)
	call{out: out, x: a[:n], y: b[:n]}.split(n, additionGrain, func(c *call, lo, hi int) {
		active.vec.mul(c.out[lo:hi], c.x[lo:hi], c.y[lo:hi])
	})
}

func mul(out, a, b []float32) {
	a, b = a[:len(out)], b[:len(out)]
	for i := range out {
		out[i] = a[i] * b[i]
	}
}

// Axpy adds alpha·x to y.
func Axpy(y []float32, alpha float32, x []float32) {
	call{out: y, x: x[:len(y)], alpha: alpha}.split(len(y), additionGrain, func(c *call, lo, hi int) {
		active.vec.axpy(c.out[lo:hi], c.alpha, c.x[lo:hi])
	})
}

func axpy(y []float32, alpha float32, x []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] += alpha * x[i]
	}
}

// Scale sets out = alpha·x. out may be x.
func Scale(out, x []float32, alpha float32) {
	call{out: out[:len(x)], x: x, alpha: alpha}.split(len(x), additionGrain, func(c *call, lo, hi int) {
		active.vec.scale(c.out[lo:hi], c.x[lo:hi], c.alpha)
	})
}

func scaled(out, x []float32, alpha float32) {
	for i, v := range x {
		out[i] = alpha * v
	}
}

// AddRow adds the row bias to each of the rows of x.
func AddRow(x, bias []float32, rows int) {
	x = x[:rows*len(bias)]
	AddPeriodic(x, x, bias)
}

// AddPeriodic sets out = x + table, where table is repeated as often as it fits into x. out may be x.
func AddPeriodic(out, x, table []float32) {
	if len(table) == 0 {
		return
	}
	n := len(x) / len(table) * len(table)
	call{out: out[:n], x: x[:n], y: table}.split(n, additionGrain, func(c *call, lo, hi int) {
		for lo < hi {
			table := c.y[lo%len(c.y):]
			end := min(lo+len(table), hi)
			active.vec.add(c.out[lo:end], c.x[lo:end], table[:end-lo])
			lo = end
		}
	})
}

// RowDots sets each element of out to the scalar product of a row of x and the same row of y. x and y have as
// many rows as out has elements.
func RowDots(out, x, y []float32) {
	width := len(x) / max(len(out), 1)
	call{out: out, x: x, y: y[:len(x)], width: width}.split(len(out), rowGrain(additionGrain, width), func(c *call, lo, hi int) {
		for r := lo; r < hi; r++ {
			c.out[r] = active.vec.dot(c.row(c.x, r), c.row(c.y, r))
		}
	})
}

// SumRows sets out to the sum of the rows of x, each as wide as out.
func SumRows(out, x []float32, rows int) {
	width := len(out)
	call{out: out, x: x[:rows*width], rows: rows}.split(width, columnGrain(additionGrain, rows), func(c *call, lo, hi int) {
		clear(c.out[lo:hi])
		active.vec.sumRows(c.out[lo:hi], c.x[lo:], c.rows, len(c.out))
	})
}

func sumRows(out, x []float32, rows, stride int) {
	for r := range rows {
		for i, v := range x[r*stride:][:len(out)] {
			out[i] += v
		}
	}
}

// SumPeriodic sets table to the sum of the consecutive parts of x that have its length.
func SumPeriodic(table, x []float32) { SumRows(table, x, len(x)/len(table)) }
