package generate_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
)

// The stream yields each token as soon as it is chosen. The weights are random, so the tokens mean nothing.
func ExampleGenerator_Stream() {
	c := gpt2.New(100, 32, 16, 2, 4)
	g := generate.New(models.Graphs(c), graph.NewParams(1), c.Context)
	defer g.Close()
	count := 0
	for token, err := range g.Stream(context.Background(), []int{5, 17}, 40, generate.Options{Temperature: 0.8, TopK: 20}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if token.ID < 100 {
			count++
		}
	}
	fmt.Println(count)
	// Output: 40
}

// Several prompts of different lengths run together: each step yields a token for each of them.
func ExampleGenerator_Batch() {
	c := gpt2.New(100, 32, 16, 2, 4)
	g := generate.New(models.Graphs(c), graph.NewParams(1), c.Context)
	defer g.Close()
	texts := make([][]int, 2)
	for token, err := range g.Batch(context.Background(), [][]int{{1, 2, 3}, {4}}, 5, generate.Options{}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		texts[token.Sequence] = append(texts[token.Sequence], token.ID)
	}
	fmt.Println(len(texts[0]), len(texts[1]))
	// Output: 5 5
}

// Beam returns the likeliest continuations, best first.
func ExampleGenerator_Beam() {
	c := gpt2.New(100, 32, 16, 2, 4)
	g := generate.New(models.Graphs(c), graph.NewParams(1), c.Context)
	defer g.Close()
	found, err := g.Beam(context.Background(), []int{5, 17}, 6, generate.BeamOptions{Beams: 3, LengthPenalty: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(found), len(found[0].IDs), found[0].LogProb >= found[1].LogProb)
	// Output: 3 6 true
}

// Distribution returns the tokens that can be drawn under the options, with their log-probabilities.
func ExampleOptions_Distribution() {
	logits := []float32{2, 1, 0.5, -1}
	for _, c := range (generate.Options{Temperature: 1, TopK: 2}).Distribution(logits, nil) {
		fmt.Printf("%d %.3f\n", c.ID, c.LogProb)
	}
	// Output:
	// 0 -0.313
	// 1 -1.313
}

// Text ends before a stop string, however it is cut into tokens.
func ExampleText() {
	text := generate.NewText(letters{}, "\n\n")
	for _, id := range []byte("one\ntwo\n\nthree") {
		piece, err := text.Add(int(id))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Print(piece)
		if text.Stopped() {
			break
		}
	}
	// Output:
	// one
	// two
}

// The same seed gives the same tokens, and a temperature of 0 is greedy decoding.
func ExampleGenerator() {
	c := gpt2.New(100, 32, 16, 2, 4)
	g := generate.New(models.Graphs(c), graph.NewParams(1), c.Context)
	defer g.Close()
	greedy, err := g.Generate(context.Background(), []int{5, 17}, 3, generate.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	logits, err := g.Logits([]int{5, 17})
	if err != nil {
		fmt.Println(err)
		return
	}
	best := 0
	for id, l := range logits {
		if l > logits[best] {
			best = id
		}
	}
	fmt.Println(len(greedy), len(logits), greedy[0] == best)
	// Output: 3 100 true
}

// Requests from many goroutines run together, each with its own options.
func ExampleEngine() {
	c := gpt2.New(100, 32, 16, 2, 4)
	e, err := generate.NewEngine(models.Graphs(c), graph.NewParams(1), generate.EngineConfig{Context: c.Context, Slots: 2, Queue: 8})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer e.Close()
	var wait sync.WaitGroup
	usage := make([]generate.Usage, 4)
	for i := range usage {
		wait.Go(func() {
			q, err := e.Submit(context.Background(), generate.Request{
				Prompt: []int{5, 17, i}, Tokens: 10 * (i + 1),
				Options: generate.Options{Temperature: 1, Seed: uint64(i)},
			})
			if err != nil {
				fmt.Println(err)
				return
			}
			for _, err := range q.Tokens() { // a break would end it early
				if err != nil {
					fmt.Println(err)
				}
			}
			usage[i] = q.Usage()
		})
	}
	wait.Wait()
	for _, u := range usage {
		fmt.Println(u.Prompt, u.Tokens)
	}
	// Output:
	// 3 10
	// 3 20
	// 3 30
	// 3 40
}

// With Echo, the tokens of the prompt and their log-probabilities come first.
func ExampleRequest() {
	c := gpt2.New(100, 32, 16, 2, 4)
	e, err := generate.NewEngine(models.Graphs(c), graph.NewParams(1), generate.EngineConfig{Context: c.Context, Slots: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer e.Close()
	q, err := e.Submit(context.Background(), generate.Request{Prompt: []int{5, 17}, Echo: true, Options: generate.Options{LogProbs: 1}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for token, err := range q.Tokens() {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(token.ID, token.Prompt, len(token.Best))
	}
	// Output:
	// 5 true 0
	// 17 true 1
}
