package layers_test

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/localranks"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// overRanks calls do for each of size ranks in its own goroutine, with a store that is split over the ranks.
func overRanks(size int, do func(r *localranks.Rank, params *graph.Params) error) error {
	errs := make([]error, size)
	var wait sync.WaitGroup
	for i, r := range localranks.New(size) {
		wait.Go(func() {
			params := graph.NewParams(5)
			if errs[i] = params.Split(r); errs[i] == nil {
				errs[i] = do(r, params)
			}
			if errs[i] != nil {
				r.Leave(errs[i])
			}
		})
	}
	wait.Wait()
	for _, err := range errs { // returns the error of the rank that failed first, rather than that it has stopped
		if err != nil && !strings.Contains(err.Error(), "has stopped") {
			return err
		}
	}
	return nil
}

// shared declares a small model with all layers that can be split over ranks: fused and separate attention
// with grouped queries, normalized heads, slopes and sinks; a plain and a gated MLP; an embedding; and an
// untied head with all additions to the loss.
func shared(s *graph.Scope) *G.Node {
	const vocab, width = 7, 8
	w := layers.BranchWeights{Init: graph.Normal(0.3)}
	x, _ := layers.Embedding(s.At("wte"), s.Ints("tokens", 2, 3), vocab, width, graph.Normal(1))
	x = layers.Residual(s.At("a"), x, layers.Attention(s.At("a"), x, layers.AttentionConfig{
		Heads: 4, KVHeads: 2, Weights: w, Dropout: 0.3, Slopes: ops.ALiBi(4), Sinks: true,
	}), 0.2)
	c := layers.AttentionConfig{Heads: 4, KVHeads: 2, Separate: true, Weights: layers.BranchWeights{Init: w.Init, NoBias: true}}
	layers.QKNorm(layers.RMS{})(&c)
	layers.Rotary(ops.RotaryOptions{})(&c)
	x = layers.Residual(s.At("b"), x, layers.Attention(s.At("b"), x, c), 0)
	x = layers.Residual(s.At("c"), x, layers.MLP(s.At("c"), x, 12, func(s *graph.Scope, h *G.Node) *G.Node {
		return ops.Dropout(s, s.Node(G.Square(ops.GELU(s, h))), 0.3) // Gorgonia's ops can be split too
	}, w), 0)
	x = layers.Residual(s.At("d"), x, layers.GatedMLP(s.At("d"), x, 6, ops.SiLU, w), 0)
	return layers.HeadConfig{SoftCap: 3, ZLoss: 0.1, Smoothing: 0.1}.Loss(s.At("lm_head"), x, s.At("lm_head").CutParam("weight", graph.Normal(0.5), graph.Cut(0, vocab), vocab, width), s.Ints("targets", 2, 3), nil)
}

// tolDifference bounds the difference between finite differences of float32 losses and the gradient: losses
// of 3 have errors of 2e-7, which are divided by steps of 1e-2, and the fifth derivative remains. 1e-3 was
// measured, with a single rank too.
const tolDifference = 2e-3

// TestRanksGradients compares the gradients that the ranks assemble with finite differences of the loss
// that they compute together.
func TestRanksGradients(t *testing.T) {
	for _, size := range []int{1, 2} {
		checked := 0
		err := overRanks(size, func(r *localranks.Rank, params *graph.Params) error {
			s := graph.New(params, graph.Training())
			p, err := s.CompileGrad(shared(s))
			if err != nil {
				return err
			}
			defer p.Close()
			if err := p.SetInts("tokens", []int{0, 6, 3, 4, 4, 2}); err != nil {
				return err
			}
			if err := p.SetInts("targets", []int{6, 3, -1, 4, 2, 0}); err != nil {
				return err
			}
			p.Seed(3, 4)
			params.ZeroGrad()
			if err := p.RunGrad(1); err != nil {
				return err
			}
			for _, param := range params.All() {
				gradient, err := param.Gather(param.GradData())
				if err != nil {
					return err
				}
				whole := make([]float32, param.Whole().TotalSize())
				own := make([]float32, param.Size())
				first := append([]float32(nil), param.Data()...)
				for i := range whole {
					if i%3 > 0 {
						continue
					}
					var losses [4]float64
					for at, h := range []float32{-2e-2, -1e-2, 1e-2, 2e-2} {
						whole[i] = h
						if err := param.Take(own, whole); err != nil {
							return err
						}
						for j, d := range own {
							param.Data()[j] = first[j] + d
						}
						if err := p.Run(); err != nil {
							return err
						}
						losses[at] = float64(p.Loss())
						copy(param.Data(), first)
						whole[i] = 0
					}
					if r.Rank() > 0 {
						continue
					}
					checked++
					if d := (losses[0] - 8*losses[1] + 8*losses[2] - losses[3]) / 12e-2; !(math.Abs(d-float64(gradient[i])) <= tolDifference) {
						t.Errorf("%d ranks: element %d of %s: the gradient is %v, the difference %v", size, i, param.Name(), gradient[i], d)
					}
				}
			}
			return nil
		})
		if err != nil || checked < 150 {
			t.Fatal(checked, err)
		}
	}
}

// TestRanksShare: a rank holds only its part of the weights.
func TestRanksShare(t *testing.T) {
	one := graph.NewParams(5)
	shared(graph.New(one))
	var sizes [2]int64
	if err := overRanks(2, func(r *localranks.Rank, params *graph.Params) error {
		s := graph.New(params)
		shared(s)
		sizes[r.Rank()] = params.Count()
		return s.Err()
	}); err != nil {
		t.Fatal(err)
	}
	// Both ranks have the biases that are added after sums (8 each, for two c_proj and a
	// down_proj) and the norms of heads.
	const both = 3*8 + 2*2
	if sizes[0]+sizes[1] != one.Count()+both || sizes[0]-sizes[1] != 2*8 { // one row more in each of two tables
		t.Errorf("ranks have %d weights of %d", sizes, one.Count())
	}
}

// TestRanksErrors: a layer that cannot be divided among the ranks gives a one-line error that names it.
func TestRanksErrors(t *testing.T) {
	mlp := func(f layers.Activation) func(s *graph.Scope, x *G.Node) *G.Node {
		return func(s *graph.Scope, x *G.Node) *G.Node {
			return layers.MLP(s.At("h.0.mlp"), x, 6, f, layers.BranchWeights{})
		}
	}
	attention := func(c layers.AttentionConfig) func(s *graph.Scope, x *G.Node) *G.Node {
		return func(s *graph.Scope, x *G.Node) *G.Node { return layers.Attention(s.At("h.0.attn"), x, c) }
	}
	const stand = "between layers that are split over ranks, only element-wise ops and ops that handle heads (graph.Op.Columnwise) are supported"
	for want, layer := range map[string]func(s *graph.Scope, x *G.Node) *G.Node{
		"h.0.attn: Attention: 3 heads cannot be divided evenly among 2 ranks":                    attention(layers.AttentionConfig{Heads: 3}),
		"h.0.attn: Attention: 1 heads of keys and values cannot be divided evenly among 2 ranks": attention(layers.AttentionConfig{Heads: 2, KVHeads: 1}),
		"h.0.attn: SplitHeads: input 0, (6, 18), is a rank's part of [12 12 12]: " + stand:       attention(layers.AttentionConfig{Heads: 2, Composed: true}),
		"h.0.mlp.c_fc: Linear: 5 columns cannot be divided evenly among 2 ranks": func(s *graph.Scope, x *G.Node) *G.Node {
			return layers.MLP(s.At("h.0.mlp"), x, 5, ops.GELU, layers.BranchWeights{})
		},
		"h.0.mlp.act: Softmax: input 0, (6, 3), is a rank's part of [6]: " + stand:                       mlp(ops.Softmax),
		"h.0.mlp.act: LayerNorm: input 0, (6, 3), is a rank's part of [6]: " + stand:                     mlp(func(s *graph.Scope, h *G.Node) *G.Node { return layers.LayerNorm(s, h, layers.Norm{}) }),
		"h.0.mlp.act: RMSNorm: x is (6, 3), gain (6); want (N, C), and (C) or a part of it for the gain": mlp(func(s *graph.Scope, h *G.Node) *G.Node { return layers.RMSNorm(s, h, layers.RMS{}) }),
		"h.0.mlp.act: Gate: input 0, (6, 3), is a rank's part of [6]: " + stand:                          mlp(func(s *graph.Scope, h *G.Node) *G.Node { return layers.Gate(s, h, graph.Ones()) }),
		"h.0.mlp.act: Mul: input 0 is a rank's part of [6], input 1 whole; want both the same":           mlp(func(s *graph.Scope, h *G.Node) *G.Node { return ops.Mul(s, h, s.Param("slope", graph.Ones(), 6, 3)) }),
		"h.0.mlp.act: Gorgonia's Σ[1]: input 0, (6, 3), is a rank's part of [6]: " + stand:               mlp(func(s *graph.Scope, h *G.Node) *G.Node { return s.Node(G.Sum(h, 1)) }),
	} {
		s := split(t)
		layer(s, s.Floats("x", 6, 12))
		if err := s.Err(); err == nil || err.Error() != want {
			t.Errorf("error %v\nwant  %s", err, want)
		}
	}
	s := split(t)
	h := layers.Linear(s.At("c_fc"), ops.Enter(s, s.Floats("x", 6, 12)), 4, layers.Weights{})
	if _, err := s.Compile(h); err == nil || err.Error() != "c_fc: Linear: an output, or a watched value, is a rank's part of [4]; each rank would report a different one" {
		t.Error(err)
	}
	s = split(t)
	layers.Linear(s.At("a"), s.Floats("x", 6, 12), 4, layers.Weights{})
	if err := s.Params().Split(graph.Counted(2)); err == nil || err.Error() != "graph: Split was called after parameters were declared; call it before" {
		t.Error(err)
	}
}

// split returns a scope over a store that is split over two ranks, for graphs that are only declared.
func split(t *testing.T) *graph.Scope {
	t.Helper()
	params := graph.NewParams(1)
	if err := params.Split(graph.Counted(2)); err != nil {
		t.Fatal(err)
	}
	s := graph.New(params, graph.Training())
	s.SetSequence(2, 3)
	return s
}

// A store is split over ranks by one call; each rank declares its part of the model.
func ExampleEnter() {
	params := graph.NewParams(1)
	if err := params.Split(graph.Counted(4)); err != nil {
		fmt.Println(err)
		return
	}
	s := graph.New(params)
	x := s.Floats("x", 10, 64)                                               // (N, C)
	h := layers.Linear(s.At("c_fc"), ops.Enter(s, x), 256, layers.Weights{}) // (N, 4C/4)
	y := layers.Linear(s.At("c_proj"), ops.GELU(s, h), 64, layers.Weights{}) // (N, C)
	fmt.Println(h.Shape(), y.Shape(), y.Name() != "", s.Err())
	for _, p := range params.All() {
		fmt.Println(p.Name(), p.Shape(), "of", p.Whole())
	}
	// Output:
	// (10, 64) (10, 64) true <nil>
	// c_fc.weight (64, 64) of (64, 256)
	// c_fc.bias (64) of (256)
	// c_proj.weight (64, 64) of (256, 64)
	// c_proj.bias (64) of (64)
}
