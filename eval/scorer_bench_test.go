package eval_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gorgpt/gorgpt/eval"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// BenchmarkSharing measures the time saved by running shared prefixes once, for questions of real tasks and a model
// of GPT-2's size with random weights. It alternates with runs of whole sequences, in which each choice is run
// separately. x/whole is the median of the ratios of the two times, and x/most and x/least are their extremes.
func BenchmarkSharing(b *testing.B) {
	tok, err := tokenizer.Load("../../shared/data/vocab/gpt2")
	if err != nil {
		b.Skip("no ../shared/data/vocab/gpt2 here")
	}
	m, err := models.Find("gpt2")
	if err != nil {
		b.Fatal(err)
	}
	params := graph.NewParams(1)
	shared := eval.NewSubject(models.Graphs(m), params, tok, models.DimsOf(m).Context)
	defer shared.Close()
	whole := eval.NewSubject(models.Graphs(m), params, tok, models.DimsOf(m).Context)
	defer whole.Close()
	whole.CacheBytes = 1 // too small for shared prefixes
	for _, c := range []struct {
		on, data string
		shots    int
		draw     string
		count    int // number of questions
	}{
		{"piqa", "piqa/valid.jsonl", 0, "", 12}, {"commonsense_qa", "commonsense_qa/dev.jsonl", 0, "", 12},
		{"piqa", "piqa/valid.jsonl", 10, "random", 3}, {"piqa", "piqa/valid.jsonl", 10, "first", 12},
		{"commonsense_qa", "commonsense_qa/dev.jsonl", 30, "random", 2}, {"commonsense_qa", "commonsense_qa/dev.jsonl", 30, "first", 8},
	} {
		b.Run(fmt.Sprintf("%s/%d%s", c.on, c.shots, c.draw), func(b *testing.B) {
			named, err := eval.Find(c.on)
			if err != nil {
				b.Fatal(err)
			}
			choice := named.New(eval.Options{Shots: c.shots, Draw: c.draw}).(eval.MultipleChoice)
			pool, err := choice.Read(filepath.Join("../../shared/data/tasks", c.data))
			if err != nil {
				b.Skip("no ../shared/data/tasks here")
			}
			score := func(s *eval.Subject) time.Duration {
				start := time.Now()
				if _, err := choice.Score(b.Context(), s, pool[100:][:c.count], pool[:100], false); err != nil {
					b.Fatal(err)
				}
				return time.Since(start)
			}
			score(whole) // compiles the programs
			score(shared)
			var ratios []float64
			for b.Loop() {
				ratios = append(ratios, float64(score(whole))/float64(score(shared)))
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], "x/whole")
			b.ReportMetric(ratios[len(ratios)-1], "x/most")
			b.ReportMetric(ratios[0], "x/least")
		})
	}
}
