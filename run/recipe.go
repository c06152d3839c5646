package run

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/datasets/corpus"
	"github.com/gorgpt/gorgpt/internal/setting"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/tokenizer"
	"github.com/gorgpt/gorgpt/train"
)

// Recipe has every setting of a training run. [Recipe.Settings] says what each is for, its default,
// and which values are valid.
type Recipe struct {
	From                 string // checkpoint to start from, instead of Model and Tokenizer
	Model                string
	Layers, Heads, Width int // 0 means the model's
	Set                  []string
	Dropout              float64

	Data       string
	Mix        []string
	ValData    string
	Field      string
	BadRecords string
	Tokenizer  string // "" means the one beside token shards, or else one that suits the text: [corpus.Corpus.Tokenizer]
	Special    bool
	Validation float64
	Windows    string
	Buffer     int

	Steps, Batch, Context, Accumulate int // Context 0 with From means the checkpoint's
	Sum                               string
	Recompute                         bool
	Precision                         string

	// Counts such as 300B; "" means not set.
	Tokens, WarmupTokens, DecayTokens string
	BatchRamp                         string

	LearnRate, Floor     float64
	Warmup               int
	Schedule, Solver     string
	Beta1, Beta2, EMA    float64
	Decay, Clip, Epsilon float64
	DecayAll             bool
	NoDecay              []string
	SkipOutliers         float64

	EvalEvery, EvalBatches, SaveEvery, SampleEvery, Keep int
	Seed                                                 uint64
}

// Defaults returns the settings that gave the best result for a minute on two cores, on Go's own
// source; recipes/README.md lists what else was tried.
func Defaults() Recipe {
	var r Recipe
	r.Settings().Reset()
	return r
}

// share accepts numbers between 0 and 1, including 0 with with0, and 1 with with1.
func share(with0, with1 bool, want string) setting.Check[float64] {
	return setting.Where(func(x float64) bool { return x > 0 && x < 1 || with0 && x == 0 || with1 && x == 1 }, want)
}

// Help texts for settings that other commands have too.
const (
	FieldHelp   = "field of JSON lines, or column of Parquet, that holds the text"
	BadHelp     = "what to do with lines that cannot be read: error stops, skip omits and counts them"
	SetHelp     = "set a key of the model's config.json, as in activation_function=relu; may be repeated"
	SpecialHelp = "encode special tokens written in the text, such as <|endoftext|>, as their ids; only for text that you trust"
)

// Settings returns the recipe's settings, in the order of a recipe file.
func (r *Recipe) Settings() setting.List {
	return slices.Concat(r.ofModel(), r.ofText(), r.ofUpdates(), r.ofTokens(), r.ofSolver(), r.ofRecords())
}

func (r *Recipe) ofModel() setting.List {
	return setting.List{
		setting.New("from", &r.From, "", "start with the weights, tokenizer and configuration of this checkpoint, instead of --model and --tokenizer; --context is at most the checkpoint's, which is the default then"),
		setting.New("model", &r.Model, "gpt2-minute", "model name; see gorgpt models"),
		setting.New("layers", &r.Layers, 0, "number of blocks (0: the model's)", setting.AtLeast(0)),
		setting.New("heads", &r.Heads, 0, "number of attention heads (0: the model's)", setting.AtLeast(0)),
		setting.New("width", &r.Width, 0, "width of the residual stream (0: the model's)", setting.AtLeast(0)),
		setting.New("set", &r.Set, nil, SetHelp),
		setting.New("dropout", &r.Dropout, 0, "dropout rate, of embeddings, attention and residual branches; use 0 for short runs, which underfit", share(true, false, "a number in [0, 1)")),
	}
}

func (r *Recipe) ofText() setting.List {
	return setting.List{
		setting.New("data", &r.Data, "go", "text to train on: a file, a folder, a glob, or go for the Go standard library's source; plain text, .jsonl, .json, .parquet or .bin (token shards; val.bin beside train.bin is for validation), also .gz and .zst; or the same in an object store, as in s3://bucket/texts",
			func(_, data string) error {
				if data == "" {
					return usage.Errorf("--data is empty: want a file, a folder, a glob, or go")
				}
				return nil
			}),
		setting.New("mix", &r.Mix, nil, "a weight and a text, as in '0.3 notes/*.txt'; repeat to train on a mixture of texts instead of --data",
			func(_ string, mix []string) error {
				for _, part := range mix {
					if err := corpus.CheckPart(part); err != nil {
						return err
					}
				}
				return nil
			}),
		setting.New("val-data", &r.ValData, "", "text for validation, instead of a share of the training text"),
		setting.New("field", &r.Field, "text", FieldHelp),
		setting.New("bad-records", &r.BadRecords, "error", BadHelp, setting.OneOf("treatment of bad records", corpus.BadRecords...)),
		setting.New("tokenizer", &r.Tokenizer, "", tokenizer.Names+" (default: the one beside token shards of gorgpt pack, otherwise bpe:4096, with fewer tokens if the text has less than 4 MB, and bytes below 512 kB)",
			func(_, kind string) error {
				if kind == "" {
					return nil // the text decides
				}
				return tokenizer.CheckName(kind)
			}),
		setting.New("special", &r.Special, false, SpecialHelp),
		setting.New("validation", &r.Validation, 0.1, "share of the text held out for validation, unless --val-data is given", share(false, false, "a share between 0 and 1")),
		setting.New("windows", &r.Windows, "anywhere", "how sequences are cut from the text: anywhere; apart, each token in exactly one, for text that is read once; or packed with whole documents, for short ones",
			setting.OneOf("kind of windows", "anywhere", "apart", "packed")),
		setting.New("buffer", &r.Buffer, 0, "tokens shuffled together, at 4 bytes of memory each (0: 4,194,304)", setting.AtLeast(0)),
	}
}

func (r *Recipe) ofUpdates() setting.List {
	return setting.List{
		setting.New("steps", &r.Steps, 3200, "number of updates of the weights", setting.AtLeast(1)),
		setting.New("batch", &r.Batch, 8, "sequences per batch, B", setting.AtLeast(1)),
		setting.New("context", &r.Context, 128, "tokens per sequence, T", setting.AtLeast(1)),
		setting.New("accumulate", &r.Accumulate, 1, "batches per update, over all ranks together", setting.AtLeast(1)),
		setting.New("sum", &r.Sum, tree, "how the gradients of an update's batches are summed: in a fixed tree (tree), with the same bits for any number of ranks, which takes the memory of one more gradient for each doubling of a process's batches; or in any order (fast)", setting.OneOf("way to add up", tree, fast)),
		setting.New("recompute", &r.Recompute, false, "recompute activations inside blocks in the backward pass: less memory for 14 to 22 % more work, the same bits"),
		PrecisionSetting(&r.Precision),
	}
}

func (r *Recipe) ofSolver() setting.List {
	return setting.List{
		setting.New("lr", &r.LearnRate, 8e-3, "peak learning rate; if not given, in inverse proportion to the width above 96, and a tenth with --from", share(false, true, "a rate above 0 and at most 1")),
		setting.New("lr-floor", &r.Floor, 0, "share of --lr that the schedule falls to (0: to zero)", share(true, true, "a share of lr, from 0 to 1")),
		setting.New("warmup", &r.Warmup, 40, "updates over which the learning rate rises to its peak; at most a tenth of the steps", setting.AtLeast(0)),
		setting.New("schedule", &r.Schedule, "linear", "learning rate schedule: cosine, linear, wsd (flat, then falling in the last tenth) or constant"),
		setting.New("solver", &r.Solver, "muon", solverHelp(), func(_, name string) error {
			_, err := train.FindRule(name)
			return usage.Of(err)
		}),
		setting.New("ema", &r.EMA, 0, "evaluate, sample and save an exponential moving average of the weights, with this decay per update, such as 0.999 (0: none)", share(true, false, "a number in [0, 1)")),
		setting.New("beta1", &r.Beta1, 0.9, "decay of the running mean of the gradient", share(true, false, "a number in [0, 1)")),
		setting.New("beta2", &r.Beta2, 0.99, "decay of AdamW's running mean of the squared gradient; small batches need a higher one", share(true, false, "a number in [0, 1)")),
		setting.New("weight-decay", &r.Decay, 0.1, "weight decay of matrices, multiplied by the learning rate in each step", setting.Where(func(x float64) bool { return x >= 0 && x < 1e6 }, "0 or more")),
		setting.New("clip", &r.Clip, 1, "maximum norm of the whole gradient (0: no clipping)", setting.NotNegative),
		setting.New("epsilon", &r.Epsilon, 1e-8, "AdamW's ε, which keeps steps small where gradients are tiny", share(false, false, "a small number above 0")),
		setting.New("decay-all", &r.DecayAll, false, "apply weight decay to biases and gains too, as llm.c's test does"),
		setting.New("no-decay", &r.NoDecay, nil, "parameters without weight decay, as in 'wte.*'; may be repeated"),
		setting.New("skip-outliers", &r.SkipOutliers, 0, "skip updates whose loss or gradient norm is this many standard deviations above the mean of the last 128 (0: never); use 4 to 6 for long runs",
			setting.Where(func(x float64) bool { return x >= 0 }, "0 or more deviations")),
	}
}

func (r *Recipe) ofRecords() setting.List {
	return setting.List{
		setting.New("eval-every", &r.EvalEvery, 500, "updates between evaluations", setting.AtLeast(1)),
		setting.New("eval-batches", &r.EvalBatches, 60, "batches per evaluation (0: all of the validation text)", setting.AtLeast(0)),
		setting.New("save-every", &r.SaveEvery, 0, "updates between checkpoints (0: after evaluations and at the end)", setting.AtLeast(0)),
		setting.New("sample-every", &r.SampleEvery, 0, "updates between samples in samples.txt (0: one at the end)", setting.AtLeast(0)),
		setting.New("keep", &r.Keep, 1, "number of latest checkpoints to keep, besides the best", setting.AtLeast(1)),
		setting.New("seed", &r.Seed, 1337, "random seed of weights, order and dropout", setting.Seed),
	}
}

// Validate reports a setting that is not valid.
func (r Recipe) Validate() error {
	if err := r.Settings().Validate(); err != nil {
		return err
	}
	named, err := train.FindRule(r.Solver)
	if err != nil {
		return usage.Of(err)
	}
	switch {
	case named.Flat && r.Schedule != "constant":
		return usage.Errorf("--solver %s goes with --schedule constant, not %s: its average takes the place of a rate that falls", r.Solver, r.Schedule)
	case r.EMA > 0 && named.Averages():
		return usage.Errorf("--ema %v: --solver %s has an average of the weights already", r.EMA, r.Solver)
	}
	return nil
}

// CheckGiven refuses settings that were given and have no effect in this recipe. A recipe file may
// contain such settings: that of a run has all settings.
func (r Recipe) CheckGiven(given func(name string) bool) error {
	return setting.NoneIdle(given,
		setting.Idle{Holds: r.From != "", Settings: []string{"model", "layers", "heads", "width", "tokenizer"}, With: "--from: the checkpoint determines it"},
		setting.Idle{Holds: len(r.Mix) > 0, Settings: []string{"data"}, With: "--mix, which names the texts"},
		setting.Idle{Holds: r.ValData != "", Settings: []string{"validation"}, With: "--val-data, which names the validation text"},
		setting.Idle{Holds: r.Tokens != "", Settings: []string{"steps"}, With: "--tokens, which determines how many there are"},
		setting.Idle{Holds: r.WarmupTokens != "", Settings: []string{"warmup"}, With: "--warmup-tokens"},
		setting.Idle{Holds: true, Settings: r.unheeded(), With: "--solver " + r.Solver},
		setting.Idle{Holds: r.Schedule == "constant", Settings: []string{"lr-floor", "decay-tokens"}, With: "--schedule constant: the learning rate does not fall"},
		setting.Idle{Holds: r.Decay == 0, Settings: []string{"decay-all", "no-decay"}, With: "--weight-decay 0: nothing decays"},
	)
}

// CheckText refuses settings that were given and have no effect on a text.
func CheckText(text *corpus.Corpus, given func(name string) bool) error {
	var rules []setting.Idle
	unused := text.Unused()
	for _, name := range slices.Sorted(maps.Keys(unused)) {
		rules = append(rules, setting.Idle{Holds: true, Settings: []string{name}, With: unused[name]})
	}
	return setting.NoneIdle(given, rules...)
}

// solverHelp lists the available solvers.
func solverHelp() string {
	rules, _ := train.Rules() // reported when a rule is looked up
	var all []string
	for _, r := range rules {
		about := r.Name
		if r.About != "" {
			about += ": " + r.About
		}
		all = append(all, about)
	}
	return strings.Join(all, "; ")
}

// unheeded returns the settings that only solvers other than the recipe's use.
func (r Recipe) unheeded() []string {
	rule, err := train.FindRule(r.Solver)
	if err != nil {
		return nil // Validate reports it
	}
	return slices.DeleteFunc([]string{"beta1", "beta2", "epsilon"}, func(name string) bool { return slices.Contains(rule.Heeds, name) })
}

// ReadRecipe reads a recipe file. Settings that the file does not give have their defaults.
func ReadRecipe(path string) (Recipe, error) {
	r := Defaults()
	_, err := r.Settings().Read(path, nil)
	return r, err
}

// Recipe reads the recipe of a run. It refuses one that lacks the settings that define a run: that
// file was emptied, or is not a run's, and the run would continue with defaults, on another text.
func (d Dir) Recipe() (Recipe, error) {
	r := Defaults()
	names, err := r.ReadRun(d, nil)
	if err != nil {
		return r, err
	}
	for _, name := range []string{"model", "data", "tokenizer", "steps", "batch", "context", "seed"} {
		if !slices.Contains(names, name) {
			return r, fmt.Errorf("%s: %s is missing: not the recipe of a run, which has every setting", d.RecipePath(), name)
		}
	}
	return r, nil
}

// ReadRun reads the recipe of a run, except settings that are given already, and returns the names
// of the settings in it. A run older than the setting sum keeps adding gradients up as it did.
func (r *Recipe) ReadRun(d Dir, given func(name string) bool) ([]string, error) {
	names, err := r.Settings().Read(d.RecipePath(), given)
	if err == nil && !slices.Contains(names, "sum") && (given == nil || !given("sum")) {
		r.Sum = fast
	}
	return names, err
}

// Fast reports whether gradients are added up in any order.
func (r Recipe) Fast() bool { return r.Sum == fast }

// Text returns the contents of the recipe's file.
func (r Recipe) Text() []byte {
	return r.Settings().Text("Every setting of this run. gorgpt train RECIPE repeats it.")
}

// settled returns the recipe as text, without what may change when a run is resumed: [changeable].
func (r Recipe) settled() string {
	r.Steps, r.EvalEvery, r.EvalBatches, r.SaveEvery, r.SampleEvery, r.Keep, r.BadRecords = 0, 0, 0, 0, 0, 0, ""
	r.Tokens = ""
	// An empty list is written to a file where a new recipe has a nil one.
	for _, list := range []*[]string{&r.Mix, &r.NoDecay, &r.Set} {
		*list = append([]string{}, *list...)
	}
	return string(r.Text())
}

// fixed is [Recipe.settled] in the form that checkpoints have.
func (r Recipe) fixed() string {
	text := r.settled()
	for _, line := range newer { // older checkpoints have no such line
		text = strings.Replace(text, "\n"+line+"\n", "\n", 1)
	}
	return text
}

// Values of Sum.
const (
	tree = "tree"
	fast = "fast"
)

// newer are settings that older runs do not have, with the values they have when not used.
var newer = []string{`sum = "fast"`, "set = []", `tokens = ""`, `warmup_tokens = ""`, `decay_tokens = ""`, `batch_ramp = ""`, "ema = 0.0", defaultPrecision}

// unlike returns the first lines in which two recipes differ, or their last lines if they are
// equal.
func unlike(a, b string) (x, y string) {
	for a != "" && x == y {
		x, a, _ = strings.Cut(a, "\n")
		y, b, _ = strings.Cut(b, "\n")
	}
	return x, y
}

// changeable names what [Recipe.fixed] leaves out.
const changeable = "--steps, --tokens, --eval-every, --eval-batches, --save-every, --sample-every, --keep and --bad-records"
