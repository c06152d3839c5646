package graph_test

import (
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// The dimensions of the model below; all are different.
const rows, vocab, width, hidden = 24, 61, 8, 32

// small declares a model of three blocks with a tied head, built from ops.
func small(s *graph.Scope) *G.Node {
	wte := s.Param("wte.weight", graph.Normal(0.1), vocab, width)
	x := ops.Embed(s.At("wte"), s.Ints("tokens", rows), wte)
	for i := range 3 {
		s := s.At("h.%d", i)
		n := s.At("ln")
		y := ops.LayerNorm(n, x, n.Param("weight", graph.Ones(), width), n.Param("bias", graph.Zeros(), width), 1e-5)
		y = ops.GELU(s.At("mlp"), linear(s.At("mlp.c_fc"), y, hidden))
		x = ops.Add(s, x, linear(s.At("mlp.c_proj"), y, width))
	}
	return ops.LinearCrossEntropy(s.At("head"), x, wte, s.Ints("targets", rows))
}

func linear(s *graph.Scope, x *G.Node, out int) *G.Node {
	return ops.Linear(s, x, s.Param("weight", graph.Normal(0.1), x.Shape()[1], out), s.Param("bias", graph.Zeros(), out))
}

// declaredSmall returns a store with the parameters of small.
func declaredSmall(t *testing.T) *graph.Params {
	t.Helper()
	params := graph.NewParams(1)
	s := graph.New(params)
	if small(s); s.Err() != nil {
		t.Fatal(s.Err())
	}
	return params
}

// compileSmall compiles the program of a training step, and sets its inputs.
func compileSmall(t *testing.T, params *graph.Params) *graph.Program {
	t.Helper()
	s := graph.New(params, graph.Training())
	p, err := s.CompileGrad(small(s))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tokens", "targets"} {
		if err := p.SetInts(name, slices.Repeat([]int{5, 60, 7, 0}, 6)); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// gradientFLOPs counts the FLOPs and the ops of a program's gradients.
func gradientFLOPs(p *graph.Program) (total int64, ops map[string]int) {
	ops = make(map[string]int)
	for _, n := range p.Nodes() {
		if n.Grad {
			total += n.FLOPs
			ops[n.Op]++
		}
	}
	return total, ops
}

// TestFreeze: frozen parameters have no gradient, and the backward pass stops at the first trainable one. The
// gradients of the others are bit for bit those of a model in which everything is trainable.
func TestFreeze(t *testing.T) {
	whole := declaredSmall(t)
	all := compileSmall(t, whole)
	defer all.Close()
	if err := all.RunGrad(1); err != nil {
		t.Fatal(err)
	}
	params := declaredSmall(t)
	for _, call := range []error{params.Freeze("*"), params.Unfreeze("h.2.mlp")} {
		if call != nil {
			t.Fatal(call)
		}
	}
	p := compileSmall(t, params)
	defer p.Close()
	if err := p.RunGrad(1); err != nil {
		t.Fatal(err)
	}
	if p.Loss() != all.Loss() {
		t.Errorf("loss %v, want %v", p.Loss(), all.Loss())
	}

	// The gradient of the head's input; in the MLP two products and a bias for c_proj, the activation's gradient, and
	// for c_fc, whose input needs no gradient, one product and a bias.
	want := int64(2*rows*width*vocab + 3*(2*rows*width*hidden) + rows*(width+hidden) + 2*15*rows*hidden)
	got, ops := gradientFLOPs(p)
	if got != want {
		t.Errorf("gradients of %d FLOPs, want %d: %v", got, want, ops)
	}
	if ops["LinearGradX"] != 1 || ops["LinearGradW"] != 2 || ops["LayerNormGrad"]+ops["LayerNormGradParams"]+ops["EmbedGrad"] != 0 {
		t.Errorf("%v", ops)
	}
	if want := int64(2*width*hidden + width + hidden); p.Trainable() != want {
		t.Errorf("%d weights learn, want %d", p.Trainable(), want)
	}
	if p.PlannedBytes() >= all.PlannedBytes()*2/3 {
		t.Errorf("%d bytes, with everything learning %d", p.PlannedBytes(), all.PlannedBytes())
	}
	var learn []string
	for _, param := range params.All() {
		if param.Frozen() {
			continue
		}
		learn = append(learn, param.Name())
		if !slices.Equal(param.GradData(), whole.Get(param.Name()).GradData()) {
			t.Errorf("%s: another gradient", param.Name())
		}
	}
	if want := []string{"h.2.mlp.c_fc.weight", "h.2.mlp.c_fc.bias", "h.2.mlp.c_proj.weight", "h.2.mlp.c_proj.bias"}; !slices.Equal(learn, want) {
		t.Errorf("%v learn", learn)
	}
	if got := params.ValueGrads(); len(got) != len(learn) || got[0].(*graph.Param).Name() != learn[0] {
		t.Errorf("a solver gets %d parameters", len(got))
	}
}

// TestFreezeHead: the head's gradients are computed with the loss, each only if it is needed, and freezing
// the table of a tied model freezes it as head and as embedding.
func TestFreezeHead(t *testing.T) {
	const product, table = 2 * rows * width * vocab, vocab * width
	for pattern, want := range map[string]int64{
		"wte": product,                        // the gradient of the head's input only
		"h.*": 2*product + rows*width + table, // both gradients of the head, the embedding's, and the sum of these two, which is not run
	} {
		params := declaredSmall(t)
		if err := params.Freeze(pattern); err != nil {
			t.Fatal(err)
		}
		p := compileSmall(t, params)
		defer p.Close()
		var got int64
		for _, n := range p.Nodes() {
			if n.Grad && (strings.HasPrefix(n.Op, "LinearCrossEntropy") || n.Op == "EmbedGrad" || n.Op == "+" && n.Shape[0] == vocab) {
				got += n.FLOPs
			}
		}
		if got != want {
			t.Errorf("%s: %d FLOPs, want %d", pattern, got, want)
		}
		if err := p.RunGrad(1); err != nil {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

// TestFreezeAll: it is an error if nothing is trainable, or if a pattern matches nothing.
func TestFreezeAll(t *testing.T) {
	params := declaredSmall(t)
	if err := params.Freeze("*"); err != nil {
		t.Fatal(err)
	}
	s := graph.New(params)
	_, err := s.CompileGrad(small(s))
	if want := "graph: the graph has no trainable parameter: it has no parameters, or all are frozen (graph.Params.Freeze)"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	for _, err := range []error{params.Freeze("h.*.mpl"), params.Unfreeze("h.*.mlp.c_fc.weight.x"), params.Freeze("[")} {
		if err == nil || !strings.Contains(err.Error(), "unknown parameter") {
			t.Errorf("error %v", err)
		}
	}
}
