package gpt2_test

import (
	"fmt"
	"math"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/reference"
	"github.com/gorgpt/gorgpt/models/gpt2"
)

// builtin is GPT-2 composed of those of Gorgonia's ops that are correct, as an independent check of the fused ops.
// It processes sequences and heads one at a time, so it needs no Reshape, which aliases its input (gorgonia#511).
type builtin struct {
	t      testing.TB
	c      gpt2.Config
	graph  *G.ExprGraph
	params map[string]*G.Node
	order  []string
	loss   *G.Node
	next   int // numbers the inputs, because inputs with equal names would merge
}

func newBuiltin(t testing.TB, c gpt2.Config, params *graph.Params, tokens, targets []int, batch, context int) *builtin {
	m := &builtin{t: t, c: c, graph: G.NewGraph(), params: make(map[string]*G.Node)}
	for _, p := range params.All() {
		m.order = append(m.order, p.Name())
		m.params[p.Name()] = m.input(p.Name(), reference.Float64s(p.Data()), p.Shape()...)
	}
	for b := range batch {
		l := m.sequence(tokens[b*context:(b+1)*context], targets[b*context:(b+1)*context])
		if m.loss == nil {
			m.loss = l
		} else {
			m.loss = m.must(G.Add(m.loss, l))
		}
	}
	m.loss = m.must(G.HadamardProd(m.loss, m.scalar(1/float64(batch))))
	return m
}

func (m *builtin) must(n *G.Node, err error) *G.Node {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
	return n
}

func (m *builtin) input(name string, data []float64, shape ...int) *G.Node {
	return G.NewTensor(m.graph, tensor.Float64, len(shape), G.WithName(name), G.WithShape(shape...),
		G.WithValue(tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))))
}

func (m *builtin) scalar(v float64) *G.Node { return G.NewConstant(v) }

// rows looks up ids in a table.
func (m *builtin) rows(table *G.Node, ids []int) *G.Node {
	m.next++
	at := G.NewVector(m.graph, tensor.Int, G.WithName(fmt.Sprintf("ids %d", m.next)), G.WithShape(len(ids)),
		G.WithValue(tensor.New(tensor.WithShape(len(ids)), tensor.WithBacking(append([]int(nil), ids...)))))
	return m.must(G.ByIndices(table, at, 0))
}

func (m *builtin) sequence(tokens, targets []int) *G.Node {
	var positions []int
	for t := range tokens {
		positions = append(positions, t)
	}
	x := m.must(G.Add(m.rows(m.params["wte.weight"], tokens), m.rows(m.params["wpe.weight"], positions)))
	for l := range m.c.Layers {
		h := fmt.Sprintf("h.%d.", l)
		x = m.must(G.Add(x, m.attention(h+"attn", m.layerNorm(h+"ln_1", x), len(tokens))))
		hidden := m.gelu(m.linear(h+"mlp.c_fc", m.layerNorm(h+"ln_2", x)))
		x = m.must(G.Add(x, m.linear(h+"mlp.c_proj", hidden)))
	}
	x = m.layerNorm("ln_f", x)
	logits := m.must(G.Mul(x, m.must(G.Transpose(m.params["wte.weight"]))))

	// Mean of log Σ exp(logits) − logits[target]; the logits are small enough not to overflow.
	oneHot := make([]float64, len(targets)*m.c.Vocab)
	for n, id := range targets {
		oneHot[n*m.c.Vocab+id] = 1
	}
	m.next++
	chosen := m.must(G.HadamardProd(logits, m.input(fmt.Sprintf("targets %d", m.next), oneHot, len(targets), m.c.Vocab)))
	total := m.must(G.Log(m.must(G.Sum(m.must(G.Exp(logits)), 1))))
	return m.must(G.Mean(m.must(G.Sub(total, m.must(G.Sum(chosen, 1))))))
}

func (m *builtin) linear(name string, x *G.Node) *G.Node {
	y := m.must(G.Mul(x, m.params[name+".weight"]))
	return m.must(G.BroadcastAdd(y, m.params[name+".bias"], nil, []byte{0}))
}

func (m *builtin) layerNorm(name string, x *G.Node) *G.Node {
	centred := m.must(G.BroadcastSub(x, m.must(G.Mean(x, 1)), nil, []byte{1}))
	variance := m.must(G.Mean(m.must(G.Square(centred)), 1))
	deviation := m.must(G.Sqrt(m.must(G.Add(variance, m.scalar(m.c.Epsilon)))))
	y := m.must(G.BroadcastHadamardDiv(centred, deviation, nil, []byte{1}))
	y = m.must(G.BroadcastHadamardProd(y, m.params[name+".weight"], nil, []byte{0}))
	return m.must(G.BroadcastAdd(y, m.params[name+".bias"], nil, []byte{0}))
}

func (m *builtin) gelu(x *G.Node) *G.Node {
	inner := m.must(G.Add(x, m.must(G.HadamardProd(m.must(G.Cube(x)), m.scalar(0.044715)))))
	t := m.must(G.Tanh(m.must(G.HadamardProd(inner, m.scalar(math.Sqrt(2/math.Pi))))))
	return m.must(G.HadamardProd(m.must(G.HadamardProd(x, m.scalar(0.5))), m.must(G.Add(t, m.scalar(1)))))
}

// attention adds up the heads' contributions through their rows of c_proj, instead of joining the heads first.
func (m *builtin) attention(name string, x *G.Node, context int) *G.Node {
	qkv := m.linear(name+".c_attn", x)
	size := m.c.Width / m.c.Heads
	mask := make([]float64, context*context)
	for i := range mask {
		if i%context > i/context {
			mask[i] = -1e4 // whose exp is 0
		}
	}
	m.next++
	hidden := m.input(fmt.Sprintf("mask %d", m.next), mask, context, context)
	var y *G.Node
	for h := range m.c.Heads {
		part := func(i int) *G.Node {
			from := i*m.c.Width + h*size
			return m.must(G.Slice(qkv, nil, G.S(from, from+size)))
		}
		scores := m.must(G.Mul(part(0), m.must(G.Transpose(part(1)))))
		scores = m.must(G.HadamardProd(scores, m.scalar(1/math.Sqrt(float64(size)))))
		weights := m.must(G.Exp(m.must(G.Add(scores, hidden))))
		weights = m.must(G.BroadcastHadamardDiv(weights, m.must(G.Sum(weights, 1)), nil, []byte{1}))
		rows := m.must(G.Slice(m.params[name+".c_proj.weight"], G.S(h*size, (h+1)*size)))
		out := m.must(G.Mul(m.must(G.Mul(weights, part(2))), rows))
		if y == nil {
			y = out
		} else {
			y = m.must(G.Add(y, out))
		}
	}
	return m.must(G.BroadcastAdd(y, m.params[name+".c_proj.bias"], nil, []byte{0}))
}

// run returns the loss and the gradient of every parameter.
func (m *builtin) run(t testing.TB) (float64, map[string][]float64) {
	var wrt G.Nodes
	for _, name := range m.order {
		wrt = append(wrt, m.params[name])
	}
	grads, err := G.Grad(m.loss, wrt...)
	if err != nil {
		t.Fatal(err)
	}
	vm := G.NewTapeMachine(m.graph)
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	out := make(map[string][]float64)
	for i, name := range m.order {
		out[name] = grads[i].Value().Data().([]float64)
	}
	return m.loss.Value().Data().(float64), out
}
