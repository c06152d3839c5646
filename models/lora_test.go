package models_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/ops"
	"github.com/gorgpt/gorgpt/tokenizer"
	"github.com/gorgpt/gorgpt/train"
)

// lowRank adds to the projection of queries, keys and values in each block a product of two narrow matrices.
// The second matrix starts at 0 (Hu et al. 2021, "LoRA", §4.1).
func lowRank(rank int) graph.Option {
	return graph.Wrap("h.*.attn.c_attn", func(s *graph.Scope, x *G.Node, layer func(*G.Node) *G.Node) *G.Node {
		y := layer(x)                                                         // (B·T, 3C)
		a := s.Param("lora_a", graph.Normal(0.02), x.Shape()[1], rank)        // (C, R)
		b := s.Param("lora_b", graph.Zeros(), rank, y.Shape()[1])             // (R, 3C)
		return ops.Add(s, y, ops.Linear(s, ops.Linear(s, x, a, nil), b, nil)) // (B·T, 3C)
	})
}

// stepFLOPs compiles a training step of gpt2-nano for 2 sequences of 64 tokens, and returns its FLOPs, in
// total and by op, and its planned memory.
func stepFLOPs(t *testing.T, m models.Model, params *graph.Params) (total int64, by map[string]int64, planned int64) {
	t.Helper()
	s := graph.New(params, graph.Training())
	p, err := s.CompileGrad(models.Loss(m, s, s.Ints("tokens", 2, 64), s.Ints("targets", 2, 64)))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	by = make(map[string]int64)
	for _, n := range p.Nodes() {
		total += n.FLOPs
		by[n.Op] += n.FLOPs
	}
	return total, by, p.PlannedBytes()
}

// TestLoRA: training adapters on frozen weights computes no more than necessary, and leaves the
// weights unchanged bit for bit.
func TestLoRA(t *testing.T) {
	const rank, batch, context64, width, blocks, vocab = 4, 2, 64, 128, 4, 257
	base, err := models.Find("gpt2-nano")
	if err != nil {
		t.Fatal(err)
	}
	d := models.DimsOf(base)
	d.Vocab = vocab
	base = models.WithDims(base, d)
	m, params := models.Edit(base, lowRank(rank)), graph.NewParams(1)
	if err := models.Declare(m, params); err != nil {
		t.Fatal(err)
	}
	_, full, planned := stepFLOPs(t, base, graph.NewParams(1))
	if err := params.Freeze("*"); err != nil {
		t.Fatal(err)
	}
	if err := params.Unfreeze("h.*.attn.c_attn.lora_*"); err != nil {
		t.Fatal(err)
	}
	_, lora, adapted := stepFLOPs(t, m, params)

	const rows = batch * context64
	// The two products of each adapter run once forward, and once backward for the adapter's weights. The gradient of
	// an adapter's input is not needed in the first block, because nothing before it is trainable.
	adapter := func(times int64) int64 { return times * 2 * rows * rank * (width + 3*width) }
	// The gradients of the inputs of the blocks' matrices: all of them except that of the first block's projection.
	inner := int64(blocks) * 2 * rows * width * (3*width + width + 4*width + 4*width)
	first := int64(2 * rows * width * 3 * width)
	for _, c := range []struct {
		op   string
		want int64
	}{
		{"Linear", full["Linear"] + adapter(blocks)},
		{"LinearGradX", inner - first + adapter(blocks) - 2*rows*rank*width},
		{"LinearGradW", adapter(blocks)},
		{"EmbedGrad", 0}, {"AddPositionsGrad", 0}, {"LayerNormGradParams", 0},
		{"LinearCrossEntropy", full["LinearCrossEntropy"]},
		{"LinearCrossEntropy.1", 2 * rows * width * vocab}, {"LinearCrossEntropy.2", 0},
	} {
		if lora[c.op] != c.want {
			t.Errorf("%s: %d operations, want %d", c.op, lora[c.op], c.want)
		}
	}
	if adapted > planned+4*blocks*rows*(3*width+2*rank) {
		t.Errorf("%d bytes of results, %d without adapters", adapted, planned)
	}
	checkLoRA(t, m, params, blocks*rank*(width+3*width))
}

// checkLoRA trains a model whose adapters must have the given number of weights in all.
func checkLoRA(t *testing.T, m models.Model, params *graph.Params, weights int) {
	learned := 0
	for _, p := range params.Trainable() {
		learned += p.Size()
	}
	if learned != weights {
		t.Errorf("%d weights have a gradient, want %d", learned, weights)
	}
	before := make(map[string][]float32)
	for _, p := range params.All() {
		before[p.Name()] = slices.Clone(p.Data())
	}
	stream, err := datasets.NewTraining(datasets.Text("text", strings.Repeat("what is learned is little. ", 60)), tokenizer.Bytes(), datasets.Config{Batch: 2, Context: 64, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	adam := train.NewAdamW()
	trainer := train.Trainer{
		Task:   &train.NextToken{Model: models.Graphs(m), Train: stream, Batch: 2, Context: 64},
		Params: params, Solver: adam, Schedule: train.Constant(1e-2, 0), Steps: 4,
	}
	if err := trainer.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, p := range params.All() {
		same := slices.Equal(before[p.Name()], p.Data())
		if adapter := strings.Contains(p.Name(), "lora_"); same == adapter {
			t.Errorf("%s: the same after training: %v", p.Name(), same)
		}
	}
	kept := 0
	for _, x := range adam.State().Tensors {
		kept += len(x.Data)
	}
	if kept != 2*weights {
		t.Errorf("the optimizer keeps %d numbers, want two moments of %d weights", kept, weights)
	}
}
