package train

import (
	"fmt"
	"math"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Muon steps by the nearest half-orthogonal matrix to a mean of the gradient (Jordan et al.
// 2024, "Muon: An optimizer for hidden layers in neural networks"), so that every direction of
// a matrix learns at one speed. It is for the matrices between the layers of a network; the
// embedding, the head, biases and gains want another rule, as [NewMuon] gives them.
//
// With the clipped gradient G, a matrix W becomes
//
//	M = μ·M + (1-μ)·G
//	W = (1 - Rate·Decay)·W - Rate·√max(1, out/in)·NS(μ·M + (1-μ)·G)
//
// where NS makes the singular values about 1 by five Newton–Schulz steps, which do not
// converge: they end between 0.7 and 1.2. torch.optim.Muon takes the steps in bfloat16, this in
// float32.
type Muon struct {
	Momentum float64 // μ
	// OutIn says that the rows of a matrix are outputs, as in layers.Dense; otherwise they are
	// inputs, as GPT-2's.
	OutIn bool
	// MatchRMS scales a step by 0.2·√max(out, in) instead, the size of AdamW's steps, so that one
	// rate and decay fit both (Liu et al. 2025, "Muon is Scalable for LLM Training", §2.2).
	MatchRMS bool

	x, y, gram, poly []float32 // between the steps
}

// NewMuon returns an optimizer that changes the matrices whose name matches one of the
// patterns, such as "h.*", by Muon (μ 0.95, rate 0.02, no decay), and the rest by
// [NewAdamW]'s settings. LearnRate is the rate of the rest; the groups' factor makes Muon's 0.02 of 6e-4, and
// a schedule of another height scales both. The matrices are (in, out), as GPT-2's are: for those of layers.Dense
// set OutIn, or MatchRMS, to which the layout does not matter.
func NewMuon(hidden ...string) *Optimizer {
	o := NewAdamW()
	for _, pattern := range hidden {
		o.Groups = append(o.Groups, Group{
			Pattern: pattern, Matrices: true, Rule: &Muon{Momentum: 0.95}, Rate: new(0.02 / o.LearnRate), Decay: new(0.0),
		})
	}
	return o
}

// Name is "Muon".
func (*Muon) Name() string { return "Muon" }

// Keeps names the momentum of a matrix, or of several, those of experts; there is none of another shape.
func (*Muon) Keeps(shape []int) ([]string, error) {
	if len(shape) != 2 && len(shape) != 3 {
		return nil, fmt.Errorf("its rank is %d, want a matrix", len(shape))
	}
	return momentumKept, nil
}

// Apply makes an update, of several matrices one by one.
func (m *Muon) Apply(c *Change) {
	if len(c.Shape) == 3 {
		n := c.Shape[1] * c.Shape[2]
		for at := 0; at < len(c.Weight); at += n {
			one := *c
			one.Shape, one.Weight, one.Grad, one.Kept = c.Shape[1:], c.Weight[at:at+n], c.Grad[at:at+n], [][]float32{c.Kept[0][at : at+n]}
			m.Apply(&one)
		}
		return
	}
	rows, cols := c.Shape[0], c.Shape[1]
	m.x, m.y = sized(m.x, rows*cols), sized(m.y, rows*cols)
	clip, mu := float32(c.Clip), float32(m.Momentum)
	kernel.For(len(m.x), optimizerGrain, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			d := float32(c.Grad[i] * clip)
			mean := d + float32(mu*(c.Kept[0][i]-d))
			c.Kept[0][i] = mean
			m.x[i] = d + float32(mu*(mean-d))
		}
	})
	m.orthogonalize(rows, cols)
	shrink, rate := c.shrink(), float32(c.Rate*m.scale(rows, cols))
	kernel.For(len(m.x), optimizerGrain, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			c.Weight[i] = float32(c.Weight[i]*shrink) - float32(rate*m.x[i])
		}
	})
}

// scale is the factor on the rate that makes up for a matrix's shape.
func (m *Muon) scale(rows, cols int) float64 {
	if m.MatchRMS {
		return 0.2 * math.Sqrt(float64(max(rows, cols)))
	}
	in, out := rows, cols
	if m.OutIn {
		in, out = out, in
	}
	return math.Sqrt(max(1, float64(out)/float64(in)))
}

// newtonSchulz are the coefficients of Jordan's polynomial 3.4445x - 4.7750x³ + 2.0315x⁵,
// chosen to lift small singular values fast.
var newtonSchulz = [3]float32{3.4445, -4.7750, 2.0315}

const newtonSchulzSteps = 5

// orthogonalize takes x through the polynomial so often. The Gram matrix is that of the shorter
// side.
func (m *Muon) orthogonalize(rows, cols int) {
	kernel.Scale(m.x, m.x, float32(1/(math.Sqrt(kernel.SumSquares(m.x))+1e-7)))
	n, wide := min(rows, cols), rows <= cols
	m.gram, m.poly = sized(m.gram, n*n), sized(m.poly, n*n)
	for range newtonSchulzSteps { // the Gram matrix and its square are symmetric
		symmetric(m.gram, n, func(lo, hi int) {
			x := m.x[lo:] // columns from lo on
			if wide {
				x = m.x[lo*cols:] // rows
			}
			kernel.Gemm(!wide, wide, hi-lo, n-lo, max(rows, cols), 1, x, cols, x, cols, 0, m.gram[lo*n+lo:], n)
		})
		copy(m.poly, m.gram)
		symmetric(m.poly, n, func(lo, hi int) {
			kernel.Gemm(false, false, hi-lo, n-lo, n, newtonSchulz[2], m.gram[lo*n:], n, m.gram[lo:], n, newtonSchulz[1], m.poly[lo*n+lo:], n)
		})
		copy(m.y, m.x)
		if wide {
			kernel.Gemm(false, false, rows, cols, n, 1, m.poly, n, m.x, cols, newtonSchulz[0], m.y, cols)
		} else {
			kernel.Gemm(false, false, rows, cols, n, 1, m.x, cols, m.poly, n, newtonSchulz[0], m.y, cols)
		}
		m.x, m.y = m.y, m.x
	}
}

// symmetricBlock is the number of rows of a symmetric matrix that are multiplied at once: fewer save more of the
// products, and make them smaller.
const symmetricBlock = 192

// symmetric fills an n×n matrix whose rows lo to hi, from column lo on, a product gives: what is below the diagonal is
// what is above it, to the bit what a whole product would give.
func symmetric(c []float32, n int, product func(lo, hi int)) {
	for lo, hi := 0, 0; hi < n; lo = hi {
		if hi += symmetricBlock; n-hi < symmetricBlock { // a small product has other bits
			hi = n
		}
		product(lo, hi)
	}
	kernel.For(n, 64, func(from, to int) {
		for lo := from; lo < to; lo += 16 { // rows that share the lines of a cache
			for j := range min(lo+16, to) {
				for i := max(lo, j+1); i < min(lo+16, to); i++ {
					c[i*n+j] = c[j*n+i]
				}
			}
		}
	})
}

// sized is b with n elements, of whatever value.
func sized(b []float32, n int) []float32 {
	if cap(b) < n {
		return make([]float32, n)
	}
	return b[:n]
}
