package finetune_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt1"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// Tokens 0 to 255 are bytes, and 256 is the end of text.
const start, delimiter, classify = 257, 258, 259

func ids(text string) []int {
	var all []int
	for _, b := range []byte(text) {
		switch b {
		case '^':
			all = append(all, start)
		case '|':
			all = append(all, delimiter)
		case '$':
			all = append(all, classify)
		default:
			all = append(all, int(b))
		}
	}
	return all
}

// TestEncode: the four input transformations of GPT-1; ^, | and $ stand for the special tokens.
func TestEncode(t *testing.T) {
	for _, c := range []struct {
		kind    tasks.Kind
		context int
		example tasks.Example
		want    []string
		cut     int
	}{
		{tasks.Classification, 12, tasks.Example{Text: "fine"}, []string{"^fine$"}, 0},
		{tasks.Classification, 12, tasks.Example{Text: "0123456789ab"}, []string{"^0123456789$"}, 1},
		{tasks.Entailment, 12, tasks.Example{Text: "ab", Pair: "cd"}, []string{"^ab|cd$"}, 0},
		{tasks.Entailment, 12, tasks.Example{Text: "abcdefg", Pair: "hijkl"}, []string{"^abcd|hijk$"}, 2},
		{tasks.Similarity, 12, tasks.Example{Text: "ab", Pair: "c"}, []string{"^ab|c$", "^c|ab$"}, 0},
		{tasks.MultipleChoice, 20, tasks.Example{Text: "ab", Pair: "c?", Choices: []string{"x", "yz", ""}}, []string{"^ab c?|x$", "^ab c?|yz$", "^ab c?|$"}, 0},
		{tasks.MultipleChoice, 20, tasks.Example{Pair: "c?", Choices: []string{"x"}}, []string{"^c?|x$"}, 0},
		{tasks.MultipleChoice, 20, tasks.Example{Text: "abcdefgh", Pair: "c?", Choices: []string{"x", "y"}}, []string{"^abcde c?|x$", "^abcde c?|y$"}, 1},
		{tasks.MultipleChoice, 12, tasks.Example{Text: "abcdefgh", Pair: "why?", Choices: []string{"x", "12345"}}, []string{"^ why|x$", "^ why|1234$"}, 2},
	} {
		e, err := finetune.NewEncoder(tokenizer.Bytes(), c.context)
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.Encode(c.kind, c.example)
		if err != nil {
			t.Fatal(err)
		}
		var want [][]int
		for _, w := range c.want {
			want = append(want, ids(w))
			if len(ids(w)) > c.context {
				t.Errorf("%s is longer than the context", w)
			}
		}
		if !slices.EqualFunc(got, want, slices.Equal) || e.Truncated != c.cut {
			t.Errorf("%s: %v, %d cut; want %v, %d", c.kind, got, e.Truncated, want, c.cut)
		}
	}
	if _, err := finetune.NewEncoder(tokenizer.Bytes(), 5); err == nil {
		t.Error("a context of 5 has room")
	}
}

// TestScores: a score between two whole numbers is split between their outputs.
func TestScores(t *testing.T) {
	task := tasks.Task{Kind: tasks.Similarity, Regression: true, Low: 0, High: 5}
	e, err := finetune.NewEncoder(tokenizer.Bytes(), 32)
	if err != nil {
		t.Fatal(err)
	}
	for score, want := range map[float64][]float32{
		0: {1, 0, 0, 0, 0, 0}, 2.25: {0, 0, 0.75, 0.25, 0, 0}, 5: {0, 0, 0, 0, 0, 1},
	} {
		got, err := e.Examples(task, tasks.Set{Examples: []tasks.Example{{Text: "a", Pair: "b", Score: score}}})
		if err != nil || !slices.Equal(got[0].Targets, want) || got[0].Truth != score {
			t.Errorf("%v: %+v, %v; want %v", score, got, err, want)
		}
	}
	choices := tasks.Task{Kind: tasks.MultipleChoice}
	_, err = e.Examples(choices, tasks.Set{Examples: []tasks.Example{{Choices: []string{"a", "b"}, Line: 1}, {Choices: []string{"a"}, Line: 2}}})
	if err == nil || err.Error() != "line 2: 1 choices, where the first example has 2" {
		t.Errorf("error %v", err)
	}
	// An error in a file's example names the file, also if the example was held out of it.
	path := filepath.Join(t.TempDir(), "train.jsonl")
	lines := strings.Repeat("{\"prompt\": \"a\", \"choices\": [\"a\", \"b\"], \"label\": 0}\n", 9) + "{\"prompt\": \"a\", \"choices\": [\"a\", \"b\", \"c\"], \"label\": 1}\n"
	if err := os.WriteFile(path, []byte(lines), 0o666); err != nil {
		t.Fatal(err)
	}
	set, err := tasks.ReadChoices(path)
	if err != nil {
		t.Fatal(err)
	}
	learn, dev := choices.HoldOut(set)
	if learn.Path != path || dev.Path != path {
		t.Errorf("files %s and %s", learn.Path, dev.Path)
	}
	_, err = e.Examples(choices, set)
	if want := path + ":10: 3 choices, where the first example has 2"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// toy makes examples of a kind that a small model can learn: whether a text has an x, whether two texts begin
// alike, or which choice begins like the text.
func toy(kind tasks.Kind, n int, seed uint64) tasks.Set {
	random := rand.New(rand.NewPCG(seed, 1))
	letters := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteByte("abcd"[random.IntN(4)])
		}
		return b.String()
	}
	var set tasks.Set
	for range n {
		e := tasks.Example{Text: letters(5), Label: random.IntN(2)}
		switch kind {
		case tasks.Classification:
			if e.Label == 1 {
				at := random.IntN(5)
				e.Text = e.Text[:at] + "x" + e.Text[at+1:]
			}
		case tasks.MultipleChoice:
			e.Choices = []string{"p" + letters(2), "p" + letters(2)}
			e.Choices[e.Label] = "q" + e.Choices[e.Label][1:]
		default:
			e.Pair = letters(5)
			if e.Label == 1 {
				e.Text, e.Pair = "y"+e.Text[1:], "y"+e.Pair[1:]
			}
		}
		set.Examples = append(set.Examples, e)
	}
	return set
}

// TestRun: GPT-1 and GPT-2 can be trained for every kind of task, with dropout and the language model's loss,
// and the same seed gives the same results.
func TestRun(t *testing.T) {
	two, one := gpt2.New(260, 16, 32, 1, 2), gpt1.New(260, 16, 32, 1, 2)
	for i, kind := range []tasks.Kind{tasks.Classification, tasks.Entailment, tasks.Similarity, tasks.MultipleChoice} {
		m := models.Model(two)
		if i%2 == 0 {
			m = one
		}
		task := tasks.Task{Kind: kind, Labels: []string{"no", "yes"}, Metrics: []string{"accuracy"}}
		if kind == tasks.MultipleChoice {
			task.Labels = nil
		}
		train := func() []finetune.Evaluation {
			e, err := finetune.NewEncoder(tokenizer.Bytes(), 16)
			if err != nil {
				t.Fatal(err)
			}
			learn, err := e.Examples(task, toy(kind, 300, 1))
			if err != nil {
				t.Fatal(err)
			}
			check, err := e.Examples(task, toy(kind, 100, 2))
			if err != nil {
				t.Fatal(err)
			}
			c := finetune.Classifier{Base: models.WithDropout(m, 0.05), Kind: kind, Outputs: 2, Dropout: 0.05, Auxiliary: 0.1}
			params := graph.NewParams(1)
			if err := c.Declare(params); err != nil {
				t.Fatal(err)
			}
			o := finetune.Defaults()
			o.Epochs, o.Batch, o.Micro, o.Rate = 8, 16, 7, 1e-2
			all, err := finetune.Run(context.Background(), c, params, task, learn, check, o)
			if err != nil {
				t.Fatal(err)
			}
			return all
		}
		all := train()
		if last := all[len(all)-1]; len(all) != 8 || !(last.Metrics["accuracy"] >= 0.95) || !(last.Loss < all[0].Loss) {
			t.Errorf("%s: accuracy %v after %d epochs, loss %v from %v", kind, last.Metrics["accuracy"], len(all), last.Loss, all[0].Loss)
		}
		if i == 0 {
			if again := train(); again[7].Loss != all[7].Loss {
				t.Errorf("the same run gives %v, then %v", all[7].Loss, again[7].Loss)
			}
		}
	}
}

// TestOtherChoices: evaluation examples must have as many choices as the training examples.
func TestOtherChoices(t *testing.T) {
	of := func(n int) []finetune.Example {
		return []finetune.Example{{Sequences: slices.Repeat([][]int{{start, delimiter, classify}}, n), Targets: make([]float32, n)}}
	}
	c := finetune.Classifier{Base: gpt2.New(260, 16, 8, 1, 2), Kind: tasks.MultipleChoice, Outputs: 3}
	for _, n := range []int{2, 4} {
		want := fmt.Sprintf("finetune: example 1 to measure on has %d sequences and %[1]d outputs, want 3 and 3", n)
		if _, err := finetune.Run(t.Context(), c, graph.NewParams(1), tasks.Task{Kind: c.Kind}, of(3), of(n), finetune.Defaults()); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

func TestRunErrors(t *testing.T) {
	m := models.Model(gpt2.New(260, 16, 8, 1, 2))
	c := finetune.Classifier{Base: m, Kind: tasks.Classification, Outputs: 2}
	example := []finetune.Example{{Sequences: [][]int{{start, classify}}, Targets: []float32{1, 0}}}
	for _, x := range []struct {
		change func(*finetune.Settings)
		want   string
	}{
		{func(s *finetune.Settings) { s.Epochs = 0 }, "finetune: 0 epochs, want 1 or more"},
		{func(s *finetune.Settings) { s.Batch = 0 }, "finetune: a batch of 0, want 1 or more"},
		{func(s *finetune.Settings) { s.Micro = 33 }, "finetune: 33 examples at once, want 0 to the batch of 32"},
		{func(s *finetune.Settings) { s.Rate = 0 }, "finetune: a learning rate of 0 is not above 0"},
		{func(s *finetune.Settings) { s.Warmup = 2 }, "finetune: a warm-up of 2; want a share of the updates, from 0 to 1"},
	} {
		o := finetune.Defaults()
		x.change(&o)
		if _, err := finetune.Run(context.Background(), c, graph.NewParams(1), tasks.Task{}, example, example, o); err == nil || err.Error() != x.want {
			t.Errorf("error %v, want %s", err, x.want)
		}
	}
	if _, err := finetune.Run(context.Background(), c, graph.NewParams(1), tasks.Task{}, nil, example, finetune.Defaults()); err == nil {
		t.Error("a run without examples")
	}
	wrong := []finetune.Example{{Sequences: [][]int{{start, classify}}, Targets: []float32{1, 0}}}
	if _, err := finetune.Run(context.Background(), c, graph.NewParams(1), tasks.Task{}, wrong, nil, finetune.Defaults()); err == nil {
		t.Error("a run without anything to measure on")
	}
	small, large := graph.NewParams(1), graph.NewParams(1)
	if err := c.Declare(small); err != nil {
		t.Fatal(err)
	}
	d := models.DimsOf(m)
	d.Width = 10
	other := c
	other.Base = models.WithDims(m, d)
	if err := other.Declare(large); err != nil {
		t.Fatal(err)
	}
	const want = "finetune: wte.weight is (260, 8) in the pre-trained model and (260, 10) in the classifier"
	if err := finetune.Extend(large, small); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// TestExtend: an embedding may have new rows, which keep their initial values; it may not shrink, and
// no other shape may differ.
func TestExtend(t *testing.T) {
	declared := func(vocab, context int, seed uint64) *graph.Params {
		params := graph.NewParams(seed)
		c := finetune.Classifier{Base: gpt2.New(vocab, context, 8, 1, 2), Kind: tasks.Classification, Outputs: 2}
		if err := c.Declare(params); err != nil {
			t.Fatal(err)
		}
		return params
	}
	from, to := declared(257, 16, 1), declared(260, 16, 2)
	drawn := slices.Clone(to.Get("wte.weight").Data()[257*8:])
	for _, name := range []string{"classifier.weight", "classifier.bias"} { // not in a pre-trained model
		copy(from.Get(name).Data(), to.Get(name).Data())
	}
	if err := finetune.Extend(to, from); err != nil {
		t.Fatal(err)
	}
	for _, p := range from.All() {
		if got := to.Get(p.Name()).Data()[:p.Size()]; !slices.Equal(got, p.Data()) {
			t.Errorf("%s was not taken over", p.Name())
		}
	}
	if !slices.Equal(to.Get("wte.weight").Data()[257*8:], drawn) {
		t.Error("the rows of new tokens have changed")
	}
	for _, c := range []struct {
		from *graph.Params
		want string
	}{
		{declared(261, 16, 1), "finetune: wte.weight is (261, 8) in the pre-trained model and (260, 8) in the classifier"},
		{declared(260, 17, 1), "finetune: wpe.weight is (17, 8) in the pre-trained model and (16, 8) in the classifier"},
	} {
		if err := finetune.Extend(to, c.from); err == nil || err.Error() != c.want {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
}

// TestExtendExperts: parameters of rank 3, such as experts' matrices, must have equal shapes.
func TestExtendExperts(t *testing.T) {
	declared := func(shape ...int) *graph.Params {
		params := graph.NewParams(1)
		if _, err := params.Declare("experts", graph.Zeros(), shape...); err != nil {
			t.Fatal(err)
		}
		return params
	}
	const want = "finetune: experts is (2, 3, 4) in the pre-trained model and (2, 5, 6) in the classifier"
	if err := finetune.Extend(declared(2, 5, 6), declared(2, 3, 4)); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// The sequence of an entailment example as text: GPT-1's special tokens surround the texts and separate them.
func ExampleEncoder() {
	e, err := finetune.NewEncoder(tokenizer.Bytes(), 64)
	if err != nil {
		fmt.Println(err)
		return
	}
	sequences, err := e.Encode(tasks.Entailment, tasks.Example{Text: "It rains.", Pair: "It is wet."})
	if err != nil {
		fmt.Println(err)
		return
	}
	text, _ := e.Tokenizer.AppendText(nil, sequences[0])
	fmt.Println(string(text))
	// Output: _start_It rains._delimiter_It is wet._classify_
}
