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
)

// TestTasks compares every task and protocol that lm-evaluation-harness has or can be configured for, with no
// examples, with some, and with more than fit.
func TestTasks(t *testing.T) {
	data, err := os.ReadFile("testdata/tasks/expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var runs []struct {
		harnessRun
		Protocol string
		Window   int
	}
	if err := json.Unmarshal(data, &runs); err != nil {
		t.Fatal(err)
	}
	names := map[string]string{
		"acc": "accuracy_sum", "acc_norm": "accuracy_chars", "acc_bytes": "accuracy_bytes", "acc_tokens": "accuracy_tokens",
		"acc_ratio": "accuracy_ratio", "acc_mutual_info": "accuracy_ratio",
	}
	random, trained, seen := openDir(t, "testdata/tasks/model"), openDir(t, "testdata/harness/gpt2"), map[string]bool{}
	for _, run := range runs {
		seen[run.Task+" "+run.Protocol] = true
		t.Run(fmt.Sprintf("%s/%s/%d/%d", run.Protocol, run.Task, run.Shots, run.Window), func(t *testing.T) {
			on := map[string]string{"arc": "arc_easy"}[run.Task]
			if on == "" {
				on = run.Task
			}
			named, err := eval.Find(on)
			if err != nil {
				t.Fatal(err)
			}
			o := eval.Options{Protocol: run.Protocol, Shots: run.Shots, Draw: "first", Examples: filepath.Join("testdata/tasks", run.Task+"-shots.jsonl")}
			_, mutual := run.Metrics["acc_mutual_info"]
			s := random
			if run.Task == "translate" {
				s = trained
				o.Languages, o.Tokens = []string{"English", "French"}, 12
			}
			if _, ratio := run.Metrics["acc_ratio"]; ratio || mutual {
				o.Normalizer = "ratio"
			}
			s.Window = run.Window
			r, err := named.New(o).Evaluate(t.Context(), s, filepath.Join("testdata/tasks", run.Task+".jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range run.Metrics {
				ours := names[name]
				if run.Task == "lambada" || run.Task == "translate" {
					ours = map[string]string{"acc": "accuracy", "perplexity": "perplexity", "bleu": "bleu"}[name]
				}
				near(t, name, metric(t, r, ours), want, tolLikelihood*math.Max(1, math.Abs(want)))
			}
			if len(r.Samples) != len(run.Items) || len(run.Metrics) == 0 {
				t.Fatalf("%d items, want %d with %v", len(r.Samples), len(run.Items), run.Metrics)
			}
			for i, item := range run.Items {
				compareItem(t, fmt.Sprint("item ", i), r.Samples[i], item)
			}
		})
	}
	for _, n := range eval.All() {
		for _, protocol := range n.Protocols {
			alike := map[string]string{"arc_challenge": "arc", "arc_easy": "arc", "winograd": "winogrande", "hellaswag-harness": "hellaswag"}[n.Name]
			if alike == "" {
				alike = n.Name
			}
			// The choices and qa tasks are compared in harness_test.go, and the paper's beam search in package
			// generate. The harness's RACE has another form.
			if protocol == "gpt3" && (n.Name == "qa" || n.Name == "translate") {
				continue
			}
			if protocol != "plain" && n.Name != "choices" && n.Name != "race" && n.Name != "qa" && !seen[alike+" "+protocol] {
				t.Errorf("%s by %s is compared with nothing", n.Name, protocol)
			}
		}
	}
}

// TestFewerShots: if the examples do not fit the window, a question gets as many of those drawn first as fit, and the
// protocol says so. The question itself is never among its examples. The samples show the prompt the model was given.
func TestFewerShots(t *testing.T) {
	s := openDir(t, "testdata/tasks/model")
	named, err := eval.Find("rte")
	if err != nil {
		t.Fatal(err)
	}
	const path = "testdata/tasks/rte.jsonl"
	o := eval.Options{Protocol: "gpt3", Shots: 7, Show: 8, Seed: 3}
	measure := func() eval.Result {
		t.Helper()
		r, err := named.New(o).Evaluate(t.Context(), s, path)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	setting := func(r eval.Result, name string) string {
		for _, p := range r.Protocol {
			if p.Name == name {
				return p.Value
			}
		}
		return "none"
	}
	s.Window = 256
	o.Shots = 2
	all := measure()
	for i, q := range all.Samples {
		prompt := q.Prompts[0]
		if len(q.Prompts) != 1 || strings.Count(prompt, "\nquestion: ") != 3 || strings.Count(prompt, "\n\n") != 2 || !strings.HasSuffix(prompt, "\nanswer:") ||
			!slices.Equal(q.Scored, []string{" True", " False"}) || q.Shots != 2 {
			t.Errorf("question %d: %d shots, %q, %q", i, q.Shots, q.Prompts, q.Scored)
		}
		if own := prompt[strings.LastIndex(prompt, "\n\n")+2:]; strings.Count(prompt, own) != 1 && strings.HasPrefix(prompt, own) {
			t.Errorf("question %d has itself as an example: %q", i, prompt)
		}
	}
	if setting(all, "questions_with_fewer_shots") != "0" || setting(all, "least_shots") != "2" || setting(all, "mean_shots") != "2" {
		t.Error(all.Protocol)
	}
	// Each question gets as many of the drawn examples as fit, and no fewer.
	o.Shots, s.Window = 7, 200
	few := measure()
	fewer, sum, least := 0, 0, 7
	for i, q := range few.Samples {
		if q.Shots < 7 {
			fewer++
		}
		sum, least = sum+q.Shots, min(least, q.Shots)
		if strings.Count(q.Prompts[0], "\nquestion: ") != q.Shots+1 || q.Shots < 1 || q.Shots > 4 {
			t.Errorf("question %d: %d shots in %q", i, q.Shots, q.Prompts[0])
		}
		if first, _, _ := strings.Cut(all.Samples[i].Prompts[0], "\n\n"); !strings.HasPrefix(q.Prompts[0], first+"\n\n") {
			t.Errorf("question %d: %q does not begin with %q", i, q.Prompts[0], first)
		}
		ids, err := s.Tokenizer.Append(nil, []byte(q.Prompts[0]+" False"))
		if err != nil || len(ids)-1 > 200 {
			t.Errorf("question %d: %d tokens, %v", i, len(ids), err)
		}
	}
	if setting(few, "questions_with_fewer_shots") != fmt.Sprint(fewer) || setting(few, "least_shots") != fmt.Sprint(least) ||
		setting(few, "mean_shots") != fmt.Sprintf("%.5g", float64(sum)/8) || fewer != 8 {
		t.Error(few.Protocol)
	}
	// The harness cuts examples.
	o.Protocol = "harness"
	if cut := measure(); cut.Samples[0].Shots != 7 || setting(cut, "questions_with_fewer_shots") != "0" || setting(cut, "prompts_cut") != "8" {
		t.Error(cut.Protocol)
	}
	// Questions that do not fit even without examples are reported.
	if setting(all, "prompts_cut") != "none" || setting(few, "prompts_cut") != "none" {
		t.Error(all.Protocol, few.Protocol)
	}
	o.Protocol, o.Shots, s.Window = "gpt3", 2, 20
	if r := measure(); setting(r, "prompts_cut") != "8" || setting(r, "least_shots") != "0" {
		t.Error(r.Protocol)
	}
	o.Protocol, o.Shots, s.Window = "harness", 7, 200
	// The same file by another name is recognized.
	o.Examples = "testdata/../testdata/tasks/rte.jsonl"
	if r := measure(); setting(r, "shots") != "7 from the same file, seed 3" {
		t.Error(r.Protocol)
	}
	o.Shots = 8
	if _, err := named.New(o).Evaluate(t.Context(), s, path); err == nil || err.Error() != path+": eval: 8 shots, but only 7 other examples to draw them from" {
		t.Error(err)
	}
	o.Examples, o.Shots = "testdata/tasks/rte-shots.jsonl", 4
	if _, err := named.New(o).Evaluate(t.Context(), s, path); err == nil || err.Error() != path+": eval: 4 shots, but only 3 other examples to draw them from" {
		t.Error(err)
	}
	// Print writes the prompts first, and only the published number of the nearest of GPT-3's sizes.
	var b strings.Builder
	all.Samples = all.Samples[:2]
	all.Published = []eval.Published{{Model: "gpt3-125m", Metric: "accuracy_tokens", Value: 1}, {Model: "gpt3-13b", Metric: "accuracy_tokens"}}
	if err := all.Print(&b); err != nil || !strings.HasPrefix(b.String(), "prompt 1, with 2 examples\n") || !strings.Contains(b.String(), "\nprompt 2, with 2 examples\n") ||
		!strings.Contains(b.String(), `* " True"  -`) || !strings.Contains(b.String(), "gpt3-125m") || strings.Contains(b.String(), "gpt3-13b") {
		t.Errorf("%v\n%s", err, b.String())
	}
}
