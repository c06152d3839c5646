package train

import (
	"fmt"
	"math"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Muon steps by the semi-orthogonal matrix nearest to a running mean of the gradient (Jordan et al.
// 2024, "Muon: An optimizer for hidden layers in neural networks"), so that every direction of a
// matrix is trained at the same speed. It is for the matrices of a network's hidden layers; the
// embedding, the head, biases and gains need another rule, which [NewMuon] gives them.
//
// With the clipped gradient G, a matrix W becomes
//
//	M = μ·M + (1-μ)·G
//	W = (1 - Rate·Decay)·W - Rate·√max(1, out/in)·NS(μ·M + (1-μ)·G)
//
// where NS brings the singular values near 1 by five Newton–Schulz steps, which do not converge:
// the values end between 0.7 and 1.2. torch.optim.Muon takes these steps in bfloat16, this
// implementation in float32.
type Muon struct {
	Momentum float64 // μ
	// OutIn says that the rows of a matrix are outputs, as in layers.Dense; otherwise they are
	// inputs, as in GPT-2.
	OutIn bool
	// MatchRMS scales a step by 0.2·√max(out, in) instead, the size of AdamW's steps, so that the
	// same rate and decay suit both (Liu et al. 2025, "Muon is Scalable for LLM Training", §2.2).
	MatchRMS bool

	x, y, gram, poly []float32 // scratch memory, kept between steps
}

// NewMuon returns an optimizer that changes the matrices whose names match one of the patterns,
// such as "h.*", by Muon (μ 0.95, rate 0.02, no decay), and the rest with [NewAdamW]'s settings.
// LearnRate, 6e-4, is the rate for the rest; the groups' factor turns it into Muon's 0.02, and a
// schedule with another peak scales both. The matrices are taken to be (in, out), as in GPT-2: for
// those of layers.Dense set OutIn, or MatchRMS, for which the layout does not matter.
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

// Keeps names the momentum of a matrix, or of a stack of matrices, one per expert; any other rank
// is an error.
func (*Muon) Keeps(shape []int) ([]string, error) {
	if len(shape) != 2 && len(shape) != 3 {
		return nil, fmt.Errorf("its rank is %d, want a matrix", len(shape))
	}
	return momentumKept, nil
}

// Apply makes an update. It treats stacked matrices one by one.
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

// scale returns the factor on the rate that compensates for a matrix's shape.
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

// orthogonalize applies the polynomial to x newtonSchulzSteps times. The Gram matrix is taken over
// the shorter side.
func (m *Muon) orthogonalize(rows, cols int) {
	kernel.Scale(m.x, m.x, float32(1/(math.Sqrt(kernel.SumSquares(m.x))+1e-7)))
	n, wide := min(rows, cols), rows <= cols
	m.gram, m.poly = sized(m.gram, n*n), sized(m.poly, n*n)
	for range newtonSchulzSteps { // the Gram matrix and its square are symmetric
		symmetric(m.gram, n, func(lo, hi int) {
			x := m.x[lo:] // columns from lo
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

// symmetricBlock is how many rows of a symmetric matrix are computed at once. Smaller blocks skip
// more of the redundant products, but each product is smaller.
const symmetricBlock = 192

// symmetric fills a symmetric n×n matrix, where product computes rows lo to hi from column lo on.
// The part below the diagonal is copied from the part above, bit for bit what a whole product would
// give.
func symmetric(c []float32, n int, product func(lo, hi int)) {
	for lo, hi := 0, 0; hi < n; lo = hi {
		if hi += symmetricBlock; n-hi < symmetricBlock { // a small product would round differently
			hi = n
		}
		product(lo, hi)
	}
	kernel.For(n, 64, func(from, to int) {
		for lo := from; lo < to; lo += 16 { // rows that share cache lines
			for j := range min(lo+16, to) {
				for i := max(lo, j+1); i < min(lo+16, to); i++ {
					c[i*n+j] = c[j*n+i]
				}
			}
		}
	})
}

// sized returns b with n elements of unspecified value.
func sized(b []float32, n int) []float32 {
	if cap(b) < n {
		return make([]float32, n)
	}
	return b[:n]
}
