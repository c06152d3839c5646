//go:build unix

package layers_test

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// The blocks of BenchmarkBlocks have gpt2's width and heads.
const (
	benchWidth = 768
	benchHeads = 12
	// With benchShared heads of keys and values and benchInner columns of a gated MLP, a newer block has as many
	// operations in products as GPT-2's block: (2 + 2·3/12)·768² + 3·768·2432 = 12·768².
	benchShared, benchInner = 3, 2432
)

// olderBlock is GPT-2's block.
func olderBlock(s *graph.Scope, x *G.Node) *G.Node {
	y := layers.Attention(s.At("attn"), layers.LayerNorm(s.At("ln_1"), x, layers.Norm{}), layers.AttentionConfig{Heads: benchHeads})
	x = layers.Residual(s.At("attn"), x, y, 0)
	y = layers.MLP(s.At("mlp"), layers.LayerNorm(s.At("ln_2"), x, layers.Norm{}), 4*benchWidth, ops.GELU, layers.BranchWeights{})
	return layers.Residual(s.At("mlp"), x, y, 0)
}

// newerBlock is Llama's block: RMSNorm, rotary positions, shared keys and values, SwiGLU.
func newerBlock(s *graph.Scope, x *G.Node) *G.Node {
	y := layers.Attention(s.At("self_attn"), layers.RMSNorm(s.At("input_layernorm"), x, layers.RMS{}), layers.AttentionConfig{
		Heads: benchHeads, KVHeads: benchShared, Separate: true, Weights: bare, Between: turned(benchHeads, benchShared, 10000, nil),
	})
	x = layers.Residual(s.At("self_attn"), x, y, 0)
	y = layers.GatedMLP(s.At("mlp"), layers.RMSNorm(s.At("post_attention_layernorm"), x, layers.RMS{}), benchInner, ops.SiLU, bare)
	return layers.Residual(s.At("mlp"), x, y, 0)
}

// total declares the sum of x, a loss that costs next to nothing.
func total(s *graph.Scope, x *G.Node) *G.Node {
	return s.Apply(graph.Op{
		Name: "Total",
		Run: func(a *graph.Args) error {
			sum := float32(0)
			for _, v := range a.Floats(0) {
				sum += v
			}
			a.Out(0)[0] = sum
			return nil
		},
		Grad: func(_ G.Nodes, _, _ *G.Node) G.Nodes {
			return G.Nodes{s.Apply(graph.Op{Name: "TotalGrad", Out: x.Shape(), Run: func(a *graph.Args) error {
				for i := range a.Out(0) {
					a.Out(0)[i] = 1
				}
				return nil
			}}, x)}
		},
	}, x)
}

// stack compiles two blocks over x (B·T, C) and the gradients of their weights.
func stack(b *testing.B, block func(s *graph.Scope, x *G.Node) *G.Node, batch, context int) *graph.Program {
	s := graph.New(graph.NewParams(1), graph.Training())
	s.SetSequence(batch, context)
	x := s.Floats("x", batch*context, benchWidth)
	y := x
	for i := range 2 {
		y = block(s.At("h.%d", i), y)
	}
	p, err := s.CompileGrad(total(s, y))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.Close() })
	values := make([]float32, tensor.Shape(x.Shape()).TotalSize())
	for i := range values {
		values[i] = float32(i*7919%1000)/500 - 1
	}
	if err := p.SetFloats("x", values); err != nil {
		b.Fatal(err)
	}
	return p
}

// BenchmarkBlocks times two blocks of GPT-2 and two of Llama, alternately, forward and backward. They have
// gpt2's size and the same number of operations in products. It reports the ratios of the medians of
// wall-clock time and of processor time; on a busy machine, the latter is more reliable, with GOMAXPROCS=1.
//
//	go test ./layers -run '^$' -bench Blocks -benchtime 30x
func BenchmarkBlocks(b *testing.B) {
	for _, c := range []struct{ batch, context int }{{4, 64}, {1, 1024}} {
		b.Run(fmt.Sprintf("%dx%d", c.batch, c.context), func(b *testing.B) {
			programs := []*graph.Program{stack(b, olderBlock, c.batch, c.context), stack(b, newerBlock, c.batch, c.context)}
			var took, worked [2][]float64
			for i := range b.N + 1 {
				for n, p := range programs {
					start, before := time.Now(), processorTime(b)
					if err := p.RunGrad(1); err != nil {
						b.Fatal(err)
					}
					if i > 0 { // the first run allocates
						took[n] = append(took[n], time.Since(start).Seconds())
						worked[n] = append(worked[n], processorTime(b)-before)
					}
				}
			}
			for name, all := range map[string][2][]float64{"": took, "cpu-": worked} {
				older, newer := median(all[0]), median(all[1])
				b.ReportMetric(1e3*older, name+"ms-gpt2")
				b.ReportMetric(1e3*newer, name+"ms-llama")
				b.ReportMetric(newer/older, name+"ratio")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}

// processorTime returns the processor time that this process has used, in seconds.
func processorTime(b *testing.B) float64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()).Seconds()
}
