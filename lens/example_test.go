package lens_test

import (
	"context"
	"fmt"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/lens"
	"github.com/gorgpt/gorgpt/models"
)

func ExampleReader() {
	m, err := models.Find("gpt2-nano")
	if err != nil {
		panic(err)
	}
	r, err := lens.New(m, graph.NewParams(1)) // or the model and weights of a checkpoint
	if err != nil {
		panic(err)
	}
	defer r.Close()
	ids := []int{12, 1, 30, 30}
	for _, p := range r.Places()[:3] {
		fmt.Println(p.Kind, p.Path)
	}
	maps, err := r.Attention(context.Background(), ids, 0, 1)
	if err != nil {
		panic(err)
	}
	fmt.Println(maps[0].Path, maps[0].Count, "heads")
	fmt.Println("the first token reads itself:", maps[0].Head(2)[0])
	depths, err := r.Logits(context.Background(), ids, 3, 4, 1)
	if err != nil {
		panic(err)
	}
	fmt.Println("the head on", len(depths), "places")
	// Output:
	// start wpe
	// sum h.0.attn
	// block h.0
	// h.0.attn.weights 4 heads
	// the first token reads itself: 1
	// the head on 10 places
}
