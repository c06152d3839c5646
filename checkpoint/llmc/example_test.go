package llmc_test

import (
	"bytes"
	"fmt"
	"log"

	"github.com/gorgpt/gorgpt/checkpoint/llmc"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

func ExampleOpen() {
	f, err := llmc.Open("../testdata/models/gpt2/llmc.bin")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	fmt.Printf("%+v\n", f.Dims())
	for _, t := range f.Tensors()[:3] {
		fmt.Println(t.Name, t.Type, t.Shape)
	}
	// Output:
	// {Context:6 Vocab:13 Layers:2 Heads:2 Width:8 Padded:128}
	// wte.weight F32 [13 8]
	// wpe.weight F32 [6 8]
	// h.0.ln_1.weight F32 [8]
}

func ExampleWrite() {
	f, err := llmc.Open("../testdata/models/gpt2/llmc.bin")
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
	if err := llmc.Write(&b, f.Dims(), weights.BF16, tensors); err != nil {
		log.Fatal(err)
	}
	fmt.Println(b.Len(), "bytes")
	// Output: 6688 bytes
}
