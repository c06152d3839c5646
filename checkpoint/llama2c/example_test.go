package llama2c_test

import (
	"bytes"
	"fmt"
	"log"

	"github.com/gorgpt/gorgpt/checkpoint/llama2c"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

func ExampleOpen() {
	f, err := llama2c.Open("../testdata/models/llama/first.bin")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	fmt.Printf("%+v\n", f.Dims())
	for _, t := range f.Tensors()[:4] {
		fmt.Println(t.Name, t.Type, t.Shape)
	}
	// Output:
	// {Width:8 Inner:12 Layers:2 Heads:4 KVHeads:2 Vocab:13 Context:6 Tied:false}
	// embed_tokens.weight F32 [13 8]
	// layers.0.input_layernorm.weight F32 [8]
	// layers.1.input_layernorm.weight F32 [8]
	// layers.0.self_attn.q_proj.weight F32 [8 8]
}

// Rewrite a file of 8-bit numbers with 32-bit numbers.
func ExampleWrite() {
	f, err := llama2c.Open("../testdata/models/llama/version2.bin")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	var tensors []weights.Tensor
	for _, t := range f.Tensors() {
		x := weights.Tensor{Name: t.Name, Shape: t.Shape, Data: make([]float32, t.Size())}
		if err := f.Read(t.Name, x.Data); err != nil {
			log.Fatal(err)
		}
		tensors = append(tensors, x)
	}
	var b bytes.Buffer
	fmt.Println(llama2c.Write(&b, f.Dims(), tensors), b.Len())
	// Output: <nil> 4908
}
