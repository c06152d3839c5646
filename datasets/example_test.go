package datasets_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"strings"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/tokenizer"
)

func ExampleOpen() {
	for _, spec := range []string{"source.go", "exam*_test.go", "nosuch.txt"} {
		src, err := datasets.Open(spec)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(src.Name(), len(src.Documents()))
	}
	// Output:
	// source.go 1
	// exam*_test.go 1
	// nosuch.txt: no such file or folder
}

func ExampleText() {
	src := datasets.Text("poems", "The sea is calm to-night.", "Tyger Tyger")
	fmt.Println(src)
	for name, r := range src.Texts() {
		text, err := io.ReadAll(r)
		fmt.Println(name, len(text), err)
	}
	// Output:
	// poems: 2 documents, 36 bytes
	// poems[0] 25 <nil>
	// poems[1] 11 <nil>
}

func ExampleNewSource() {
	squares := datasets.Document{
		Name: "squares",
		Size: 10,
		Open: func() (datasets.Content, error) {
			return struct {
				io.ReaderAt
				io.Closer
			}{strings.NewReader("1 4 9 16 25"), io.NopCloser(nil)}, nil
		},
	}
	src := datasets.NewSource("numbers", squares)
	fmt.Println(src)
	// Output: numbers: 1 document, 10 bytes
}

func ExampleSplit() {
	src := datasets.Text("digits", "0123456789")
	train, val, err := datasets.Split(src, 0.1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(train)
	fmt.Println(val)
	// Output:
	// digits (training part): 1 document, 9 bytes
	// digits (validation part): 1 document, 1 byte
}

func ExampleNewTraining() {
	src := datasets.Text("alphabet", "abcdefghijklmnopqrstuvwxyz")
	tok, err := tokenizer.LearnChars(src.Texts())
	if err != nil {
		log.Fatal(err)
	}
	stream, err := datasets.NewTraining(src, tok, datasets.Config{Batch: 2, Context: 5, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer stream.Close()
	batch, err := stream.Next(context.Background()) // (2, 5)
	if err != nil {
		log.Fatal(err)
	}
	for row := range batch.Size {
		from, to := row*batch.Context, (row+1)*batch.Context
		tokens, _ := tok.AppendText(nil, batch.Tokens[from:to])
		targets, _ := tok.AppendText(nil, batch.Targets[from:to])
		fmt.Printf("%s → %s\n", tokens, targets)
	}
	// Output:
	// opqrs → pqrst
	// tuvwx → uvwxy
}

func ExampleNewValidation() {
	src := datasets.Text("alphabet", "abcdefghijklmnopqrstuvwxyz")
	stream, err := datasets.NewValidation(src, tokenizer.Bytes(), datasets.Config{Batch: 2, Context: 5})
	if err != nil {
		log.Fatal(err)
	}
	defer stream.Close()
	start, err := stream.State()
	if err != nil {
		log.Fatal(err)
	}
	for evaluation := range 2 {
		batches := 0
		for {
			_, err := stream.Next(context.Background())
			if err == io.EOF {
				break
			}
			if err != nil {
				log.Fatal(err)
			}
			batches++
		}
		fmt.Println(evaluation, batches)
		if err := stream.Restore(start); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// 0 3
	// 1 3
}

func ExamplePrefetch() {
	src := datasets.Text("alphabet", "abcdefghijklmnopqrstuvwxyz")
	config := datasets.Config{Batch: 1, Context: 3, Seed: 1}
	open := func() datasets.Stream {
		stream, err := datasets.NewTraining(src, tokenizer.Bytes(), config)
		if err != nil {
			log.Fatal(err)
		}
		return datasets.Prefetch(stream, 4)
	}
	ctx := context.Background()
	stream := open()
	defer stream.Close()
	if _, err := stream.Next(ctx); err != nil {
		log.Fatal(err)
	}
	state, err := stream.State() // the state after one batch, however many are read ahead
	if err != nil {
		log.Fatal(err)
	}
	a, err := stream.Next(ctx)
	if err != nil {
		log.Fatal(err)
	}

	resumed := open()
	defer resumed.Close()
	if err := resumed.Restore(state); err != nil {
		log.Fatal(err)
	}
	b, err := resumed.Next(ctx)
	fmt.Println(fmt.Sprint(a) == fmt.Sprint(b), err)
	// Output: true <nil>
}

// ExampleMix draws from two texts in the ratio 2:3, whatever their sizes.
func ExampleMix() {
	part := func(text string) datasets.Stream {
		stream, err := datasets.NewTraining(datasets.Text("text", text), tokenizer.Bytes(), datasets.Config{Batch: 1, Context: 4, Seed: 1})
		if err != nil {
			log.Fatal(err)
		}
		return stream
	}
	stream, err := datasets.Mix(1000, 1,
		datasets.Part{Stream: part(strings.Repeat("a", 100)), Weight: 2},
		datasets.Part{Stream: part(strings.Repeat("b", 9000)), Weight: 3})
	if err != nil {
		log.Fatal(err)
	}
	defer stream.Close()
	batch, err := stream.Next(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	count := map[int]int{}
	for _, id := range batch.Tokens {
		count[id]++
	}
	fmt.Printf("%d windows: %.2f a, %.2f b\n", batch.Size, float64(count['a'])/4000, float64(count['b'])/4000)
	// Output:
	// 1000 windows: 0.40 a, 0.60 b
}
