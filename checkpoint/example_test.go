package checkpoint_test

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/graph"
)

func ExampleSave() {
	out, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(out)

	// Training ends: one parameter of shape (V, C) is all of this model.
	trained := graph.NewParams(1)
	if _, err := trained.Declare("wte.weight", graph.Normal(0.02), 65, 8); err != nil {
		log.Fatal(err)
	}
	err = checkpoint.Save(filepath.Join(out, "step-000010"), checkpoint.Contents{
		Config:  map[string]any{"model_type": "gpt2", "n_embd": 8},
		Params:  trained,
		Trainer: map[string]any{"step": 10},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := checkpoint.Point(out, "latest", "step-000010"); err != nil {
		log.Fatal(err)
	}

	// Another program generates from it.
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
	if err := c.Params(params, nil); err != nil {
		log.Fatal(err)
	}
	fmt.Println(filepath.Base(c.Path()), params.Get("wte.weight").Data()[0] == trained.Get("wte.weight").Data()[0])
	// Output: step-000010 true
}

func ExampleWriteTensors() {
	var b bytes.Buffer
	err := checkpoint.WriteTensors(&b, map[string]string{"format": "pt"}, []checkpoint.Tensor{
		{Name: "ln_f.weight", Shape: []int{3}, Data: []float32{1, 2, 3}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", b.Bytes()[8:b.Len()-12])
	// Output: {"__metadata__":{"format":"pt"},"ln_f.weight":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}
}

func ExampleOpenTensors() {
	f, err := checkpoint.OpenTensors("testdata/torch.safetensors")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	for _, t := range f.Tensors() {
		fmt.Println(t.Name, t.Type, t.Shape)
	}
	half := make([]float32, 6)
	if err := f.Read("half", half); err != nil {
		log.Fatal(err)
	}
	fmt.Println(half)
	// Output:
	// ids I64 [2]
	// empty F32 [0 4]
	// h.0.ln_1.bias F32 [3]
	// scalar F32 []
	// wte.weight F32 [2 3]
	// brain BF16 [4]
	// half F16 [6]
	// h.0.attn.bias U8 [1 1 3 3]
	// [0.099975586 -2 5.9604645e-08 6.1035156e-05 65504 -Inf]
}
