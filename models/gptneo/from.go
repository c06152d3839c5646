package gptneo

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models/gpt3"
)

// Loss is what was lost on the way from a GPT-3 to a GPT-Neo.
type Loss struct {
	// Rounded tells that the scale of the scores, which is in the queries' weights now, is no power
	// of two, so that these were rounded.
	Rounded bool
	// Condition is the largest condition number of the queries' weights by which a bias of queries was divided, 0 if
	// there was none: what rounding may do to that bias, it may do so many times to the queries.
	Condition float64
	Layer     int // where that is
}

// ErrQueryBias is the error for a model whose queries have a bias.
var ErrQueryBias = errors.New("queries have a bias, which GPT-Neo has no place for")

// From is a GPT-3 as a GPT-Neo of the same logits. Scores are scaled by the queries' weights. The
// bias of keys adds the same to all scores of a query and drops out; that of values is added to
// what each position takes, and so to the last bias. A bias b of queries has no place: it is refused, by
// [ErrQueryBias], unless fold is true. Then δ = b·W_q⁻¹ is added to the bias of ln_1, which makes
// b of it, and what it makes of values is taken from the last bias.
func From(c gpt3.Config, params *graph.Params, fold bool) (Config, *graph.Params, Loss, error) {
	to := New(c.Vocab, c.Context, c.Width, c.Layers, c.Heads)
	to.Inner, to.Activation, to.Window = c.Inner, c.Activation, max(1, c.Window)
	to.EmbedDropout, to.AttentionDropout, to.ResidualDropout = c.EmbedDropout, c.AttentionDropout, c.ResidualDropout
	to.Epsilon, to.InitStd, to.Tied = c.Epsilon, c.InitStd, c.Tied
	kinds := make([]string, c.Layers)
	for i := range kinds {
		if kinds[i] = global; c.Banded(i) {
			kinds[i] = local
		}
	}
	to.Types = NewTypes(kinds)

	m := moving{width: c.Width, from: params, to: graph.NewParams(0), fold: fold}
	s := graph.New(m.to)
	to.Body(s, s.Ints("tokens", 1, 1))
	if !c.Tied {
		s.At("lm_head").Param("weight", to.start(), c.Vocab, c.Width)
	}
	if s.Err() != nil {
		return to, nil, m.loss, s.Err()
	}
	names := []string{"wte.weight", "wpe.weight", "ln_f.weight", "ln_f.bias"}
	if !c.Tied {
		names = append(names, "lm_head.weight")
	}
	for _, name := range names {
		m.put(name, m.get(name, m.to.Get(name).Size()))
	}
	for i := range c.Layers {
		scale := c.Attention(i).Scale
		if scale == 0 {
			scale = 1 / math.Sqrt(float64(c.Width/c.Heads))
		}
		if err := m.block(i, scale, to.inner()); err != nil {
			return to, nil, m.loss, fmt.Errorf("h.%d.attn.c_attn: %w", i, err)
		}
	}
	return to, m.to, m.loss, m.err
}

// moving takes weights from a GPT-3 to a GPT-Neo.
type moving struct {
	width    int
	from, to *graph.Params
	fold     bool
	loss     Loss
	err      error
}

// get is n numbers of a parameter of the GPT-3, zeros if it has none: a bias of one without.
func (m *moving) get(name string, n int) []float64 {
	x := make([]float64, n)
	if p := m.from.Get(name); p != nil {
		for i, v := range p.Data() {
			x[i] = float64(v)
		}
	}
	return x
}

// put fills a parameter of the GPT-Neo.
func (m *moving) put(name string, x []float64) {
	err := m.to.Get(name).Fill(func(data []float32) error {
		for i, v := range x {
			data[i] = float32(v)
		}
		return nil
	})
	if m.err == nil {
		m.err = err
	}
}

// matrix is a weight (rows, cols).
func (m *moving) matrix(name string, rows, cols int) *mat.Dense {
	return mat.NewDense(rows, cols, m.get(name, rows*cols))
}

// putDense fills the weight of a layer that is stored transposed.
func (m *moving) putDense(name string, w mat.Matrix) {
	m.put(name, mat.DenseCopyOf(w.T()).RawMatrix().Data)
}

// block takes the weights of block i, whose scores are scaled.
func (m *moving) block(i int, scale float64, inner int) error {
	c, h := m.width, fmt.Sprintf("h.%d.", i)
	qkv, bias := m.matrix(h+"attn.c_attn.weight", c, 3*c), m.get(h+"attn.c_attn.bias", 3*c)
	out, outBias := m.matrix(h+"attn.c_proj.weight", c, c), m.get(h+"attn.c_proj.bias", c)
	norm := m.get(h+"ln_1.bias", c)
	q, k, v := qkv.Slice(0, c, 0, c), qkv.Slice(0, c, c, 2*c), qkv.Slice(0, c, 2*c, 3*c)

	constant := mat.NewVecDense(c, bias[2*c:]) // what all positions add to the values
	if slices.ContainsFunc(bias[:c], func(b float64) bool { return b != 0 }) {
		shift, err := m.divide(i, bias[:c], q)
		if err != nil {
			return err
		}
		var shifted mat.VecDense
		shifted.MulVec(v.T(), shift) // of the values, by the shift
		constant.SubVec(constant, &shifted)
		for j := range norm {
			norm[j] += shift.AtVec(j)
		}
	}
	var last mat.VecDense
	last.MulVec(out.T(), constant)
	last.AddVec(&last, mat.NewVecDense(c, outBias))

	scaled := mat.DenseCopyOf(q)
	scaled.Scale(scale, scaled)
	if fraction, _ := math.Frexp(scale); fraction != 0.5 {
		m.loss.Rounded = true
	}
	m.putDense(h+"attn.attention.q_proj.weight", scaled)
	m.putDense(h+"attn.attention.k_proj.weight", k)
	m.putDense(h+"attn.attention.v_proj.weight", v)
	m.putDense(h+"attn.attention.out_proj.weight", out)
	m.put(h+"attn.attention.out_proj.bias", last.RawVector().Data)
	m.put(h+"ln_1.weight", m.get(h+"ln_1.weight", c))
	m.put(h+"ln_1.bias", norm)
	m.put(h+"ln_2.weight", m.get(h+"ln_2.weight", c))
	m.put(h+"ln_2.bias", m.get(h+"ln_2.bias", c))
	m.putDense(h+"mlp.c_fc.weight", m.matrix(h+"mlp.c_fc.weight", c, inner))
	m.put(h+"mlp.c_fc.bias", m.get(h+"mlp.c_fc.bias", inner))
	m.putDense(h+"mlp.c_proj.weight", m.matrix(h+"mlp.c_proj.weight", inner, c))
	m.put(h+"mlp.c_proj.bias", m.get(h+"mlp.c_proj.bias", c))
	return nil
}

// divide is δ with δ·W = b, for the weights W (C, C) of the queries of block i.
func (m *moving) divide(i int, b []float64, w mat.Matrix) (*mat.VecDense, error) {
	if !m.fold {
		return nil, ErrQueryBias
	}
	var lu mat.LU
	lu.Factorize(w.T())
	condition := lu.Cond()
	var shift mat.VecDense
	if err := lu.SolveVecTo(&shift, false, mat.NewVecDense(len(b), slices.Clone(b))); err != nil || !(condition < singular) {
		return nil, fmt.Errorf("the queries' weights have a condition number of %.1e: no shift of ln_1 makes their bias", condition)
	}
	if condition > m.loss.Condition {
		m.loss.Condition, m.loss.Layer = condition, i
	}
	return &shift, nil
}

// singular is a condition number beyond which no digit of a float32 is right.
const singular = 1 << 24
