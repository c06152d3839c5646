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

// Loss describes what was lost in converting a GPT-3 to a GPT-Neo.
type Loss struct {
	// Rounded reports that the queries' weights were rounded, because the scale of the scores, which is now
	// in these weights, is not a power of two.
	Rounded bool
	// Condition is the largest condition number of the query weights that a bias of queries was divided by,
	// or 0 if there was no such bias. Rounding errors in the bias may be magnified by this factor in the
	// queries.
	Condition float64
	Layer     int // where Condition was found
}

// ErrQueryBias is the error for a model whose queries have a bias.
var ErrQueryBias = errors.New("queries have a bias, which GPT-Neo has no place for")

// From converts a GPT-3 to a GPT-Neo with the same logits. The scale of the scores is moved into the queries'
// weights. A bias of keys adds the same to all scores of a query and drops out. A bias of values adds the
// same to the output at every position, and so goes into the last bias. There is no place for a bias b of
// queries: it is the error [ErrQueryBias], unless fold is true. Then δ = b·W_q⁻¹ is added to the bias of
// ln_1, which yields b in the queries, and its effect on the values is subtracted from the last bias.
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

// moving carries weights from a GPT-3 to a GPT-Neo.
type moving struct {
	width    int
	from, to *graph.Params
	fold     bool
	loss     Loss
	err      error
}

// get returns the n numbers of a parameter of the GPT-3, or zeros if it has no such parameter, as with
// biases.
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

// matrix returns a weight of the GPT-3 as a matrix (rows, cols).
func (m *moving) matrix(name string, rows, cols int) *mat.Dense {
	return mat.NewDense(rows, cols, m.get(name, rows*cols))
}

// putDense fills the weight of a layer that is stored transposed.
func (m *moving) putDense(name string, w mat.Matrix) {
	m.put(name, mat.DenseCopyOf(w.T()).RawMatrix().Data)
}

// block converts the weights of block i, multiplying those of the queries by scale.
func (m *moving) block(i int, scale float64, inner int) error {
	c, h := m.width, fmt.Sprintf("h.%d.", i)
	qkv, bias := m.matrix(h+"attn.c_attn.weight", c, 3*c), m.get(h+"attn.c_attn.bias", 3*c)
	out, outBias := m.matrix(h+"attn.c_proj.weight", c, c), m.get(h+"attn.c_proj.bias", c)
	norm := m.get(h+"ln_1.bias", c)
	q, k, v := qkv.Slice(0, c, 0, c), qkv.Slice(0, c, c, 2*c), qkv.Slice(0, c, 2*c, 3*c)

	constant := mat.NewVecDense(c, bias[2*c:]) // what is added to the values at all positions
	if slices.ContainsFunc(bias[:c], func(b float64) bool { return b != 0 }) {
		shift, err := m.divide(i, bias[:c], q)
		if err != nil {
			return err
		}
		var shifted mat.VecDense
		shifted.MulVec(v.T(), shift) // how the shift changes the values
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

// divide returns δ with δ·W = b, for the weights W (C, C) of the queries of block i.
func (m *moving) divide(i int, b []float64, w mat.Matrix) (*mat.VecDense, error) {
	if !m.fold {
		return nil, ErrQueryBias
	}
	var lu mat.LU
	lu.Factorize(w.T())
	condition := lu.Cond()
	var shift mat.VecDense
	if err := lu.SolveVecTo(&shift, false, mat.NewVecDense(len(b), slices.Clone(b))); err != nil || !(condition < singular) {
		return nil, fmt.Errorf("the queries' weights have a condition number of %.1e: no shift of ln_1 can produce their bias", condition)
	}
	if condition > m.loss.Condition {
		m.loss.Condition, m.loss.Layer = condition, i
	}
	return &shift, nil
}

// singular is a condition number beyond which no digit of a float32 result is correct.
const singular = 1 << 24
