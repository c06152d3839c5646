package graph_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// TestRecompute: random graphs of this module's ops and Gorgonia's have the same losses and gradients bit for
// bit, whatever is recomputed.
func TestRecompute(t *testing.T) {
	copies := 0
	for seed := range 200 {
		run := func(options ...graph.Option) (loss float32, grads [][]float32, nodes []graph.Node) {
			params := graph.NewParams(uint64(seed))
			s := graph.New(params, options...)
			l, outs := mixed(s, rand.New(rand.NewPCG(uint64(seed), 7)), seed%2 == 0)
			p, err := s.CompileGrad(l, outs...)
			if err != nil {
				if len(options) > 0 && strings.HasSuffix(err.Error(), "no scope matches") {
					return 0, nil, nil // all ops are Gorgonia's, which are not recomputed
				}
				t.Fatalf("graph %d: %v", seed, err)
			}
			defer p.Close()
			x := make([]float32, side*side)
			for i := range x {
				x[i] = float32(i%5) / 3
			}
			if err := p.SetFloats("x", x); err != nil {
				t.Fatal(err)
			}
			for _, weight := range []float32{0.5, 0.25} {
				if err := p.RunGrad(weight); err != nil {
					t.Fatalf("graph %d: %v", seed, err)
				}
			}
			for _, param := range params.All() {
				grads = append(grads, param.GradData())
			}
			return p.Loss(), grads, p.Nodes()
		}
		loss, grads, nodes := run()
		for _, pattern := range []string{"block*", "block*.n*", "block0"} {
			l, g, n := run(graph.Recompute(pattern))
			if n == nil {
				continue
			}
			copies += len(n) - len(nodes)
			if l != loss {
				t.Errorf("graph %d, %s: loss %v, want %v", seed, pattern, l, loss)
			}
			for i := range g {
				if !slices.Equal(g[i], grads[i]) {
					t.Errorf("graph %d, %s: gradient %d is %v, want %v", seed, pattern, i, g[i], grads[i])
				}
			}
		}
	}
	if copies < 400 {
		t.Errorf("only %d nodes were computed again", copies)
	}
}

// TestRecomputeMemory: a deep chain keeps only what passes from block to block, and the inside of one block;
// the recomputed copies are listed.
func TestRecomputeMemory(t *testing.T) {
	const blocks, depth, rows, width = 10, 8, 16, 32
	compile := func(share bool, options ...graph.Option) (planned int64, again int) {
		s := graph.New(graph.NewParams(1), options...)
		x := s.Floats("x", rows, width)
		root := s
		for b := range blocks {
			s := root.At("h.%d", b)
			if share {
				s = root.At("h.0").Shared()
			}
			for d := range depth {
				w := s.Param(fmt.Sprint("w", d), graph.Normal(1), width, width)
				x = ops.GELU(s, ops.Linear(s, x, w, nil))
			}
		}
		p, err := s.CompileGrad(s.Node(G.Mean(s.Node(G.Tanh(x)))))
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range p.Nodes() {
			if strings.HasSuffix(n.Op, " again") {
				again++
			}
		}
		return p.PlannedBytes(), again
	}
	const one = 4 * rows * width
	all, again := compile(false)
	if least := int64(blocks*depth*2*one) * 9 / 10; all < least || again != 0 {
		t.Errorf("%d bytes and %d copies without recomputation, want at least %d and none", all, again, least)
	}
	some, again := compile(false, graph.Recompute("h.*"))
	if shared, copies := compile(true, graph.Recompute("h.*")); shared != some || copies != again { // each use of a shared block is one
		t.Errorf("%d bytes and %d copies with one block used %d times, want %d and %d", shared, copies, blocks, some, again)
	}
	// The last GELU of a block is kept as the input of the next block, so it has no copy.
	if want := blocks * (2*depth - 1); again != want {
		t.Errorf("%d copies, want %d", again, want)
	}
	if most := int64((blocks + 2*depth + 6) * one); some > most {
		t.Errorf("%d bytes with recomputation, want at most %d", some, most)
	}
}

// TestRecomputeNothing: a pattern that no scope matches is an error, since it may be a typo.
func TestRecomputeNothing(t *testing.T) {
	s := graph.New(graph.NewParams(1), graph.Recompute("g.*"))
	x := ops.GELU(s.At("h.0"), s.Param("w", graph.Normal(1), 2, 2))
	const want = "graph: Recompute(g.*): no scope matches"
	if _, err := s.CompileGrad(s.Node(G.Mean(x))); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
