package safetensors_test

import (
	"bytes"
	"fmt"
	"log"

	"github.com/gorgpt/gorgpt/checkpoint/safetensors"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

func ExampleWrite() {
	var b bytes.Buffer
	err := safetensors.Write(&b, map[string]string{"format": "pt"}, weights.F32, []weights.Tensor{
		{Name: "ln_f.weight", Shape: []int{3}, Data: []float32{1, 2, 3}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", b.Bytes()[8:b.Len()-12])
	// Output: {"__metadata__":{"format":"pt"},"ln_f.weight":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}
}

func ExampleOpen() {
	f, err := safetensors.Open("testdata/torch.safetensors")
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
