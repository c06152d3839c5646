package finetune_test

import (
	"context"
	"fmt"

	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models/gpt1"
	"github.com/gorgpt/gorgpt/tokenizer"
	"github.com/gorgpt/gorgpt/train"
)

// As in figure 1 of GPT-1's paper: special tokens surround a text and separate two texts, and similarity is
// read in both orders. The tokens are bytes here.
func ExampleEncoder_Encode() {
	e, err := finetune.NewEncoder(tokenizer.Bytes(), 16)
	if err != nil {
		fmt.Println(err)
		return
	}
	x := tasks.Example{Text: "ab", Pair: "c"}
	for _, kind := range []tasks.Kind{tasks.Classification, tasks.Entailment, tasks.Similarity} {
		sequences, err := e.Encode(kind, x)
		fmt.Println(kind, sequences, err)
	}
	// Output:
	// classification [[257 97 98 259]] <nil>
	// entailment [[257 97 98 258 99 259]] <nil>
	// similarity [[257 97 98 258 99 259] [257 99 258 97 98 259]] <nil>
}

// A custom task, trained from scratch: is there an x in the text?
func ExampleRun() {
	task := tasks.Task{Name: "x", Kind: tasks.Classification, Labels: []string{"no", "yes"}, Metrics: []string{"accuracy"}}
	var set tasks.Set
	for i := range 64 {
		text := []byte("abcdefgh")
		label := i % 2
		if label == 1 {
			text[i/2%8] = 'x'
		}
		set.Examples = append(set.Examples, tasks.Example{Text: string(text), Label: label})
	}
	e, err := finetune.NewEncoder(tokenizer.Bytes(), 16)
	if err != nil {
		fmt.Println(err)
		return
	}
	examples, err := e.Examples(task, set)
	if err != nil {
		fmt.Println(err)
		return
	}
	c := finetune.Classifier{
		Base: gpt1.New(e.Tokenizer.Size(), 16, 32, 1, 2),
		Kind: task.Kind, Outputs: finetune.Outputs(task, set),
	}
	params := graph.NewParams(1)
	if err := c.Declare(params); err != nil { // for a pre-trained model, finetune.Extend would follow
		fmt.Println(err)
		return
	}
	o := finetune.Defaults()
	o.Epochs, o.Batch, o.Rate = 20, 8, 3e-3
	epochs, err := finetune.Run(context.Background(), c, params, task, examples, examples, o)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(epochs[len(epochs)-1].Metrics["accuracy"])
	// Output: 1
}

// What Run does, with an addition to the trainer: a guard against updates that stand out.
func ExampleNewTrainer() {
	c := finetune.Classifier{Base: gpt1.New(10, 8, 8, 1, 2), Kind: tasks.Classification, Outputs: 2}
	params := graph.NewParams(1)
	if err := c.Declare(params); err != nil {
		fmt.Println(err)
		return
	}
	examples := []finetune.Example{
		{Sequences: [][]int{{1, 2, 3}}, Targets: []float32{1, 0}},
		{Sequences: [][]int{{1, 4, 3}}, Targets: []float32{0, 1}, Truth: 1},
	}
	o := finetune.Defaults()
	o.Epochs = 30
	o.Rate = 1e-2
	o.Epoch = func(e finetune.Evaluation) error {
		if e.Epoch%15 == 0 {
			fmt.Printf("epoch %d: accuracy %v\n", e.Epoch, e.Metrics["accuracy"])
		}
		return nil
	}
	t, err := finetune.NewTrainer(c, params, tasks.Task{Labels: []string{"no", "yes"}, Metrics: []string{"accuracy"}}, examples, examples, o)
	if err != nil {
		fmt.Println(err)
		return
	}
	t.Guard = train.Guard{Deviations: 6}
	if err := t.Run(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// epoch 15: accuracy 1
	// epoch 30: accuracy 1
}
