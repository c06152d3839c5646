package kernel

// call holds the arguments of a kernel while For runs it. A closure would do the same, but each call of the
// kernel would allocate one.
type call struct {
	out, x, y        []float32
	gain, bias       []float32
	mean, rstd       []float32
	weight, grad     []float32
	moment1, moment2 []float32
	sums             []float64
	ids              []int
	rows, width      int
	alpha            float32
	epsilon          float64
	activation       Activation
	mask             Mask
	terms            LossTerms
	adamW            AdamW
	lion             Lion

	kernel func(c *call, lo, hi int)
	work   func(lo, hi int) // calls kernel; made once
}

var calls = shelf[call]{make: func() *call {
	c := new(call)
	c.work = func(lo, hi int) { c.kernel(c, lo, hi) }
	return c
}}

// split calls kernel on ranges that cover [0, n); see For. kernel should not be a closure.
func (c call) split(n, grain int, kernel func(c *call, lo, hi int)) {
	shared := calls.take()
	work := shared.work
	*shared = c
	shared.kernel, shared.work = kernel, work
	For(n, grain, work)
	*shared = call{work: work}
	calls.put(shared)
}

// row is row r of x.
func (c *call) row(x []float32, r int) []float32 { return x[r*c.width : (r+1)*c.width] }
