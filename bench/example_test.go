package bench_test

import (
	"context"
	"fmt"

	"github.com/gorgpt/gorgpt/bench"
	"github.com/gorgpt/gorgpt/models"
)

func ExampleTrain() {
	m, err := models.Find("gpt2-nano")
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := bench.Train(context.Background(), m, 1, 8, 2)
	fmt.Println(r.Parameters, r.Step >= r.Fastest, r.Share > 0, err)
	// Output: 804096 true true <nil>
}

// It reads a gigabyte several times to see how fast memory is, which takes a while.
func ExampleDecode() {
	m, err := models.Find("gpt2-nano")
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := bench.Decode(context.Background(), m, 1, 8, 4)
	fmt.Println(r.Prompt, r.Memory, r.Tokens > 0, err)
}
