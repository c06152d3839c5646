package eval_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/eval"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// harness is testdata/harness/expected.json: lm-evaluation-harness's results for each model, task and item.
type harness map[string][]harnessRun

type harnessRun struct {
	Task    string
	Shots   int
	Items   []json.RawMessage // a number, a list of numbers, or a text
	Metrics map[string]float64
}

// asHarness maps each task to the options that give the harness's protocol, and the harness's metrics to our names.
var asHarness = map[string]struct {
	on, data string
	options  eval.Options
	names    map[string]string
}{
	"lambada":       {"lambada", "lambada", eval.Options{}, map[string]string{"acc": "accuracy", "perplexity": "perplexity"}},
	"hellaswag":     {"hellaswag-harness", "hellaswag", eval.Options{}, choiceNames},
	"piqa":          {"piqa", "piqa", eval.Options{}, choiceNames},
	"winogrande":    {"winograd", "winogrande", eval.Options{}, choiceNames},
	"winograd_full": {"winograd-full", "winogrande", eval.Options{}, choiceNames},
	"choices":       {"choices", "choices", eval.Options{}, choiceNames},
	"wikitext": {"perplexity", "pages", eval.Options{Documents: true, BOS: true, FullLast: true, Words: "split", Detokenizer: "wikitext-harness"},
		rollingNames},
	"pages":         {"perplexity", "pages", eval.Options{Documents: true, BOS: true, FullLast: true, Words: "split"}, rollingNames},
	"qa":            {"qa", "qa", eval.Options{Tokens: 12, Separator: "\n"}, map[string]string{"exact_match": "verbatim"}},
	"qa_blank_line": {"qa", "qa", eval.Options{Tokens: 12}, map[string]string{"exact_match": "verbatim"}},
}

var (
	choiceNames  = map[string]string{"acc": "accuracy_sum", "acc_norm": "accuracy_chars", "acc_bytes": "accuracy_bytes"}
	rollingNames = map[string]string{
		"word_perplexity": "perplexity_per_word", "byte_perplexity": "perplexity_per_byte", "bits_per_byte": "bits_per_byte",
	}
)

// TestHarness compares every item of every task with the harness, under the options above.
func TestHarness(t *testing.T) {
	want := readHarness(t, "expected")
	// All tasks, four of them with other numbers of shots as well; six runs with BOS.
	for name, runs := range map[string]int{"harness/gpt2": 14, "harness/gpt1": 14, "model": 14, "harness/gpt2+bos": 6} {
		if len(want[name]) != runs {
			t.Fatalf("%s: %d runs, want %d", name, len(want[name]), runs)
		}
		for task := range asHarness {
			if runs == 14 && !slices.ContainsFunc(want[name], func(r harnessRun) bool { return r.Task == task }) {
				t.Errorf("%s: no run of %s", name, task)
			}
		}
	}
	for name, runs := range want {
		dir, bos := strings.CutSuffix(name, "+bos")
		s := openDir(t, filepath.Join("testdata", dir))
		for _, run := range runs {
			t.Run(fmt.Sprintf("%s/%s/%d", filepath.Base(name), run.Task, run.Shots), func(t *testing.T) { compareRun(t, s, run, bos) })
		}
	}
}

// readHarness reads the harness's results.
func readHarness(t *testing.T, name string) (want harness) {
	t.Helper()
	data, err := os.ReadFile("testdata/harness/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	return want
}

// compareRun compares a model's results for a task and for each item with the harness's.
func compareRun(t *testing.T, s *eval.Subject, run harnessRun, bos bool) {
	c, ok := asHarness[strings.TrimSuffix(run.Task, "_chat")]
	if !ok || len(run.Metrics) == 0 {
		t.Fatal("no such task, or nothing to compare")
	}
	named, err := eval.Find(c.on)
	if err != nil {
		t.Fatal(err)
	}
	o := c.options
	o.BOS = o.BOS || bos
	if named.Protocols != nil && slices.Contains(named.Protocols, "harness") {
		o.Protocol = "harness"
	}
	if o.Shots = run.Shots; o.Shots > 0 {
		o.Draw, o.Examples = "first", filepath.Join("testdata/harness", c.data+"-shots.jsonl")
	}
	r, err := named.New(o).Evaluate(t.Context(), s, filepath.Join("testdata/harness", c.data+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range run.Metrics {
		near(t, name, metric(t, r, c.names[name]), want, tolLikelihood*math.Max(1, math.Abs(want)))
	}
	if len(r.Samples) != len(run.Items) {
		t.Fatalf("%d items, want %d", len(r.Samples), len(run.Items))
	}
	for i, item := range run.Items {
		compareItem(t, fmt.Sprint("item ", i), r.Samples[i], item)
	}
}

// compareItem compares a sample with the harness's result for it.
func compareItem(t *testing.T, name string, got eval.Sample, item json.RawMessage) {
	t.Helper()
	var text string
	if json.Unmarshal(item, &text) == nil {
		if got.Text != text {
			t.Errorf("%s: %q, want %q", name, got.Text, text)
		}
		return
	}
	var want []float64
	if json.Unmarshal(item, &want) != nil {
		want = make([]float64, 1)
		if err := json.Unmarshal(item, &want[0]); err != nil {
			t.Fatal(err)
		}
	}
	if len(got.LogLikelihoods) != len(want) {
		t.Fatalf("%s: %d log-likelihoods, want %d", name, len(got.LogLikelihoods), len(want))
	}
	for k, w := range want {
		// For a long document, float32 has as many correct digits as for a short one, so the tolerance is relative.
		near(t, fmt.Sprint(name, ".", k), got.LogLikelihoods[k], w, tolLikelihood*math.Max(1, math.Abs(w)/100))
	}
}

// openDir loads a checkpoint with the tokenizer in its folder or, if there is none, with bytes as tokens.
func openDir(t *testing.T, dir string) *eval.Subject {
	t.Helper()
	s, err := openModel(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if _, err := os.Stat(filepath.Join(dir, "tokenizer.json")); err == nil {
		if s.Tokenizer, err = tokenizer.Load(dir); err != nil {
			t.Fatal(err)
		}
	}
	return s
}
