package eval_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/gorgpt/gorgpt/eval"
)

// TestTasks: every task and protocol that lm-evaluation-harness has or can be told, with and
// without examples, and with more of them than fit.
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
	s := openDir(t, "testdata/tasks/model")
	whole, seen := s.Window, map[string]bool{}
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
			if _, ratio := run.Metrics["acc_ratio"]; ratio || mutual {
				o.Normalizer = "ratio"
			}
			s.Window = run.Window
			r, err := named.New(o).Evaluate(t.Context(), s, filepath.Join("testdata/tasks", run.Task+".jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			if run.Task == "lambada" {
				names = map[string]string{"acc": "accuracy", "perplexity": "perplexity"}
			}
			for name, want := range run.Metrics {
				near(t, name, metric(t, r, names[name]), want, tolLikelihood*math.Max(1, math.Abs(want)))
			}
			if len(r.Samples) != len(run.Items) || len(run.Metrics) == 0 {
				t.Fatalf("%d items, want %d with %v", len(r.Samples), len(run.Items), run.Metrics)
			}
			for i, item := range run.Items {
				compareItem(t, fmt.Sprint("item ", i), r.Samples[i], item)
			}
		})
	}
	s.Window = whole
	for _, n := range eval.All() {
		for _, protocol := range n.Protocols {
			alike := map[string]string{"arc_challenge": "arc", "arc_easy": "arc", "winograd": "winogrande", "hellaswag-harness": "hellaswag"}[n.Name]
			if alike == "" {
				alike = n.Name
			}
			// Compared in harness_test.go, or the harness has none such.
			if protocol != "plain" && n.Name != "choices" && n.Name != "race" && !seen[alike+" "+protocol] {
				t.Errorf("%s by %s is compared with nothing", n.Name, protocol)
			}
		}
	}
}
