package layers_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
	"github.com/gorgpt/gorgpt/train"
)

// The models that test the pieces of docs/layers.md have this vocabulary, width, number of heads and context.
const shelfVocab, shelfWidth, shelfHeads, shelfContext = 29, 24, 6, 12

// tolCached bounds the difference between pieces and whole sequences, for values of size 1 that are sums of
// some dozens of float32 numbers in a different order.
const tolCached = 1e-5

// piece is a model that uses one of the pieces of docs/layers.md, in its blocks or in its head.
type piece struct {
	block func(s *graph.Scope, x *G.Node) *G.Node
	head  layers.HeadConfig
	// embed, if given, is applied to the token embeddings.
	embed func(s *graph.Scope, x *G.Node) *G.Node
	// untied gives the head a separate weight.
	untied bool
}

// attending returns a model of blocks with the given attention, and with a dropout of 0.1 in attention and
// in the residual branches.
func attending(c layers.AttentionConfig) piece {
	return piece{block: func(s *graph.Scope, x *G.Node) *G.Node {
		c := c
		c.Heads, c.Dropout = shelfHeads, 0.1
		a := layers.Attention(s.At("attn"), layers.LayerNorm(s.At("ln_1"), x, layers.Norm{}), c)
		x = layers.Residual(s.At("attn"), x, a, 0.1)
		m := layers.MLP(s.At("mlp"), layers.LayerNorm(s.At("ln_2"), x, layers.Norm{}), 40, ops.GELU, layers.BranchWeights{})
		return layers.Residual(s.At("mlp"), x, m, 0.1)
	}}
}

// turning returns a model with rotary positions.
func turning(o ops.RotaryOptions) piece {
	return attending(layers.AttentionConfig{KVHeads: 2, Between: func(s *graph.Scope, q, k *G.Node) (*G.Node, *G.Node) {
		return ops.Rotary(s, q, shelfHeads, o), ops.Rotary(s, k, 2, o)
	}})
}

// norming returns a model with the given norms, of whole rows and of the heads of queries and keys.
func norming(n layers.RMS) piece {
	return piece{block: func(s *graph.Scope, x *G.Node) *G.Node {
		heads := n
		heads.Columns = shelfWidth / shelfHeads
		a := layers.Attention(s.At("attn"), layers.RMSNorm(s.At("norm"), x, n), layers.AttentionConfig{
			Heads: shelfHeads, Separate: true, Weights: bare, Between: func(s *graph.Scope, q, k *G.Node) (*G.Node, *G.Node) {
				return layers.RMSNorm(s.At("q_norm"), q, heads), layers.RMSNorm(s.At("k_norm"), k, heads)
			},
		})
		return layers.Residual(s.At("attn"), x, a, 0.1)
	}}
}

// feeding returns a model whose blocks are only an MLP.
func feeding(f layers.Activation, gated bool) piece {
	return piece{block: func(s *graph.Scope, x *G.Node) *G.Node {
		n := layers.RMSNorm(s.At("norm"), x, layers.RMS{})
		m := layers.MLP
		if gated {
			m = layers.GatedMLP
		}
		return layers.Residual(s.At("mlp"), x, m(s.At("mlp"), n, 40, f, bare), 0.1)
	}}
}

// heading returns a plain model with the given head.
func heading(c layers.HeadConfig) piece {
	p := attending(layers.AttentionConfig{})
	p.head = c
	return p
}

// untied returns a plain model with an untied head.
func untied() piece {
	p := attending(layers.AttentionConfig{})
	p.untied = true
	return p
}

// skipping returns a model in which gates scale the residual stream, and add the embedding to each layer's values.
func skipping() piece {
	var first *G.Node
	p := piece{embed: func(s *graph.Scope, x *G.Node) *G.Node { first = x; return x }}
	p.block = func(s *graph.Scope, x *G.Node) *G.Node {
		a := layers.Attention(s.At("attn"), x, layers.AttentionConfig{Heads: shelfHeads, Value: func(s *graph.Scope, v *G.Node) *G.Node {
			return ops.Add(s, v, layers.Gate(s.At("gate"), first, graph.Ones()))
		}})
		return ops.Add(s, layers.Gate(s.At("stream"), x, graph.Ones()), a)
	}
	return p
}

// parallel returns a model whose blocks compute both branches in parallel.
func parallel() piece {
	return piece{block: func(s *graph.Scope, x *G.Node) *G.Node {
		n := layers.LayerNorm(s.At("ln_1"), x, layers.Norm{})
		a := layers.Attention(s.At("attn"), n, layers.AttentionConfig{Heads: shelfHeads})
		m := layers.MLP(s.At("mlp"), n, 40, ops.GELU, layers.BranchWeights{})
		return layers.Residual(s.At("mlp"), layers.Residual(s.At("attn"), x, a, 0.1), m, 0.1)
	}}
}

// shelf returns a model for every piece of docs/layers.md.
func shelf() map[string]piece {
	scaled := func(c ops.RotaryScaling) piece { return turning(ops.RotaryOptions{Theta: 100, Scaling: c}) }
	return map[string]piece{
		"RMSNorm": norming(layers.RMS{}), "1 + weight": norming(layers.RMS{PlusOne: true}), "no gain": norming(layers.RMS{NoGain: true}),
		"rotary": turning(ops.RotaryOptions{}), "rotary neighbors": turning(ops.RotaryOptions{Interleaved: true, Columns: 2}),
		"linear": scaled(ops.RotaryScaling{Type: "linear", Factor: 4}), "ntk": scaled(ops.RotaryScaling{Type: "ntk", Factor: 4}),
		"yarn":   scaled(ops.RotaryScaling{Type: "yarn", Factor: 4, OriginalPositions: 8}),
		"llama3": scaled(ops.RotaryScaling{Type: "llama3", Factor: 4, OriginalPositions: 8, LowFactor: 1, HighFactor: 4}),
		"ALiBi":  attending(layers.AttentionConfig{Slopes: ops.ALiBi(shelfHeads)}),
		"MPT":    attending(layers.AttentionConfig{Slopes: ops.ALiBiMPT(shelfHeads, 8)}),
		"shared": attending(layers.AttentionConfig{KVHeads: 3}), "one for all": attending(layers.AttentionConfig{KVHeads: 1}),
		"window": attending(layers.AttentionConfig{Window: 4}), "sinks": attending(layers.AttentionConfig{Sinks: true}),
		"soft-cap of scores": attending(layers.AttentionConfig{SoftCap: 0.5}),
		"all of attention":   attending(layers.AttentionConfig{KVHeads: 2, Window: 5, Sinks: true, SoftCap: 2, Slopes: ops.ALiBi(shelfHeads), Separate: true}),
		"SwiGLU":             feeding(ops.SiLU, true), "GEGLU": feeding(ops.GELU, true),
		"SiLU": feeding(ops.SiLU, false), "squared ReLU": feeding(ops.SquaredReLU, false), "quick GELU": feeding(ops.QuickGELU, false),
		"parallel": parallel(), "gates and skips": skipping(), "untied": untied(),
		"soft-cap of logits": heading(layers.HeadConfig{SoftCap: 3}), "z-loss": heading(layers.HeadConfig{ZLoss: 0.01}),
		"label smoothing":   heading(layers.HeadConfig{Smoothing: 0.1}),
		"all of the head's": heading(layers.HeadConfig{SoftCap: 3, ZLoss: 0.01, Smoothing: 0.1}),
	}
}

// body declares the embedding and two blocks, and returns the states (B·T, C) and the head's weight.
func (p piece) body(s *graph.Scope, tokens *G.Node) (x, w *G.Node) {
	x, w = layers.Embedding(s.At("wte"), tokens, shelfVocab, shelfWidth, graph.Normal(1))
	if p.embed != nil {
		x = p.embed(s, x)
	}
	for i := range 2 {
		x = layers.Block(s.At("h.%d", i), x, p.block)
	}
	if p.untied {
		w = s.Param("lm_head.weight", graph.Normal(1), shelfVocab, shelfWidth)
	}
	return x, w
}

// TestShelfPieces: using a cache does not change the logits.
func TestShelfPieces(t *testing.T) {
	const sequences = 3
	random, ids := rand.New(rand.NewPCG(1, 1)), make([]int, sequences*shelfContext)
	for i := range ids {
		ids[i] = random.IntN(shelfVocab)
	}
	for name, p := range shelf() {
		check := graph.PiecesCheck{Sequences: sequences, Positions: shelfContext, Ints: map[string][]int{"tokens": ids}, Tolerance: tolCached}
		if err := graph.CheckPieces(check, func(s *graph.Scope) *G.Node {
			batch, context := s.Sequence()
			x, w := p.body(s, s.Ints("tokens", batch, context))
			return p.head.Logits(s, x, w)
		}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// shelfTask is a [train.Task] of random tokens, the same in each run.
type shelfTask struct {
	piece
	updates uint64
}

func (*shelfTask) Shape() []int { return []int{2, shelfContext} }

func (k *shelfTask) Declare(s *graph.Scope, shape []int) (*G.Node, map[string]*G.Node) {
	x, w := k.body(s, s.Ints("tokens", shape...))
	return k.head.Loss(s, x, w, s.Ints("targets", shape...), nil), nil
}

func (k *shelfTask) Update(context.Context, int, int) ([]train.Batch, error) {
	k.updates++
	random, ids := rand.New(rand.NewPCG(1, k.updates)), make([]int, 2*shelfContext+1)
	for i := range ids {
		ids[i] = random.IntN(shelfVocab)
	}
	return []train.Batch{{Shape: k.Shape(), Targets: len(ids) - 1, Tokens: len(ids) - 1, Places: 1, Feed: func(p *graph.Program, _ int) (float64, error) {
		if err := p.SetInts("tokens", ids[:len(ids)-1]); err != nil {
			return 0, err
		}
		return 1, p.SetInts("targets", ids[1:])
	}}}, nil
}

func (k *shelfTask) State() ([]byte, error)     { return json.Marshal(k.updates) }
func (k *shelfTask) Restore(state []byte) error { return json.Unmarshal(state, &k.updates) }

// checkpoint is what is saved of a run.
type checkpoint struct {
	state   []byte
	moments []train.Tensor
	weights map[string][]float32
}

// trained runs a model until step to, from a checkpoint if there is one.
func (p piece) trained(t *testing.T, name string, to int, from *checkpoint, options ...graph.Option) (c checkpoint) {
	t.Helper()
	params := graph.NewParams(1)
	run := &train.Trainer{
		Task: &shelfTask{piece: p}, Params: params, Solver: train.NewAdamW(), Schedule: train.Constant(0.01, 2), Steps: 6, Seed: 5, Graph: options,
		Save: func(s train.State) (err error) {
			c = checkpoint{weights: make(map[string][]float32)}
			for _, x := range s.Solver.Tensors {
				c.moments = append(c.moments, train.Tensor{Name: x.Name, Shape: slices.Clone(x.Shape), Data: slices.Clone(x.Data)})
			}
			for _, p := range params.All() {
				c.weights[p.Name()] = slices.Clone(p.Data())
			}
			c.state, err = json.Marshal(s)
			return err
		},
	}
	if to < run.Steps {
		run.StopAfter = to
	}
	if from != nil {
		s := graph.New(params) // to declare the weights
		p.body(s, s.Ints("tokens", 1, 1))
		for name, w := range from.weights {
			copy(params.Get(name).Data(), w)
		}
		var state train.State
		if err := json.Unmarshal(from.state, &state); err != nil {
			t.Fatal(err)
		}
		state.Solver.Tensors = from.moments
		if err := run.Restore(state); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if err := run.Run(t.Context()); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return c
}

// TestShelfResume: six steps equal three steps plus three from a checkpoint, and also six steps with
// recomputed blocks, bit for bit, with dropout.
func TestShelfResume(t *testing.T) {
	for name, p := range shelf() {
		whole := p.trained(t, name, 6, nil)
		half := p.trained(t, name, 3, nil)
		for how, other := range map[string]checkpoint{
			"resumed": p.trained(t, name, 6, &half), "with blocks computed again": p.trained(t, name, 6, nil, graph.Recompute("h.*")),
		} {
			for param, want := range whole.weights {
				if slices.Equal(want, half.weights[param]) {
					t.Errorf("%s: %s does not learn", name, param)
				}
				if !slices.Equal(other.weights[param], want) {
					t.Errorf("%s: %s, %s has other bits", name, how, param)
				}
			}
		}
	}
}
