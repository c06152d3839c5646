package generate_test

import (
	"sync"
	"testing"

	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
)

// BenchmarkEngine generates eight sequences of 128 tokens, as a batch and as requests from eight goroutines. The
// difference is the overhead of the engine.
func BenchmarkEngine(b *testing.B) {
	const n, tokens = 8, 128
	c := gpt2.New(512, 256, 128, 4, 4)
	m, params := models.Graphs(c), graph.NewParams(1)
	b.Run("batch", func(b *testing.B) {
		g := generate.New(m, params, c.Context)
		defer g.Close()
		prompts := make([][]int, n)
		for i := range prompts {
			prompts[i] = []int{i, 2, 3}
		}
		for b.Loop() {
			for _, err := range g.Batch(b.Context(), prompts, tokens, generate.Options{}) {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("requests", func(b *testing.B) {
		e, err := generate.NewEngine(m, params, generate.EngineConfig{Context: c.Context, Slots: n})
		if err != nil {
			b.Fatal(err)
		}
		defer e.Close()
		for b.Loop() {
			var wait sync.WaitGroup
			for i := range n {
				wait.Go(func() {
					q, err := e.Submit(b.Context(), generate.Request{Prompt: []int{i, 2, 3}, Tokens: tokens})
					if err != nil {
						b.Error(err)
						return
					}
					for _, err := range q.Tokens() {
						if err != nil {
							b.Error(err)
						}
					}
				})
			}
			wait.Wait()
		}
	})
}
