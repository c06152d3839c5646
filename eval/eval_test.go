package eval_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/eval"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// tolLikelihood bounds the difference between float32 and transformers' float64: log-likelihoods are sums of up to
// 60 logarithms of about 1.
const tolLikelihood = 1e-4

// expected is testdata/expected.json, which fixtures.py writes.
type expected struct {
	Perplexity []struct {
		Window, Stride, Tokens int
		BOS                    bool
		Loss                   float64
		PerToken               float64 `json:"perplexity_per_token"`
		PerWord                float64 `json:"perplexity_per_word"`
		Bits                   float64 `json:"bits_per_byte"`
	}
	LAMBADA struct {
		Accuracy, Perplexity float64
		LastToken            float64 `json:"accuracy_last_token"`
		Tokens               int64
	}
	Choices map[string]struct {
		Scores   [][]float64
		Accuracy map[string]float64
	}
}

func read(t *testing.T) expected {
	t.Helper()
	var e expected
	data, err := os.ReadFile("testdata/expected.json")
	if err == nil {
		err = json.Unmarshal(data, &e)
	}
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// open loads testdata/model.
func open(t testing.TB, window int) *eval.Subject {
	t.Helper()
	s, err := openModel("testdata/model", window)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func openModel(dir string, window int) (*eval.Subject, error) {
	m, err := checkpoint.Load(dir)
	if err != nil {
		return nil, err
	}
	if window == 0 {
		window = models.DimsOf(m.Model).Context
	}
	return eval.NewSubject(models.Graphs(m.Model), m.Params, tokenizer.Bytes(), window), nil
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: %.8g, want %.8g ± %g", what, got, want, tolerance)
	}
}

// metric returns the metric of a result with the given name, and fails the test if there is none.
func metric(t *testing.T, r eval.Result, name string) float64 {
	t.Helper()
	x, ok := r.Metrics.Get(name)
	if !ok {
		t.Errorf("no %s in %v", name, r.Metrics)
	}
	return x
}

// TestPerplexity compares perplexities with those of transformers, for several windows and strides.
func TestPerplexity(t *testing.T) {
	for _, want := range read(t).Perplexity {
		name := fmt.Sprintf("window %d, stride %d", want.Window, want.Stride)
		r, err := eval.Perplexity{Stride: want.Stride, BOS: want.BOS}.Evaluate(t.Context(), open(t, want.Window), "testdata/text.txt")
		if err != nil {
			t.Fatal(name, err)
		}
		if r.Tokens != int64(want.Tokens) {
			t.Errorf("%s: %d tokens, want %d", name, r.Tokens, want.Tokens)
		}
		near(t, name+": loss", metric(t, r, "loss_per_token"), want.Loss, 1e-5)
		near(t, name+": per token", r.Value, want.PerToken, 1e-4)
		near(t, name+": per word", metric(t, r, "perplexity_per_word"), want.PerWord, 1e-4*want.PerWord)
		near(t, name+": bits", metric(t, r, "bits_per_byte"), want.Bits, 1e-5)
	}
}

// TestStride: each token is predicted once, whatever the stride; a text that fits the window has the loss that Score
// gives; and the stride changes the loss of a longer text.
func TestStride(t *testing.T) {
	s := open(t, 8)
	ids := []int{84, 104, 101, 32, 99, 97, 116, 32, 112, 117, 114, 114, 115, 46}
	var losses []float64
	for stride := 1; stride <= 8; stride++ {
		r, err := eval.Perplexity{Stride: stride}.IDs(t.Context(), s, ids)
		if err != nil {
			t.Fatal(err)
		}
		if r.Tokens != int64(len(ids)-1) {
			t.Errorf("stride %d: %d tokens", stride, r.Tokens)
		}
		losses = append(losses, metric(t, r, "loss_per_token"))
	}
	scored, err := s.Score(ids[:9], 1)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, x := range scored {
		sum -= x.LogProb
	}
	r, err := eval.Perplexity{}.IDs(t.Context(), s, ids[:9])
	if err != nil {
		t.Fatal(err)
	}
	near(t, "one window", metric(t, r, "loss_per_token"), sum/8, 1e-6)
	if losses[0] == losses[7] {
		t.Error("the stride changes nothing")
	}
}

func TestLAMBADA(t *testing.T) {
	want := read(t).LAMBADA
	r, err := eval.LAMBADA{}.Evaluate(t.Context(), open(t, 0), "testdata/lambada.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	near(t, "accuracy", r.Value, want.Accuracy, 0)
	near(t, "last token", metric(t, r, "accuracy_last_token"), want.LastToken, 0)
	near(t, "perplexity", metric(t, r, "perplexity"), want.Perplexity, 1e-4)
	if r.Tokens != want.Tokens {
		t.Errorf("%d tokens, want %d", r.Tokens, want.Tokens)
	}
	limited, err := eval.LAMBADA{Limit: 3}.Evaluate(t.Context(), open(t, 0), "testdata/lambada.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(limited.Protocol.String(), "passages 3") {
		t.Errorf("protocol %v", limited.Protocol)
	}
}

// TestChoices compares the likelihood of every choice, in every format, and the accuracies.
func TestChoices(t *testing.T) {
	s := open(t, 0)
	for name, want := range read(t).Choices {
		format, options := strings.TrimSuffix(name, filepath.Ext(name)), eval.Options{}
		switch format {
		case "one":
			format = "choices"
		case "shots":
			format = "choices"
			options = eval.Options{Shots: 1, Examples: "testdata/one.jsonl"}
		}
		named, err := eval.Find(format)
		if err != nil {
			t.Fatal(err)
		}
		m := named.New(options).(eval.MultipleChoice)
		path := filepath.Join("testdata", name)
		r, err := m.Evaluate(t.Context(), s, path)
		if err != nil {
			t.Fatal(err)
		}
		for by, accuracy := range want.Accuracy {
			near(t, name+" accuracy by "+by, metric(t, r, "accuracy_"+by), accuracy, 1e-12)
		}
		questions, err := m.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		pool := questions
		if m.Examples != "" {
			if pool, err = m.Read(m.Examples); err != nil {
				t.Fatal(err)
			}
		}
		scores, err := m.Score(t.Context(), s, questions, pool, m.Examples == "")
		if err != nil {
			t.Fatal(err)
		}
		if len(scores) != len(want.Scores) {
			t.Fatalf("%s: %d questions, want %d", name, len(scores), len(want.Scores))
		}
		for i, q := range want.Scores {
			for c, w := range q {
				near(t, fmt.Sprintf("%s %d.%d", name, i, c), scores[i][c].LogLikelihood, w, tolLikelihood)
			}
		}
	}
}

// TestGolden: a model made for the golden numbers passes, and its weights are unchanged; wrong numbers fail,
// each with its check.
func TestGolden(t *testing.T) {
	data, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	g, err := eval.ParseGolden(data)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, 0)
	before := append([]float32(nil), s.Params.All()[0].Data()...)
	r, err := g.Evaluate(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Checks) != 24 || !r.Passed() || r.Value != 1 {
		t.Errorf("%d checks, %g passed: %+v", len(r.Checks), r.Value, r.Checks)
	}
	for i, x := range s.Params.All()[0].Data() {
		if x != before[i] {
			t.Fatal("the weights are not as before")
		}
	}

	g.Runs[1].Losses[9] += 2e-4
	g.Continuations[0].IDs[23]++
	g.Next[0].Logits[4] -= 1e-2
	if r, err = g.Evaluate(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	var failed []string
	for _, c := range r.Checks {
		if !c.Pass {
			failed = append(failed, c.Name)
		}
	}
	if got, want := strings.Join(failed, "; "), "Ann walks to the hill. The; Tom has a frog. It; clipped, step 9"; got != want || r.Passed() {
		t.Errorf("failed: %s, want %s", got, want)
	}
}

// TestKnownGolden: the built-in numbers can be read and belong to models of the catalogue.
func TestKnownGolden(t *testing.T) {
	for name, want := range map[string]int{"gpt2": 27, "gpt2-medium": 1, "openai-gpt": 1} {
		m, err := models.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		params := graph.NewParams(0)
		s := graph.New(params)
		models.Logits(m, s, s.Ints("tokens", 1, 1))
		g, err := eval.FindGolden(params.Count())
		if err != nil || g.Model != name {
			t.Fatalf("%s: %q, %v", name, g.Model, err)
		}
		n := len(g.Next) + len(g.Continuations)
		for _, r := range g.Runs {
			n += len(r.Losses)
		}
		if n != want {
			t.Errorf("%s: %d checks, want %d", name, n, want)
		}
	}
	want := "no golden numbers are known for a model of 5 parameters, only for gpt2, gpt2-medium, openai-gpt; give others in a file"
	if _, err := eval.FindGolden(5); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// TestGreedy: beyond the window, generation continues from the tokens that fit.
func TestGreedy(t *testing.T) {
	s := open(t, 16)
	ids, err := s.Greedy(t.Context(), []int{84, 104, 101, 114, 101}, 40, nil)
	if err != nil || len(ids) != 40 {
		t.Fatalf("%v, %v", ids, err)
	}
	scored, err := s.Score(append([]int{84, 104, 101, 114, 101}, ids...), 44)
	if err != nil || scored[0].Best != ids[39] {
		t.Errorf("last token %d, want %v: %v", ids[39], scored, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Greedy(ctx, ids, 1, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestSubjectErrors: what cannot be scored is a one-line error that names the reason.
func TestSubjectErrors(t *testing.T) {
	s := open(t, 8)
	score := func(ids []int, from int) error { _, err := s.Score(ids, from); return err }
	perplexity := func(p eval.Perplexity, ids []int) error { _, err := p.IDs(t.Context(), s, ids); return err }
	continuation := func(before, text string) error { _, err := s.Continuation(before, text); return err }
	for _, c := range []struct {
		err  error
		want string
	}{
		{score([]int{1, 2}, 0), "eval: nothing before the first token to score"},
		{score([]int{1, 2}, 2), "eval: no tokens to score"},
		{score([]int{1, 257}, 1), "eval: token 257 is not in the vocabulary of 257"},
		{perplexity(eval.Perplexity{Stride: 9}, []int{1, 2}), "eval: a stride of 9 is not between 1 and the window of 8"},
		{perplexity(eval.Perplexity{}, []int{1}), "eval: fewer than two tokens: without a beginning of text, the first is not predicted"},
		{continuation("a", ""), `no tokens of its own: ""`},
	} {
		if c.err == nil || c.err.Error() != c.want {
			t.Errorf("%v, want %s", c.err, c.want)
		}
	}
}

// TestLongContinuation: a text that does not fit the window is scored in parts.
func TestLongContinuation(t *testing.T) {
	s := open(t, 8)
	var ids []int
	for _, b := range []byte("Ann has a dog. Every day the dog") {
		ids = append(ids, int(b))
	}
	for from := 1; from < len(ids); from++ {
		all, err := s.Score(ids, from)
		if err != nil || len(all) != len(ids)-from {
			t.Fatalf("from %d: %d scores, want %d: %v", from, len(all), len(ids)-from, err)
		}
		// The parts are four tokens long: from 3, they are [3, 7), [7, 11), … The last part is everything that
		// fits: [27, 32).
		for begin, end := from, 0; begin < len(ids); begin = end {
			if end = len(ids); end-begin > 8 {
				end = begin + 4
			}
			window := max(0, end-1-8) // the last token is predicted, but is not an input
			for at := begin; at < end; at++ {
				want, err := s.Score(ids[window:at+1], at-window)
				if err != nil {
					t.Fatal(err)
				}
				near(t, fmt.Sprintf("from %d, token %d", from, at), all[at-from].LogProb, want[0].LogProb, 1e-5)
				if got := all[at-from].Best; got != want[0].Best {
					t.Errorf("from %d, token %d: best %d, want %d", from, at, got, want[0].Best)
				}
			}
		}
	}
}

// TestDetokenizers checks lines of the texts that the detokenizers are for.
func TestDetokenizers(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"wikitext", " = Robert Boulter = \n He had a guest @-@ starring role , in 1 @,@ 000 of 2 @.@ 5 ( so ) . \n",
			" = Robert Boulter = \n He had a guest-starring role, in 1,000 of 2.5 (so). \n"},
		{"wikitext", `He said " no ; never " and 's hertog ' s it 's`, `He said "no; never" and's hertog ' s it's`},
		{"wikitext", "the actors ' guild", "the actors' guild"},
		{"ptb", "`` I do n't know , '' said John -LRB- 12 % -RRB- .", `"I don't know," said John (12%).`},
		{"ptb", "it costs $ 5 billion , the man 's", "it costs $5 billion, the man's"},
		{"none", "a , b", "a , b"},
	} {
		path := filepath.Join(t.TempDir(), "text")
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		tok := &spy{Tokenizer: tokenizer.Bytes()}
		s := open(t, 0)
		s.Tokenizer = tok
		if _, err := (eval.Perplexity{Detokenizer: c.name}).Evaluate(t.Context(), s, path); err != nil {
			t.Fatal(err)
		}
		if tok.text != c.want {
			t.Errorf("%s: %q, want %q", c.name, tok.text, c.want)
		}
	}
}

// spy remembers the text that it was last given to encode.
type spy struct {
	tokenizer.Tokenizer
	text string
}

func (s *spy) Append(ids []int, text []byte) ([]int, error) {
	s.text = string(text)
	return s.Tokenizer.Append(ids, text)
}

// TestReaders: bad files name file, line and what was expected.
func TestReaders(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ on, text, want string }{
		{"hellaswag", `{"ctx":"a"`, ":1: unexpected end of JSON input"},
		{"hellaswag", `{"endings":["a","b"],"label":0}`, ":1: want one of the keys context, ctx, query, question, prompt"},
		{"hellaswag", "\n" + `{"ctx":"a","endings":["a","b"],"label":2}`, `:2: label "2" names none of 2 choices`},
		{"hellaswag", `{"ctx":"a","endings":["a"],"label":0}`, ":1: 1 choices, want 2 or more"},
		{"hellaswag", `{"ctx":"a","endings":["a"," "],"label":0}`, ":1: choice 2 is empty"},
		{"hellaswag", "", ": no examples"},
		{"piqa", `{"goal":"a","sol1":"b"}`, ":1: want the keys goal, sol1, sol2"},
		{"commonsense_qa", `{"question":"a","choices":{"label":["A","B"],"text":["x","y"]},"answerKey":"C"}`,
			`:1: answerKey "C" is not one of the labels ["A" "B"]`},
		{"choices", `{"question":"a","choices":["x","y"]}`, ":1: want one of the keys answer, label, gold, target"},
		{"choices", `{"question":"a","choices":"x","answer":0}`, ":1: key choices: want a list, got a string"},
		{"hellaswag-harness", `[]`, ":1: want an object, got a list"},
		{"hellaswag-harness", `{"ctx":"a","endings":["x","y"],"label":0}`, ":1: want the keys activity_label, ctx_a, ctx_b"},
		{"hellaswag-harness", `{"activity_label":"a","ctx_a":"b","ctx_b":"c","endings":["x"],"label":0}`, ":1: 1 endings, want 2 or more"},
		{"hellaswag-harness", `{"activity_label":"a","ctx_a":"b","ctx_b":"c","endings":["x","[y]"],"label":0}`, ":1: ending 2 is empty"},
		{"hellaswag-harness", "\n" + `{"activity_label":"a","ctx_a":"b","ctx_b":"c","endings":["x","y"],"label":"2"}`, `:2: label "2" names none of 2 endings`},
		{"winograd", `{"sentence":"a b","option1":"x","option2":"y","answer":"1"}`, ":1: the sentence has no _ followed by text"},
		{"winograd", `{"sentence":"a ___ b","option1":"x","option2":"y","answer":"1"}`, ":1: the sentence has more than one _"},
		{"winograd", `{"sentence":"a _ b","option1":"x","option2":"y","answer":"3"}`, `:1: answer "3", want 1 or 2`},
		{"cbt", "2 a\n", ":1: want a line that begins with 1 and a space"},
		{"cbt", "1 a\n\n", ":2: the story ends after 1 lines, without a question"},
		{"cbt", "1 a\n", ":2: the story ends after 1 lines, without a question"},
		{"lambada", `{"txt":"a b"}`, ":1: no key text"},
		{"lambada", `{"text":" "}`, ":1: key text: an empty text"},
		{"lambada", strings.Repeat(`{"text":"a b"}`+"\n", 6) + `{"text":5}`, ":7: key text: want a string, got a number"},
		{"lambada", "\n", ": no passages"},
		{"lambada", "word", ": passage 1 has a single word"},
		{"golden", "{", ": golden numbers: unexpected end of JSON input"},
		{"golden", "{}", ": golden numbers: there are none: want runs, continuations or next"},
		{"golden", `{"runs":[{}],"batch":{"size":1,"context":2,"ids":[1]}}`, ": golden numbers: a batch of 1 × 2 has 1 ids, want one more than it has tokens"},
	} {
		path := filepath.Join(dir, c.on)
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		named, err := eval.Find(c.on)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = named.New(eval.Options{}).Evaluate(t.Context(), open(t, 0), path); err == nil || err.Error() != path+c.want {
			t.Errorf("%s: %v, want %s%s", c.on, err, path, c.want)
		}
	}
}

// TestMissingKeys: a record that lacks any of its keys is an error that names the line; it does not panic and
// is not read as an incomplete question.
func TestMissingKeys(t *testing.T) {
	for on, record := range map[string]string{
		"hellaswag-harness": `{"activity_label":"a","ctx_a":"b","ctx_b":"c","endings":["x","y"],"label":0}`,
		"winograd":          `{"sentence":"a _ b","option1":"x","option2":"y","answer":"1"}`,
		"lambada":           `{"text":"a b"}`,
	} {
		var row map[string]any
		if err := json.Unmarshal([]byte(record), &row); err != nil {
			t.Fatal(err)
		}
		named, err := eval.Find(on)
		if err != nil {
			t.Fatal(err)
		}
		for key := range row {
			less := maps.Clone(row)
			delete(less, key)
			text, _ := json.Marshal(less)
			path := filepath.Join(t.TempDir(), on)
			if err := os.WriteFile(path, text, 0o666); err != nil {
				t.Fatal(err)
			}
			if _, err := named.New(eval.Options{}).Evaluate(t.Context(), open(t, 0), path); err == nil || !strings.HasPrefix(err.Error(), path+":1: ") {
				t.Errorf("%s without %s: %v", on, key, err)
			}
		}
	}
}

// TestShots: examples are drawn from the other questions, and do not depend on the limit.
func TestShots(t *testing.T) {
	s := open(t, 0)
	m := eval.MultipleChoice{Read: eval.ReadChoices, Shots: 2, Seed: 7}
	questions, err := m.Read("testdata/choices.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	all, err := m.Score(t.Context(), s, questions, questions, true)
	if err != nil {
		t.Fatal(err)
	}
	two, err := m.Score(t.Context(), s, questions[:2], questions, true)
	if err != nil {
		t.Fatal(err)
	}
	if two[1][0] != all[1][0] {
		t.Errorf("question 2: %v with a limit, %v without", two[1][0], all[1][0])
	}
	m.Seed++
	other, err := m.Score(t.Context(), s, questions[:2], questions, true)
	if err != nil {
		t.Fatal(err)
	}
	if other[1][0] == all[1][0] {
		t.Error("the seed changes nothing")
	}
	m.Shots = 12
	if _, err := m.Score(t.Context(), s, questions, questions, true); err == nil ||
		err.Error() != "eval: 12 shots, but only 11 other examples to draw them from" {
		t.Errorf("12 shots: %v", err)
	}
}
