package finetune_test

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models/gpt1"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// TestEvaluateScores: the prediction is the mean of a scale's whole numbers, or with a single output its
// value in the unit of the scores. Correlations are from scipy 1.17.1.
func TestEvaluateScores(t *testing.T) {
	stsb, err := tasks.Find("stsb")
	if err != nil {
		t.Fatal(err)
	}
	truth := []float64{0, 3.2, 5, 1.75, 2}
	for _, c := range []struct {
		task      tasks.Task
		outputs   [][]float64
		predicted []float64
		pearson   float64
		loss      float64
	}{
		{stsb, [][]float64{{.5, .5, 0, 0, 0, 0}, {0, 0, .25, .75, 0, 0}, {0, 0, 0, 0, .1, .9}, {.2, .2, .2, .2, .1, .1}, {0, 1, 0, 0, 0, 0}},
			[]float64{.5, 2.75, 4.9, 2.1, 1}, 0.9444378574361594,
			-(math.Log(.5) + .8*math.Log(.75) + .2*math.Log(1e-30) + math.Log(.9) + math.Log(.2) + math.Log(1e-30)) / 5},
		{tasks.Task{Regression: true, Low: 0, High: 5, Mean: 2, Deviation: 0.5, Metrics: []string{"pearson"}}, [][]float64{{-3}, {1.5}, {5.8}, {.2}, {-2}},
			[]float64{.5, 2.75, 4.9, 2.1, 1}, 0.9444378574361594,
			(1*1 + .9*.9 + .2*.2 + .7*.7 + 2*2) / 5},
	} {
		var examples []finetune.Example
		for _, score := range truth {
			e, err := finetune.NewEncoder(tokenizer.Bytes(), 16)
			if err != nil {
				t.Fatal(err)
			}
			c.task.Kind = tasks.Similarity
			all, err := e.Examples(c.task, tasks.Set{Examples: []tasks.Example{{Text: "a", Pair: "b", Score: score}}})
			if err != nil {
				t.Fatal(err)
			}
			examples = append(examples, all...)
		}
		e, err := finetune.Evaluate(c.task, examples, c.outputs)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range c.predicted {
			if math.Abs(e.Predicted[i]-want) > 1e-12 || e.Truth[i] != truth[i] {
				t.Errorf("predicted %v for %v, want %v for %v", e.Predicted[i], e.Truth[i], want, truth[i])
			}
		}
		if math.Abs(e.Metrics["pearson"]-c.pearson) > 1e-12 || math.Abs(e.Loss-c.loss) > 1e-5 { // targets are float32
			t.Errorf("pearson %v, loss %v; want %v, %v", e.Metrics["pearson"], e.Loss, c.pearson, c.loss)
		}
	}
}

// TestTargetsBeyond: a score outside the scale counts as the nearest end, however far outside it is.
func TestTargetsBeyond(t *testing.T) {
	e, err := finetune.NewEncoder(tokenizer.Bytes(), 16)
	if err != nil {
		t.Fatal(err)
	}
	scale := tasks.Task{Kind: tasks.Classification, Regression: true, Low: 1, High: 3}
	free := scale
	free.Mean, free.Deviation = 40000, 20000
	for _, c := range []struct {
		task  tasks.Task
		score float64
		want  []float32
	}{
		{scale, 0, []float32{1, 0, 0}}, {scale, -1e300, []float32{1, 0, 0}}, {scale, 3.5, []float32{0, 0, 1}}, {scale, 1e300, []float32{0, 0, 1}},
		{scale, 2.5, []float32{0, 0.5, 0.5}}, {free, 70000, []float32{1.5}}, {free, 0, []float32{-2}},
	} {
		got, err := e.Examples(c.task, tasks.Set{Examples: []tasks.Example{{Text: "a", Score: c.score}}})
		if err != nil || !slices.Equal(got[0].Targets, c.want) || got[0].Truth != c.score {
			t.Errorf("%v: %+v, %v; want %v", c.score, got, err, c.want)
		}
	}
	classes := tasks.Task{Kind: tasks.Classification, Labels: []string{"a", "b"}}
	for _, label := range []int{-1, 2} {
		if _, err := e.Examples(classes, tasks.Set{Examples: []tasks.Example{{Text: "a", Label: label, Line: 7}}}); err == nil || !strings.HasPrefix(err.Error(), "line 7: class ") {
			t.Errorf("class %d: %v", label, err)
		}
	}
}

// TestRunScores: a model can be trained to count the x in a text, with scores on a scale, as fractions, and
// in billions; the saved classifier predicts the same.
func TestRunScores(t *testing.T) {
	for _, unit := range []float64{1, 0.19, 14000, 3e9} {
		task := tasks.Task{Name: "x", Kind: tasks.Classification, Regression: true, Metrics: []string{"pearson", "spearman", "rmse"}}
		count := func(n int, seed uint64) (set tasks.Set) {
			for i, e := range toy(tasks.Classification, n, seed).Examples {
				k := i % 6
				e.Text, e.Score = strings.Repeat("x", k)+e.Text[:5-k], unit*float64(k)
				set.Examples = append(set.Examples, e)
			}
			return set
		}
		learn, check := count(300, 1), count(60, 2)
		task, err := task.Fit(learn.Examples)
		if err != nil {
			t.Fatal(err)
		}
		e, err := finetune.NewEncoder(tokenizer.Bytes(), 16)
		if err != nil {
			t.Fatal(err)
		}
		learned, err := e.Examples(task, learn)
		if err != nil {
			t.Fatal(err)
		}
		checked, err := e.Examples(task, check)
		if err != nil {
			t.Fatal(err)
		}
		outputs := 1
		if unit == 1 {
			outputs = 6
		}
		c := finetune.NewClassifier(gpt1.New(260, 16, 32, 1, 2), task, finetune.Outputs(task, learn))
		if c.Outputs != outputs || c.Squared != (outputs == 1) {
			t.Fatalf("%d outputs, squared %v", c.Outputs, c.Squared)
		}
		params := graph.NewParams(1)
		if err := c.Declare(params); err != nil {
			t.Fatal(err)
		}
		o := finetune.Defaults()
		o.Epochs, o.Batch, o.Micro, o.Rate = 6, 16, 7, 1e-2
		all, err := finetune.Run(context.Background(), c, params, task, learned, checked, o)
		if err != nil {
			t.Fatal(err)
		}
		if last := all[len(all)-1]; !(last.Metrics["pearson"] > 0.97 && last.Metrics["rmse"] < 0.4*unit) {
			t.Errorf("scores by %g: %v", unit, last.Metrics)
		}
		dir := filepath.Join(t.TempDir(), "saved")
		saved := finetune.Trained{Description: finetune.Describe(task, c.Outputs, 16), Classifier: c, Params: params, Encoder: e}
		if err := saved.Save(dir); err != nil {
			t.Fatal(err)
		}
		opened, err := finetune.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		p, err := opened.Predictor(4)
		if err != nil {
			t.Fatal(err)
		}
		outs, err := p.Predict(checked)
		p.Close()
		if err != nil {
			t.Fatal(err)
		}
		again, err := finetune.Evaluate(opened.AsTask(), checked, outs)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range all[len(all)-1].Predicted {
			if d := math.Abs(again.Predicted[i] - want); !(d <= 1e-4*unit) {
				t.Errorf("scores by %g: %v is predicted, %v when opened", unit, want, again.Predicted[i])
				break
			}
		}
	}
}
