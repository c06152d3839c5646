package gguf_test

import (
	"bytes"
	"fmt"

	"github.com/gorgpt/gorgpt/checkpoint/gguf"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// Write a file and read it.
func ExampleWrite() {
	var b bytes.Buffer
	err := gguf.Write(&b, gguf.Meta{{Key: "general.architecture", Value: "toy"}}, []gguf.Tensor{
		{Name: "w", Shape: []int{2, 2}, Type: weights.F16, Data: func() []float32 { return []float32{1, 2, 3, 4} }},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	f, err := gguf.New("toy.gguf", bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		fmt.Println(err)
		return
	}
	x := make([]float32, 4)
	err = f.Read("w", x)
	fmt.Println(f.Meta(), f.Tensors(), x, err)
	// Output: [{general.architecture toy}] [{w F16 [2 2]}] [1 2 3 4] <nil>
}

// Inspect a file.
func ExampleOpen() {
	f, err := gguf.Open("testdata/kinds.gguf")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	epsilon, err := f.Meta().Float("k.float32", 0)
	fmt.Println(epsilon, err, f.Tensors()[3])
	// Output: 1e-05 <nil> {blocks Q8_0 [3 32]}
}
