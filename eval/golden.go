package eval

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/internal/plainjson"
	"github.com/gorgpt/gorgpt/train"
)

// Golden holds numbers that a published model is known to give: losses of a few training
// steps, greedy continuations, and best next tokens. It is read from a JSON file.
type Golden struct {
	Model  string `json:"model"`
	Source string `json:"source"`
	// Parameters is the number of the model's weights, by which it is recognized.
	Parameters int64 `json:"parameters"`

	// Batch is the batch that all runs train on: B·T+1 tokens.
	Batch struct {
		Size    int   `json:"size"`    // B
		Context int   `json:"context"` // T
		IDs     []int `json:"ids"`
	} `json:"batch"`
	Runs          []GoldenRun          `json:"runs"`
	Continuations []GoldenContinuation `json:"continuations"`
	Next          []GoldenNext         `json:"next"`
}

// GoldenRun is a run of AdamW steps on one batch with a constant learning rate.
type GoldenRun struct {
	Name      string  `json:"name"`
	LearnRate float64 `json:"lr"`
	Beta1     float64 `json:"beta1"`
	Beta2     float64 `json:"beta2"`
	Epsilon   float64 `json:"epsilon"`
	Decay     float64 `json:"decay"` // weight decay of all tensors, including biases and gains
	Clip      float64 `json:"clip"`  // 0: none
	// Losses are the losses before each update.
	Losses    []float64 `json:"losses"`
	Tolerance float64   `json:"tolerance"`
	Source    string    `json:"source"`
}

// GoldenContinuation is a prompt and its greedy continuation.
type GoldenContinuation struct {
	Name   string `json:"name"` // a description
	Prompt []int  `json:"prompt"`
	IDs    []int  `json:"ids"`
	Source string `json:"source"`
}

// GoldenNext is a prompt and the best tokens after it, best first. If there are Logits, their differences
// are compared with those of the model's logits.
type GoldenNext struct {
	Name      string    `json:"name"`
	Prompt    []int     `json:"prompt"`
	IDs       []int     `json:"ids"`
	Logits    []float64 `json:"logits"`
	Tolerance float64   `json:"tolerance"`
	Source    string    `json:"source"`
}

//go:embed golden/*.json
var goldenFiles embed.FS

// FindGolden returns the golden numbers of the published model with that number of parameters.
func FindGolden(parameters int64) (Golden, error) {
	entries, err := fs.ReadDir(goldenFiles, "golden")
	if err != nil {
		return Golden{}, err
	}
	var names []string
	for _, e := range entries {
		data, err := goldenFiles.ReadFile("golden/" + e.Name())
		if err != nil {
			return Golden{}, err
		}
		g, err := ParseGolden(data)
		if err != nil {
			return Golden{}, fmt.Errorf("%s: %w", e.Name(), err)
		}
		if g.Parameters == parameters {
			return g, nil
		}
		names = append(names, g.Model)
	}
	slices.Sort(names)
	return Golden{}, fmt.Errorf("no golden numbers are known for a model of %d parameters, only for %s; give others in a file",
		parameters, strings.Join(names, ", "))
}

// goldenFile is the measurement with the golden numbers of a file or, without one, the built-in ones of the
// subject's model.
type goldenFile struct{}

func (goldenFile) Evaluate(ctx context.Context, s *Subject, path string) (Result, error) {
	if path == "" {
		g, err := FindGolden(s.Params.Count())
		if err != nil {
			return Result{}, err
		}
		return g.Evaluate(ctx, s)
	}
	data, protocol, err := file(path)
	if err != nil {
		return Result{}, err
	}
	g, err := ParseGolden(data)
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", path, err)
	}
	r, err := g.Evaluate(ctx, s)
	r.Protocol = append(protocol, r.Protocol...)
	return r, err
}

// ParseGolden reads golden numbers.
func ParseGolden(data []byte) (Golden, error) {
	var g Golden
	if err := plainjson.Unmarshal(data, &g); err != nil {
		return g, fmt.Errorf("golden numbers: %w", err)
	}
	if len(g.Runs)+len(g.Continuations)+len(g.Next) == 0 {
		return g, errors.New("golden numbers: there are none: want runs, continuations or next")
	}
	if b := g.Batch; len(g.Runs) > 0 && (b.Size < 1 || b.Context < 1 || b.Size > len(b.IDs) || b.Context > len(b.IDs) || len(b.IDs) != b.Size*b.Context+1) {
		return g, fmt.Errorf("golden numbers: a batch of %d × %d has %d ids, want one more than it has tokens", b.Size, b.Context, len(b.IDs))
	}
	for _, r := range g.Runs {
		if len(r.Losses) == 0 || !(r.Tolerance > 0) {
			return g, fmt.Errorf("golden numbers: run %q: want losses and a tolerance above 0", r.Name)
		}
	}
	for _, c := range g.Continuations {
		if len(c.Prompt) == 0 || len(c.IDs) == 0 {
			return g, fmt.Errorf("golden numbers: continuation %q: want prompt and ids", c.Name)
		}
	}
	for _, n := range g.Next {
		if len(n.Prompt) == 0 || len(n.IDs) == 0 || n.Logits != nil && (len(n.Logits) != len(n.IDs) || !(n.Tolerance > 0)) {
			return g, fmt.Errorf("golden numbers: next %q: want prompt and ids, and with logits one for each and a tolerance above 0", n.Name)
		}
	}
	return g, nil
}

// Evaluate compares the subject with the golden numbers, with a check for each. The value is the
// share of checks that pass. Training changes the subject's parameters, which are restored
// after each run.
func (g Golden) Evaluate(ctx context.Context, s *Subject) (Result, error) {
	r := Result{Metric: "passed", Protocol: Settings{{"model", g.Model}, {"source", g.Source}}}
	total := len(g.Next) + len(g.Continuations)
	for _, run := range g.Runs {
		total += len(run.Losses)
	}
	parts := make([]checked, len(g.Next)+len(g.Continuations)+len(g.Runs))
	done := 0
	for i := range parts {
		if !s.own(i, len(parts)) {
			continue
		}
		err := g.part(ctx, s, i, func(c Check, tokens int) error {
			done++
			parts[i].Checks, parts[i].Tokens = append(parts[i].Checks, c), parts[i].Tokens+int64(tokens)
			return s.step(ctx, done, total)
		})
		if err != nil {
			return r, err
		}
	}
	if err := join(s, parts); err != nil {
		return r, err
	}
	for _, p := range parts {
		r.Checks, r.Tokens = append(r.Checks, p.Checks...), r.Tokens+p.Tokens
	}
	for _, run := range g.Runs {
		r.Protocol = append(r.Protocol, Setting{run.Name, fmt.Sprintf("lr %g, β %g/%g, ε %g, decay %g on every tensor, clip %g, batch %d × %d; %s",
			run.LearnRate, run.Beta1, run.Beta2, run.Epsilon, run.Decay, run.Clip, g.Batch.Size, g.Batch.Context, run.Source)})
	}
	passed := 0
	for _, c := range r.Checks {
		if c.Pass {
			passed++
		}
	}
	r.Value = float64(passed) / float64(len(r.Checks))
	return r, nil
}

// checked holds the checks of a part.
type checked struct {
	Checks []Check
	Tokens int64
}

// part makes the checks of part i. The parts are next tokens, then continuations, then runs.
func (g Golden) part(ctx context.Context, s *Subject, i int, add func(c Check, tokens int) error) error {
	if i < len(g.Next) {
		c, err := g.Next[i].check(s)
		if err != nil {
			return err
		}
		return add(c, 1)
	}
	i -= len(g.Next)
	if i < len(g.Continuations) {
		c := g.Continuations[i]
		got, err := s.Greedy(ctx, c.Prompt, len(c.IDs), nil)
		if err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
		return add(c.compare(s, got), len(got))
	}
	run := g.Runs[i-len(g.Continuations)]
	if err := g.train(ctx, s, run, add); err != nil {
		return fmt.Errorf("%s: %w", run.Name, err)
	}
	return nil
}

// Passed reports whether all checks of a result pass.
func (r Result) Passed() bool {
	return !slices.ContainsFunc(r.Checks, func(c Check) bool { return !c.Pass })
}

func (n GoldenNext) check(s *Subject) (Check, error) {
	logits, err := s.logits(append(slices.Clone(n.Prompt), 0), len(n.Prompt))
	if err != nil {
		return Check{}, fmt.Errorf("%s: %w", n.Name, err)
	}
	rest := slices.Clone(logits)
	var got []int
	var values []float64
	for range min(len(n.IDs), len(rest)) {
		best := argmax(rest)
		got, values = append(got, best), append(values, float64(logits[best]))
		rest[best] = float32(math.Inf(-1))
	}
	c := Check{Name: n.Name, Pass: slices.Equal(got, n.IDs)}
	c.Detail = fmt.Sprintf("best tokens %v, want %v", got, n.IDs)
	if c.Pass && n.Logits != nil {
		worst := 0.0
		for i := range got {
			worst = max(worst, math.Abs(values[i]-values[0]-n.Logits[i]+n.Logits[0]))
		}
		c.Pass = worst <= n.Tolerance
		c.Detail = fmt.Sprintf("best tokens %v, logits within %.1e, want %.1e", got, worst, n.Tolerance)
	}
	return c, nil
}

func (c GoldenContinuation) compare(s *Subject, got []int) Check {
	check := Check{Name: c.Name, Pass: slices.Equal(got, c.IDs)}
	show := func(ids []int) string {
		if s.Tokenizer != nil {
			if text, err := s.Tokenizer.AppendText(nil, ids); err == nil {
				return fmt.Sprintf("%q", text)
			}
		}
		return fmt.Sprint(ids)
	}
	check.Detail = show(got)
	if !check.Pass {
		check.Detail += ", want " + show(c.IDs)
	}
	return check
}

// train compares the losses of a run, and restores the weights.
func (g Golden) train(ctx context.Context, s *Subject, run GoldenRun, add func(Check, int) error) error {
	b, c := g.Batch.Size, g.Batch.Context
	if c > s.Window {
		return fmt.Errorf("a batch with a context of %d, more than the window of %d", c, s.Window)
	}
	var before [][]float32
	for _, w := range s.Params.All() {
		before = append(before, slices.Clone(w.Data()))
	}
	defer func() {
		for i, w := range s.Params.All() {
			copy(w.Data(), before[i])
		}
	}()
	batch := datasets.Batch{Size: b, Context: c, Tokens: g.Batch.IDs[:b*c], Targets: g.Batch.IDs[1:]}
	t := train.Trainer{
		Task:   &train.NextToken{Model: s.Model, Train: again(batch), Batch: b, Context: c},
		Params: s.Params,
		Solver: &train.Optimizer{
			Rule: train.AdamW{Beta1: run.Beta1, Beta2: run.Beta2, Epsilon: run.Epsilon}, Clip: run.Clip,
			Groups: []train.Group{{Pattern: "*", Decay: &run.Decay}}, // includes biases and gains
		},
		Schedule: train.Constant(run.LearnRate, 0), Steps: len(run.Losses),
		NoDropout: true, // the known numbers are without dropout
	}
	t.Observers = []train.Observer{onStep(func(done train.Step) error {
		i := done.Step - 1
		return add(Check{
			Name:   fmt.Sprintf("%s, step %d", run.Name, i),
			Pass:   math.Abs(done.Loss-run.Losses[i]) <= run.Tolerance,
			Detail: fmt.Sprintf("loss %.6f, want %.6f ± %g", done.Loss, run.Losses[i], run.Tolerance),
		}, b*c)
	})}
	return t.Run(ctx)
}

// onStep is an observer of steps only.
type onStep func(train.Step) error

func (f onStep) OnStep(s train.Step) error         { return f(s) }
func (onStep) OnEvaluation(train.Evaluation) error { return nil }

// again is a stream that repeats one batch forever.
type again datasets.Batch

func (a again) Next(context.Context) (datasets.Batch, error) { return datasets.Batch(a), nil }
func (again) State() ([]byte, error)                         { return nil, nil }
func (again) Restore([]byte) error                           { return nil }
func (again) Close() error                                   { return nil }
