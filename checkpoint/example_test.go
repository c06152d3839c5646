package checkpoint_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/tokenizer"
)

func ExampleSave() {
	out, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(out)

	// At the end of training. This model consists of one parameter of shape (V, C).
	trained := graph.NewParams(1)
	if _, err := trained.Declare("wte.weight", graph.Normal(0.02), 65, 8); err != nil {
		log.Fatal(err)
	}
	err = checkpoint.Save(filepath.Join(out, "step-000010"), checkpoint.Contents{
		Config:  map[string]any{"model_type": "gpt2", "n_embd": 8, "n_head": 2},
		Params:  trained,
		Trainer: map[string]any{"step": 10},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := checkpoint.Point(out, "latest", "step-000010"); err != nil {
		log.Fatal(err)
	}

	// Another program generates from the checkpoint.
	c, err := checkpoint.Open(filepath.Join(out, "latest"))
	if err != nil {
		log.Fatal(err)
	}
	var config struct {
		Width int `json:"n_embd"`
	}
	if err := c.Config(&config); err != nil {
		log.Fatal(err)
	}
	params := graph.NewParams(2)
	if _, err := params.Declare("wte.weight", graph.Normal(0.02), 65, config.Width); err != nil {
		log.Fatal(err)
	}
	if err := c.Params(params); err != nil {
		log.Fatal(err)
	}
	fmt.Println(filepath.Base(c.Path()), params.Get("wte.weight").Data()[0] == trained.Get("wte.weight").Data()[0])
	// Output: step-000010 true
}

// Continue a text with a trained model.
func ExampleLoad() {
	m, err := checkpoint.Load("../eval/testdata/model")
	if err != nil {
		log.Fatal(err)
	}
	tok := m.Tokenizer
	if tok == nil {
		tok = tokenizer.Bytes() // this model has none; its tokens are bytes
	}
	ids, err := tok.Append(nil, []byte("the "))
	if err != nil {
		log.Fatal(err)
	}
	g := generate.New(models.Graphs(m.Model), m.Params, models.DimsOf(m.Model).Context)
	defer g.Close()
	next, err := g.Generate(context.Background(), ids, 12, generate.Options{}) // greedy
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d layers, %d parameters, %d tokens more\n", models.DimsOf(m.Model).Layers, m.Params.Count(), len(next))
	// Output: 2 layers, 38816 parameters, 12 tokens more
}

// Find out what a directory holds, and read its weights.
func ExampleRecognize() {
	o, err := checkpoint.Recognize("testdata/models/gpt2/tf")
	if err != nil {
		log.Fatal(err)
	}
	defer o.Weights.Close()
	m, err := models.Parse(o.Config)
	if err != nil {
		log.Fatal(err)
	}
	s := graph.New(graph.NewParams(1))
	models.Logits(m, s, s.Ints("tokens", 1, 6)) // (B·T, V)
	if err := o.MapParams(s.Params()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(o.Kind)
	fmt.Println(s.Params().Get("ln_f.bias").Data()[:2])
	// Output:
	// OpenAI GPT-2, TensorFlow checkpoint
	// [0.1953125 0.20703125]
}

// Write a model without a tokenizer as a file for llama.cpp, and open it like a checkpoint.
func ExampleSaveGGUF() {
	m, err := checkpoint.Load("testdata/gguf/hf/llama3")
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "gguf")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "small.gguf")
	err = checkpoint.SaveGGUF(path, checkpoint.GGUF{Name: "small", Model: m.Model, Params: m.Params, DType: weights.F16})
	if err != nil {
		log.Fatal(err)
	}
	again, err := checkpoint.Load(path)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(models.Describe("small", again.Model, again.Params.Count()))
	// Output: small: 1,472 parameters, 2 layers, 2 heads, width 8, context 128, vocabulary 11
}
