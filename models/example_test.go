package models_test

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt1"
)

// A model is a value: other dimensions make another model.
func ExampleModel() {
	m, err := models.Find("gpt2")
	if err != nil {
		fmt.Println(err)
		return
	}
	m = models.WithDims(m, models.Dims{Vocab: 1000, Context: 128, Width: 64, Layers: 2, Heads: 4})
	s := graph.New(graph.NewParams(1))
	logits := models.Logits(m, s, s.Ints("tokens", 3, 16))
	fmt.Println(logits.Shape(), models.Validate(m))
	// Output: (48, 1000) <nil>
}

// A configuration is a model.
func ExampleDeclare() {
	m := gpt1.New(1000, 128, 64, 2, 4) // vocabulary, context, width, layers, heads
	params := graph.NewParams(1)
	fmt.Println(models.Declare(m, params), params.Count())
	fmt.Println(params.Names()[:4])
	// Output:
	// <nil> 172160
	// [tokens_embed.weight positions_embed.weight h.0.attn.c_attn.weight h.0.attn.c_attn.bias]
}

// The model that a config.json describes.
func ExampleParse() {
	m, err := models.Parse([]byte(`{"model_type": "gpt2", "vocab_size": 50257, "n_positions": 1024, "n_embd": 768, "n_layer": 12, "n_head": 12}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	d := models.DimsOf(m)
	fmt.Println(d.Layers, d.Width, d.Heads)
	// Output: 12 768 12
}

// bigram is a family: a table of the tokens that follow each token, with Hugging Face's keys.
type bigram struct {
	Vocab   int `json:"vocab_size"`
	Context int `json:"max_position_embeddings"`
	Width   int `json:"hidden_size"`
	Layers  int `json:"num_hidden_layers"`
	Heads   int `json:"num_attention_heads"`
}

// Body declares only the embedding.
func (c bigram) Body(s *graph.Scope, tokens *G.Node) (x, embedding *G.Node) {
	return layers.Embedding(s.At("embed"), tokens, c.Vocab, c.Width, graph.Init{}) // (B·T, C), (V, C)
}

// Call Register in an init function of the family's package, and import that package in a program that calls cli.Main.
func ExampleRegister() {
	models.Register(models.Family{
		Type: "bigram", Default: bigram{Vocab: 257, Context: 64, Width: 32, Layers: 1, Heads: 1},
		Sizes: []models.Named{{Name: "bigram-nano", About: "one table", Model: bigram{Vocab: 257, Context: 64, Width: 32, Layers: 1, Heads: 1}}},
	})
}
