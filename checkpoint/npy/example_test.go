package npy_test

import (
	"fmt"
	"log"

	"github.com/gorgpt/gorgpt/checkpoint/npy"
)

func ExampleOpen() {
	f, err := npy.Open("../testdata/models/gpt1/npy/params_0.npy")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	x := make([]float32, 2)
	if err := f.Read(x, 100); err != nil {
		log.Fatal(err)
	}
	fmt.Println(f.Shape(), f.DType(), x)
	// Output:
	// [190] F32 [0.16992188 -0.0703125]
}
