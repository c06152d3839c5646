package checkpoint_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/ops"
)

// lora adds to the projection of queries, keys and values in each block a product of two narrow matrices (Hu
// et al. 2021). The second matrix starts at 0.
func lora(rank int) graph.Option {
	return graph.Wrap("h.*.attn.c_attn", func(s *graph.Scope, x *G.Node, layer func(*G.Node) *G.Node) *G.Node {
		y := layer(x) // (B·T, 3C)
		a := s.Param("lora_a", graph.Normal(0.02), x.Shape()[1], rank)
		b := s.Param("lora_b", graph.Zeros(), rank, y.Shape()[1])
		return ops.Add(s, y, ops.Linear(s, ops.Linear(s, x, a, nil), b, nil)) // (B·T, 3C)
	})
}

// merge adds the adapters' products to the weights of a model without them.
func merge(params, trained *graph.Params) {
	for _, p := range trained.All() {
		at, isA := strings.CutSuffix(p.Name(), ".lora_a")
		if !isA {
			continue
		}
		a, b, w := p.Data(), trained.Get(at+".lora_b").Data(), params.Get(at+".weight").Data()
		rank := p.Shape()[1]
		columns := len(b) / rank
		for i := range w {
			for r := range rank {
				w[i] += a[i/columns*rank+r] * b[r*columns+i%columns]
			}
		}
	}
}

// Fine-tune adapters on the frozen weights of a checkpoint, and save a model with the adapters merged.
func ExampleDir_Params() {
	out, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(out)
	d, err := checkpoint.Open("../eval/testdata/model")
	if err != nil {
		log.Fatal(err)
	}
	base, err := d.Model()
	if err != nil {
		log.Fatal(err)
	}
	m, params := models.Edit(base, lora(2)), graph.NewParams(1)
	if err := models.Declare(m, params); err != nil {
		log.Fatal(err)
	}
	if err := d.Params(params, "h.*.attn.c_attn.lora_*"); err != nil { // the adapters are new
		log.Fatal(err)
	}
	if err := params.Freeze("*"); err != nil {
		log.Fatal(err)
	}
	if err := params.Unfreeze("h.*.attn.c_attn.lora_*"); err != nil {
		log.Fatal(err)
	}
	fmt.Println("trained are", params.Trainable()[0].Name(), "and so on:", len(params.Trainable()), "of", len(params.All()))
	// … train …
	merged := graph.NewParams(0)
	if err := models.Begin(base, merged, params); err != nil {
		log.Fatal(err)
	}
	merge(merged, params)
	config, err := models.JSON(base)
	if err != nil {
		log.Fatal(err)
	}
	if err := checkpoint.Save(filepath.Join(out, "merged"), checkpoint.Contents{Config: config, Params: merged}); err != nil {
		log.Fatal(err)
	}
	// Output: trained are h.0.attn.c_attn.lora_a and so on: 4 of 32
}

// TestAdapters: new adapters change nothing, the adapters in a checkpoint are loaded with it, and merging
// them into the weights gives the same results as keeping them separate.
func TestAdapters(t *testing.T) {
	const fresh = "h.*.attn.c_attn.lora_*"
	base := gpt2.New(11, 6, 8, 2, 2)
	before := graph.NewParams(3)
	if err := models.Declare(base, before); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "base")
	saveModel(t, dir, base, before)
	d, err := checkpoint.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	m := models.Edit(base, lora(2))
	params := graph.NewParams(4)
	if err := models.Declare(m, params); err != nil {
		t.Fatal(err)
	}
	if err := d.Params(params); err == nil || !strings.Contains(err.Error(), "missing h.0.attn.c_attn.lora_a, h.0.attn.c_attn.lora_b") {
		t.Errorf("without a pattern: %v", err)
	}
	if err := d.Params(params, "h.*.lora"); err == nil || !strings.HasSuffix(err.Error(), `no parameter matches "h.*.lora", a pattern of parameters that may be missing`) {
		t.Errorf("a pattern of nothing: %v", err)
	}
	if err := d.Params(params, fresh); err != nil {
		t.Fatal(err)
	}
	begun := graph.NewParams(4)
	if err := models.Begin(m, begun, before); err != nil {
		t.Fatal(err)
	}
	for _, p := range params.All() {
		if !slices.Equal(p.Data(), begun.Get(p.Name()).Data()) {
			t.Errorf("%s is another by Begin", p.Name())
		}
	}
	if got, want := logitsOf(t, m, params), logitsOf(t, base, before); !slices.Equal(got, want) {
		t.Error("new adapters change the logits")
	}
	for _, p := range params.All() {
		if strings.HasSuffix(p.Name(), "lora_b") {
			for i := range p.Data() {
				p.Data()[i] = float32(i%5) - 2
			}
		}
	}
	adapted := filepath.Join(t.TempDir(), "adapted")
	saveModel(t, adapted, m, params)
	l, err := checkpoint.Load(adapted, lora(2))
	if err != nil {
		t.Fatal(err)
	}
	want := logitsOf(t, m, params)
	if got := logitsOf(t, l.Model, l.Params); !slices.Equal(got, want) {
		t.Error("loaded adapters give other logits")
	}
	merged := graph.NewParams(0)
	if err := models.Begin(base, merged, params); err != nil {
		t.Fatal(err)
	}
	merge(merged, params)
	if len(merged.All()) != len(before.All()) {
		t.Errorf("merged, it has %v", merged.Names())
	}
	for i, got := range logitsOf(t, base, merged) {
		if diff := got - want[i]; max(diff, -diff) > 1e-5 { // float32 sums in a different order
			t.Fatalf("merged: logit %d is %v, want %v", i, got, want[i])
		}
	}
}

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
