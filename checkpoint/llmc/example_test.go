package llmc_test

import (
	"fmt"
	"log"

	"github.com/gorgpt/gorgpt/checkpoint/llmc"
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
