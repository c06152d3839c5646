package models_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/models/llama"
	"github.com/gorgpt/gorgpt/ops"
)

// Adapters beside the layers of a model are trained while the model's weights are frozen.
func ExampleLoRA() {
	base := llama.New(32000, 2048, 576, 30, 9)
	m, err := models.LoRA(base, 8)
	if err != nil {
		fmt.Println(err)
		return
	}
	params := graph.NewParams(1)
	if err := models.Declare(m, params); err != nil {
		fmt.Println(err)
		return
	}
	if err := models.OnlyAdapters(params); err != nil {
		fmt.Println(err)
		return
	}
	learn := params.Trainable()
	fmt.Println(len(learn), learn[0].Name(), learn[0].Shape(), learn[1].Name(), learn[1].Shape())
	// Output: 420 layers.0.self_attn.q_proj.lora_A.weight (8, 576) layers.0.self_attn.q_proj.lora_B.weight (576, 8)
}

// Trained adapters are merged into the weights of a model without adapters.
func ExampleMerge() {
	base := gpt2.New(11, 6, 8, 2, 2)
	m, err := models.LoRA(base, 2)
	params, whole := graph.NewParams(1), graph.NewParams(0)
	if err == nil {
		err = models.Declare(m, params)
	}
	// … train …
	if err == nil {
		err = models.Declare(base, whole)
	}
	if err == nil {
		err = models.Merge(base, whole, params)
	}
	fmt.Println(len(params.All()), len(whole.All()), err)
	// Output: 44 28 <nil>
}

// tolMerged bounds the difference between logits with B·(A·x) and with (W + B·A)·x, which are float32 sums in
// different orders, relative to the largest.
const tolMerged = 2e-5

// TestLoRAFamilies: in every family, new adapters change nothing, each linear layer of the blocks has them,
// and merging them into the weights, also of experts, gives the same results.
func TestLoRAFamilies(t *testing.T) {
	all, err := models.All()
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, named := range all {
		kind := fmt.Sprintf("%T", named.Model)
		if seen[kind] {
			continue
		}
		seen[kind] = true
		base := models.WithDims(named.Model, models.Dims{Vocab: 11, Context: 6, Width: 8, Layers: 2, Heads: 2})
		m, err := models.LoRA(base, 3)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		params := graph.NewParams(4)
		if err := models.Declare(m, params); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		want := logitsOf(t, base, params)
		if got := logitsOf(t, m, params); !slices.Equal(got, want) {
			t.Errorf("%s: new adapters change the logits", kind)
		}
		adapters, matrices := 0, 0
		for _, p := range params.All() {
			switch shape := p.Shape(); {
			case models.IsAdapter(p.Name()):
				adapters++
				for i := range p.Data() {
					p.Data()[i] = float32(math.Sin(float64(i*7 + adapters)))
				}
			case strings.HasSuffix(p.Name(), ".weight") && len(shape) > 1 && (strings.HasPrefix(p.Name(), "h.") || strings.HasPrefix(p.Name(), "layers.")):
				matrices++
			}
		}
		if adapters == 0 || kind != "nanochat.Config" && adapters != 2*matrices { // nanochat's blocks also have tables of values
			t.Errorf("%s: %d parameters of adapters for %d matrices in blocks", kind, adapters, matrices)
		}
		whole := graph.NewParams(0)
		if err := models.Declare(base, whole); err != nil {
			t.Fatal(err)
		}
		if err := models.Merge(base, whole, params); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		want = logitsOf(t, m, params)
		largest, off := 0.0, 0.0
		for i, got := range logitsOf(t, base, whole) {
			largest, off = max(largest, math.Abs(float64(want[i]))), max(off, math.Abs(float64(got-want[i])))
		}
		if !(off <= tolMerged*largest) {
			t.Errorf("%s: merged logits are %v from those beside, of up to %v", kind, off, largest)
		}
	}
}

// gate multiplies a layer's result by a linear function of its input, which is not declared as a layer.
func gate(s *graph.Scope, x *G.Node, layer func(*G.Node) *G.Node) *G.Node {
	at := s.At("gate")
	return ops.Mul(s, layer(x), ops.Linear(at, x, at.Param("weight", graph.Zeros(), x.Shape()[1], x.Shape()[1]), nil))
}

const notAlone = " is more than the product with its weight, so that an adapter beside it could not be merged into the weight: make the product a layer of its own, and edit the layers around it"

func TestBadLoRA(t *testing.T) {
	base := gpt2.New(11, 6, 8, 2, 2)
	m, err := models.LoRA(base, 2)
	if err != nil {
		t.Fatal(err)
	}
	params := graph.NewParams(1)
	if err := models.Declare(base, params); err != nil {
		t.Fatal(err)
	}
	for want, err := range map[string]error{
		"models: adapters of rank 0, want 1 to 8, the model's width":                                                               second(models.LoRA(base, 0)),
		"models: adapters of rank 999, want 1 to 8, the model's width":                                                             second(models.LoRA(base, 999)),
		"models: the model has an adapter already, h.0.attn.c_attn.lora_A":                                                         second(models.LoRA(m, 2)),
		"models: no adapter is declared among the parameters; see LoRA":                                                            models.OnlyAdapters(params),
		"models: wte.weight: no such weight of shape (11, 8) to merge with an adapter":                                             models.Merge(base, params, graph.NewParams(1)),
		"models: h.0.attn.c_attn" + notAlone:                                                                                       second(models.LoRA(models.Edit(base, graph.After("h.*.attn.c_attn", layers.Activation(ops.ReLU))), 2)),
		"models: h.1.mlp.c_fc" + notAlone:                                                                                          second(models.LoRA(models.Edit(base, graph.Before("h.1.mlp.c_fc", layers.Activation(ops.ReLU))), 2)),
		"models: h.0.mlp.gate: its product is not a layer of its own (graph.Scope.Layer), so that no adapter can be put beside it": second(models.LoRA(models.Edit(base, graph.Wrap("h.0.mlp", gate)), 2)),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	// A layer without its product has no adapter, and one that belongs to nothing is not dropped.
	for _, edit := range []graph.Option{graph.Remove("h.0.attn.c_proj"), graph.Replace("h.0.attn.c_proj", layers.Activation(ops.ReLU))} {
		lacking, err := models.LoRA(models.Edit(base, edit), 2)
		if err != nil {
			t.Fatal(err)
		}
		held := graph.NewParams(1)
		if err := models.Declare(lacking, held); err != nil || held.Get("h.0.attn.c_proj.lora_A.weight") != nil || held.Get("h.1.attn.c_proj.lora_A.weight") == nil {
			t.Errorf("%v: %q", err, held.Names())
		}
	}
	extra := graph.NewParams(1)
	if err := models.Declare(m, extra); err != nil {
		t.Fatal(err)
	}
	if _, err := extra.Declare("h.0.other.lora_A.weight", graph.Zeros(), 2, 8); err != nil {
		t.Fatal(err)
	}
	if err := models.Merge(base, params, extra); err == nil || err.Error() != "models: h.0.other.lora_A.weight belongs to no weight of the model that it could be merged into" {
		t.Error(err)
	}
	// Edits of the model apply to its layers, inside the adapters.
	edited, err := models.LoRA(models.Edit(base, graph.Replace("h.*.mlp.act", layers.Activation(ops.ReLU))), 2)
	if err != nil || models.Declare(edited, graph.NewParams(1)) != nil {
		t.Error(err)
	}
}

func second[T any](_ T, err error) error { return err }

// logitsOf returns a model's logits for some tokens.
func logitsOf(t *testing.T, m models.Model, params *graph.Params) []float32 {
	t.Helper()
	s := graph.New(params)
	logits := models.Logits(m, s, s.Ints("tokens", 1, 4))
	p, err := s.Compile(logits)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.SetInts("tokens", []int{5, 1, 10, 3}); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(p.Value(logits))
}
