package cli

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/models"
)

// recipe is every setting of a training run: a flag and, with "_" for "-", a key of
// a recipe file each.
type recipe struct {
	From    string  `toml:"from"`
	Model   string  `toml:"model"`
	Layers  int     `toml:"layers"`
	Heads   int     `toml:"heads"`
	Width   int     `toml:"width"`
	Dropout float64 `toml:"dropout"`

	Data       string   `toml:"data"`
	Mix        []string `toml:"mix"`
	ValData    string   `toml:"val_data"`
	Field      string   `toml:"field"`
	BadRecords string   `toml:"bad_records"`
	Tokenizer  string   `toml:"tokenizer"`
	Special    bool     `toml:"special"`
	Validation float64  `toml:"validation"`
	Windows    string   `toml:"windows"`
	Buffer     int      `toml:"buffer"`

	Steps      int `toml:"steps"`
	Batch      int `toml:"batch"`
	Context    int `toml:"context"`
	Accumulate int `toml:"accumulate"`

	Recompute bool `toml:"recompute"`

	LearnRate float64 `toml:"lr"`
	Floor     float64 `toml:"lr_floor"`
	Warmup    int     `toml:"warmup"`
	Schedule  string  `toml:"schedule"`
	Solver    string  `toml:"solver"`
	Beta1     float64 `toml:"beta1"`
	Beta2     float64 `toml:"beta2"`
	Decay     float64 `toml:"weight_decay"`
	Clip      float64 `toml:"clip"`
	Epsilon   float64 `toml:"epsilon"`

	DecayAll     bool     `toml:"decay_all"`
	NoDecay      []string `toml:"no_decay"`
	SkipOutliers float64  `toml:"skip_outliers"`

	EvalEvery   int    `toml:"eval_every"`
	EvalBatches int    `toml:"eval_batches"`
	SaveEvery   int    `toml:"save_every"`
	SampleEvery int    `toml:"sample_every"`
	Keep        int    `toml:"keep"`
	Seed        uint64 `toml:"seed"`
}

// defaults is nanoGPT's recipe for CPUs, half as long again, on Go's own source.
func defaults() recipe {
	return recipe{
		Model: "gpt2-nano", Data: "go", Validation: 0.1, Windows: "anywhere",
		Field: "text", BadRecords: "error",
		Steps: 3000, Batch: 12, Context: 64, Accumulate: 1,
		LearnRate: 1e-3, Floor: 0.1, Warmup: 100, Schedule: "cosine",
		Solver: "adamw", Beta1: 0.9, Beta2: 0.99, Decay: 0.1, Clip: 1, Epsilon: 1e-8,
		EvalEvery: 500, EvalBatches: 100, Keep: 1, Seed: 1337,
	}
}

// flags declares a flag for each setting, whose default is its present value.
func (r *recipe) flags(f *pflag.FlagSet) {
	f.StringVar(&r.From, "from", r.From, "begin with the weights, the tokenizer and the configuration of this checkpoint, in place of model and tokenizer; a context is at most the checkpoint's, which it is if not given")
	f.StringVar(&r.Model, "model", r.Model, "model; see gorgpt models")
	f.IntVar(&r.Layers, "layers", r.Layers, "blocks (0: the model's)")
	f.IntVar(&r.Heads, "heads", r.Heads, "attention heads (0: the model's)")
	f.IntVar(&r.Width, "width", r.Width, "width of the residual stream (0: the model's)")
	f.Float64Var(&r.Dropout, "dropout", r.Dropout, "dropout rate at all three places; short runs under-fit and want 0")
	f.StringVar(&r.Data, "data", r.Data, "text: a file, a folder, a glob, or go for the Go standard library's source; plain, .jsonl, .json, .parquet, .bin (token shards; val.bin beside train.bin is for validation), also .gz and .zst")
	f.StringArrayVar(&r.Mix, "mix", r.Mix, "several texts instead of data, each with its weight, as in '0.3 notes/*.txt'; once for each")
	f.StringVar(&r.Field, "field", r.Field, fieldHelp)
	f.StringVar(&r.BadRecords, "bad-records", r.BadRecords, badHelp)
	f.StringVar(&r.ValData, "val-data", r.ValData, "text for validation; without it, a share of the training text is kept for that")
	f.StringVar(&r.Tokenizer, "tokenizer", r.Tokenizer, tokenizerHelp+" (default: the one beside token shards of gorgpt pack, else bytes)")
	f.BoolVar(&r.Special, "special", r.Special, specialHelp)
	f.Float64Var(&r.Validation, "validation", r.Validation, "share of the text that is kept for validation, without val-data")
	f.StringVar(&r.Windows, "windows", r.Windows, "sequences start anywhere in the text; or lie apart, each token in one, for text that is read once; or are packed with whole documents, for short ones")
	f.IntVar(&r.Buffer, "buffer", r.Buffer, "tokens that are shuffled together, 4 bytes of memory each (0: 4,194,304)")
	f.IntVar(&r.Steps, "steps", r.Steps, "updates of the weights")
	f.IntVar(&r.Batch, "batch", r.Batch, "sequences in a batch, B")
	f.IntVar(&r.Context, "context", r.Context, "tokens in a sequence, T")
	f.IntVar(&r.Accumulate, "accumulate", r.Accumulate, "batches in an update")
	f.BoolVar(&r.Recompute, "recompute", r.Recompute, "compute the inside of blocks again for the gradient: less memory for a third more work, the same bits")
	f.Float64Var(&r.LearnRate, "lr", r.LearnRate, "highest learning rate; small models stand more")
	f.Float64Var(&r.Floor, "lr-floor", r.Floor, "share of lr that the schedule falls to")
	f.IntVar(&r.Warmup, "warmup", r.Warmup, "updates in which the learning rate climbs; at most a tenth of the steps")
	f.StringVar(&r.Schedule, "schedule", r.Schedule, "cosine, linear, wsd (flat, then down in the last tenth) or constant")
	f.StringVar(&r.Solver, "solver", r.Solver, "adamw, or lion: half the memory, wants lr a third or less and a larger weight-decay, beta1 0.95, beta2 0.98")
	f.Float64Var(&r.Beta1, "beta1", r.Beta1, "memory of the gradient")
	f.Float64Var(&r.Beta2, "beta2", r.Beta2, "AdamW's memory of its square; small batches want it long")
	f.Float64Var(&r.Decay, "weight-decay", r.Decay, "decay of matrices, a step times lr")
	f.BoolVar(&r.DecayAll, "decay-all", r.DecayAll, "decay biases and gains too, as llm.c's test does")
	f.StringArrayVar(&r.NoDecay, "no-decay", r.NoDecay, "parameters that do not decay, as in 'wte.*'; once for each pattern")
	f.Float64Var(&r.Epsilon, "epsilon", r.Epsilon, "AdamW's ε: what keeps steps small where gradients are tiny")
	f.Float64Var(&r.Clip, "clip", r.Clip, "largest norm of the whole gradient (0: none)")
	f.Float64Var(&r.SkipOutliers, "skip-outliers", r.SkipOutliers, "skip updates whose loss or gradient norm is so many deviations above the last 128 (0: none); long runs want 4 to 6")
	f.IntVar(&r.EvalEvery, "eval-every", r.EvalEvery, "updates between evaluations")
	f.IntVar(&r.EvalBatches, "eval-batches", r.EvalBatches, "batches of an evaluation (0: all of the validation text)")
	f.IntVar(&r.SaveEvery, "save-every", r.SaveEvery, "updates between checkpoints (0: after evaluations and at the end)")
	f.IntVar(&r.SampleEvery, "sample-every", r.SampleEvery, "updates between samples in samples.txt (0: one at the end)")
	f.IntVar(&r.Keep, "keep", r.Keep, "latest checkpoints to keep, beside the best")
	f.Uint64Var(&r.Seed, "seed", r.Seed, "seed of weights, order and dropout")
}

// override sets what the command line gave on top of r.
func (r *recipe) override(given *pflag.FlagSet) error {
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	r.flags(own)
	var errs []error
	given.Visit(func(f *pflag.Flag) {
		to := own.Lookup(f.Name)
		if to == nil {
			return
		}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			errs = append(errs, to.Value.(pflag.SliceValue).Replace(list.GetSlice()))
			return
		}
		errs = append(errs, to.Value.Set(f.Value.String()))
	})
	return errors.Join(errs...)
}

// model is the model that the recipe asks for, with a vocabulary of that size.
func (r recipe) model(vocab int) (models.Model, error) {
	m, err := findModel(r.Model)
	if err != nil {
		return nil, err
	}
	d := m.Dims()
	d.Vocab, d.Context = vocab, r.Context
	for _, o := range []struct{ given, into *int }{{&r.Layers, &d.Layers}, {&r.Heads, &d.Heads}, {&r.Width, &d.Width}} {
		if *o.given != 0 {
			*o.into = *o.given
		}
	}
	if err := models.Bounded(d); err != nil {
		return nil, usageError{fmt.Errorf("%s: %w", r.Model, err)}
	}
	m = m.WithDims(d).WithDropout(r.Dropout)
	if err := m.Validate(); err != nil {
		return nil, usageError{err}
	}
	return m, nil
}

// validate tells which setting cannot be.
func (r recipe) validate() error {
	for _, s := range []struct {
		flag  string
		value int
		least int
	}{
		{"steps", r.Steps, 1}, {"batch", r.Batch, 1}, {"context", r.Context, 1}, {"accumulate", r.Accumulate, 1},
		{"layers", r.Layers, 0}, {"heads", r.Heads, 0}, {"width", r.Width, 0},
		{"warmup", r.Warmup, 0}, {"eval-every", r.EvalEvery, 1}, {"eval-batches", r.EvalBatches, 0}, {"save-every", r.SaveEvery, 0},
		{"sample-every", r.SampleEvery, 0}, {"keep", r.Keep, 1}, {"buffer", r.Buffer, 0},
	} {
		if s.value < s.least {
			return usagef("--%s %d: want %d or more", s.flag, s.value, s.least)
		}
	}
	for _, s := range []struct {
		flag  string
		value float64
		ok    bool
		want  string
	}{
		{"validation", r.Validation, r.Validation > 0 && r.Validation < 1, "a share between 0 and 1"},
		{"lr", r.LearnRate, r.LearnRate > 0 && r.LearnRate <= 1, "a rate between 0 and 1"},
		{"lr-floor", r.Floor, r.Floor >= 0 && r.Floor <= 1, "a share of lr, from 0 to 1"},
		{"beta1", r.Beta1, r.Beta1 >= 0 && r.Beta1 < 1, "a number in [0, 1)"},
		{"beta2", r.Beta2, r.Beta2 >= 0 && r.Beta2 < 1, "a number in [0, 1)"},
		{"weight-decay", r.Decay, r.Decay >= 0 && r.Decay < 1e6, "0 or more"},
		{"epsilon", r.Epsilon, r.Epsilon > 0 && r.Epsilon < 1, "a small number above 0"},
		{"skip-outliers", r.SkipOutliers, r.SkipOutliers >= 0, "0 or more deviations"},
		{"clip", r.Clip, r.Clip >= 0, "0 or more"},
	} {
		if !s.ok {
			return usagef("--%s %v: want %s", s.flag, s.value, s.want)
		}
	}
	if r.Tokenizer != "" { // else the text tells
		if err := checkTokenizer(r.Tokenizer); err != nil {
			return err
		}
	}
	for _, s := range []struct {
		what, value string
		known       []string
	}{
		{"kind of windows", r.Windows, []string{"anywhere", "apart", "packed"}},
		{"solver", r.Solver, []string{"adamw", "lion"}},
		{"treatment of bad records", r.BadRecords, []string{"error", "skip"}},
	} {
		if !slices.Contains(s.known, s.value) {
			return unknown(s.what, s.value, s.known)
		}
	}
	for _, part := range r.Mix {
		if _, _, err := parsePart(part); err != nil {
			return err
		}
	}
	if r.Data == "" {
		return usagef("--data is empty: want a file, a folder, a glob, or go")
	}
	return checkSeed(r.Seed)
}

// together refuses flags that have no meaning in this recipe. A recipe file may hold such
// settings: that of a run has all there are.
func (r recipe) together(given func(flag string) bool) error {
	return noneIdle(given, []idle{
		{r.From != "", []string{"model", "layers", "heads", "width", "tokenizer"}, "--from, whose checkpoint has them"},
		{len(r.Mix) > 0, []string{"data"}, "--mix, which names the texts"},
		{r.ValData != "", []string{"validation"}, "--val-data, which is the text for it"},
		{r.Solver == "lion", []string{"epsilon"}, "--solver lion: it is AdamW's"},
		{r.Schedule == "constant", []string{"lr-floor"}, "--schedule constant, which falls to nothing"},
		{r.Decay == 0, []string{"decay-all", "no-decay"}, "--weight-decay 0: nothing decays"},
	})
}

// warmup is the length of the climb: no more than a tenth of a short run.
func (r recipe) warmup() int { return min(r.Warmup, r.Steps/10) }

// fixed is the recipe without what may change when a run is resumed.
func (r recipe) fixed() recipe {
	r.Steps, r.EvalEvery, r.EvalBatches, r.SaveEvery, r.SampleEvery, r.Keep, r.BadRecords = 0, 0, 0, 0, 0, 0, ""
	// A file has an empty list where a new recipe has none.
	r.Mix, r.NoDecay = slices.Clip(append([]string{}, r.Mix...)), slices.Clip(append([]string{}, r.NoDecay...))
	return r
}

// describe is the model in a line.
func describe(name string, m models.Model, params int64) string {
	d := m.Dims()
	return fmt.Sprintf("%s: %s parameters, %s, %s, width %d, context %d, vocabulary %d",
		name, thousands(params), plural.Of(d.Layers, "layer"), plural.Of(d.Heads, "head"), d.Width, d.Context, d.Vocab)
}
