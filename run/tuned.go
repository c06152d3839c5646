package run

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/datasets/pairs"
	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/internal/setting"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/models"
)

// TunedRecipe has every setting of a fine-tuning run: on a listed task, on a task of the user's
// own, or on prompts and responses.
type TunedRecipe struct {
	From, Task, Data, Train, Dev string
	Examples                     int // 0 means all

	Kind       string // of the user's own task
	Columns    tasks.Columns
	ScoreRange string

	Pairs, Template string

	Epochs, Batch, Micro      int
	Rate, Warmup, Decay, Clip float64
	Auxiliary, Dropout        float64
	Context                   int // 0 means the model's
	Fresh                     bool
	LoRA                      int // rank of adapters; 0 means that all weights are trained
	SaveEvery                 int
	Precision                 string
	Seed                      uint64
	Sum                       string
}

// pretrainedDropout as a dropout rate means the rates that the model was pre-trained with: a model
// that was trained without dropout loses what it has learned when dropout is applied.
const pretrainedDropout = -1

// dropped returns a model with the recipe's dropout.
func (r TunedRecipe) dropped(m models.Model) models.Model {
	if r.Dropout == pretrainedDropout {
		return m
	}
	return models.WithDropout(m, r.Dropout)
}

// DefaultsTuned returns the settings of GPT-1's fine-tuning, without From and a task.
func DefaultsTuned() TunedRecipe {
	var r TunedRecipe
	r.Settings().Reset()
	return r
}

// Settings returns the recipe's settings, in the order of a recipe file.
func (r *TunedRecipe) Settings() setting.List { return slices.Concat(r.ofTask(), r.ofUpdates()) }

// kinds are the possible kinds of the user's own task.
var kinds = []string{string(tasks.Classification), string(tasks.Entailment), string(tasks.Similarity)}

// optional makes a check accept an empty value too.
func optional(check setting.Check[string]) setting.Check[string] {
	return func(name, value string) error {
		if value == "" {
			return nil
		}
		return check(name, value)
	}
}

func (r *TunedRecipe) ofTask() setting.List {
	return setting.List{
		setting.New("from", &r.From, "", "checkpoint of the pre-trained model"),
		setting.New("task", &r.Task, "", "task to train, one of those listed above", optional(func(_, name string) error {
			_, err := tasks.Find(name)
			return usage.Of(err)
		})),
		setting.New("data", &r.Data, "", "folder with the task's files"),
		setting.New("train", &r.Train, "", "file to train on, instead of --data"),
		setting.New("dev", &r.Dev, "", "file to measure on"),
		setting.New("examples", &r.Examples, 0, "train on only this many of the examples, drawn by --seed, to see how few suffice (0: all)", setting.AtLeast(0)),
		setting.New("kind", &r.Kind, "", "kind of a task of your own: classification, entailment or similarity", optional(setting.OneOf("kind", kinds...))),
		setting.New("text", &r.Columns.Text, "", "with --kind: column of the text, or of the first of two"),
		setting.New("pair", &r.Columns.Pair, "", "with --kind: column of the second text"),
		setting.New("label", &r.Columns.Label, "", "with --kind: column of the class"),
		setting.New("score", &r.Columns.Score, "", "with --kind: column of a number, instead of a class"),
		setting.New("score-range", &r.ScoreRange, "", "with --score: range of the scores, as in 0:5, with one output for each whole number, as in GPT-1 (default: the range found if all scores are whole numbers that span 10 or less; otherwise one output, with the squared error)",
			optional(func(name, given string) error {
				if _, _, err := tasks.ParseRange(given); err != nil {
					return usage.Errorf("--%s %s: %w", name, given, err)
				}
				return nil
			})),
		setting.New("positive", &r.Columns.Positive, "", "with two classes, the one that F1 is of (default: the second in sorted order)"),
		setting.New("pairs", &r.Pairs, "", "instead of a task: file of prompts and responses, JSON lines (prompt, response) or CoQA's, to train on without a head, with a loss on the responses alone"),
		setting.New("template", &r.Template, "plain", "with --pairs: template of prompts: "+strings.Join(templates(), ", ")+" (a user's message in the model's chat template)", setting.OneOf("template", templates()...)),
	}
}

func (r *TunedRecipe) ofUpdates() setting.List {
	paper := finetune.Defaults()
	return setting.List{
		setting.New("epochs", &r.Epochs, paper.Epochs, "passes over the examples", setting.AtLeast(1)),
		setting.New("batch", &r.Batch, paper.Batch, "examples per update", setting.AtLeast(1)),
		setting.New("micro", &r.Micro, 8, "examples computed at once; fewer need less memory, and change only the dropout masks and, in models with experts, what routers add to the loss and which tokens have no room", setting.AtLeast(1)),
		setting.New("lr", &r.Rate, paper.Rate, "peak learning rate; small models need a higher one", share(false, true, "a rate above 0 and at most 1")),
		setting.New("warmup", &r.Warmup, paper.Warmup, "share of the updates over which the learning rate rises to its peak", share(true, true, "a share of the updates, from 0 to 1")),
		setting.New("weight-decay", &r.Decay, paper.Decay, "AdamW's weight decay of matrices", setting.Where(func(x float64) bool { return x >= 0 && x < 1e6 }, "0 or more")),
		setting.New("clip", &r.Clip, paper.Clip, "maximum norm of the whole gradient (0: no clipping)", setting.NotNegative),
		setting.New("lambda", &r.Auxiliary, 0.5, "weight of the language model's loss (0: none)", setting.NotNegative),
		setting.New("dropout", &r.Dropout, pretrainedDropout, "dropout rate of the model and of the classified state (-1: the rates of pre-training, in the checkpoint's config.json)",
			setting.Where(func(x float64) bool { return x == pretrainedDropout || x >= 0 && x < 1 }, "a rate in [0, 1), or -1 for the checkpoint's")),
		setting.New("context", &r.Context, 0, "maximum number of tokens per sequence (0: the model's context)", setting.AtLeast(0)),
		setting.New("fresh", &r.Fresh, false, "discard the pre-trained weights and train from random ones, to compare"),
		setting.New("lora", &r.LoRA, 0, "rank of adapters trained beside the linear layers of the blocks, whose weights are frozen; use about ten times the learning rate; checkpoints have the adapters merged (0: train all weights)", setting.AtLeast(0)),
		setting.New("save-every", &r.SaveEvery, 0, "updates between checkpoints (0: after each epoch)", setting.AtLeast(0)),
		PrecisionSetting(&r.Precision),
		setting.New("seed", &r.Seed, paper.Seed, "random seed of the head, the order of examples and dropout", setting.Seed),
		setting.New("sum", &r.Sum, tree, "how the gradients of an update are summed: in a fixed tree (tree), with the same bits for any number of ranks, which takes the memory of one more gradient for each doubling of --batch over --micro; or in any order (fast)", setting.OneOf("way to add up", tree, fast)),
	}
}

// Validate reports settings that are not valid, before anything is read.
func (r TunedRecipe) Validate() error {
	own := r.ownColumn()
	switch {
	case r.From == "":
		return usage.Errorf("--from is missing: the checkpoint of the model to fine-tune")
	case r.Pairs != "" && (r.Task != "" || r.Kind != "" || r.Data != "" || r.Train != "" || r.Fresh):
		return usage.Errorf("--pairs cannot be combined with --task, --kind, --data, --train, --fresh or --json")
	case r.Pairs != "" && own != "":
		return usage.Errorf("--pairs cannot be combined with --%s: a pair has only a prompt and a response, and trains no head", own)
	case r.Pairs == "" && (r.Task == "") == (r.Kind == ""):
		return usage.Errorf("give either --task or --kind")
	case r.Pairs == "" && r.Data == "" && r.Train == "":
		return usage.Errorf("--data or --train is missing: the examples")
	case r.Task != "" && own != "":
		return usage.Errorf("--%s is for your own task, with --kind: the columns of %s are fixed", own, r.Task)
	case r.Fresh && r.LoRA > 0:
		return usage.Errorf("--lora adapts what a model has learned, which --fresh forgets")
	case r.ScoreRange != "" && r.Columns.Score == "":
		return usage.Errorf("--score-range is the range of --score, which is missing")
	case r.Columns.Positive != "" && r.Columns.Label == "":
		return usage.Errorf("--positive is one of the classes of --label, which is missing")
	}
	return cmp.Or(r.Settings().Validate(), r.Settings().Recordable())
}

// readRun reads the recipe of a run. One older than the setting sum is given the way of adding up
// that its number of ranks implied.
func (r *TunedRecipe) readRun(d Dir, ranks int) error {
	names, err := r.Settings().Read(d.TunedPath(), nil)
	if err == nil && !slices.Contains(names, "sum") && ranks == 1 {
		r.Sum = fast
	}
	return err
}

// Fast reports whether gradients are added up in any order.
func (r TunedRecipe) Fast() bool { return r.Sum == fast }

// text returns the contents of the recipe's file.
func (r TunedRecipe) text() []byte {
	return r.Settings().Text("Every setting of this run. gorgpt finetune finetune.toml repeats it.")
}

// fixed returns the recipe in the form that checkpoints have.
func (r TunedRecipe) fixed() string { // older checkpoints have no precision
	return strings.Replace(string(r.text()), "\n"+defaultPrecision+"\n", "\n", 1)
}

// CheckGiven refuses settings that were given and have no effect in this recipe.
func (r TunedRecipe) CheckGiven(given func(name string) bool) error {
	if r.Pairs != "" && given("lambda") {
		return usage.Errorf("--pairs cannot be combined with --lambda: a pair has only a prompt and a response, and trains no head")
	}
	return setting.NoneIdle(given,
		setting.Idle{Holds: r.Pairs == "", Settings: []string{"template"}, With: "--task or --kind: it is for --pairs"},
		setting.Idle{Holds: r.Train != "" && r.Dev != "", Settings: []string{"data"}, With: "--train and --dev, which name its files"},
	)
}

// columns returns the columns of the user's own task.
func (r TunedRecipe) columns() (c tasks.Columns, err error) {
	if c = r.Columns; r.ScoreRange != "" {
		c.Low, c.High, err = tasks.ParseRange(r.ScoreRange)
	}
	return c, err
}

// ownColumn returns the name of a setting of the user's own task that is given, or "".
func (r TunedRecipe) ownColumn() string {
	for _, s := range []struct{ name, value string }{
		{"text", r.Columns.Text}, {"pair", r.Columns.Pair}, {"label", r.Columns.Label}, {"score", r.Columns.Score},
		{"score-range", r.ScoreRange}, {"positive", r.Columns.Positive},
	} {
		if s.value != "" {
			return s.name
		}
	}
	return ""
}

// templates returns the names of the templates for a prompt.
func templates() []string { return append(pairs.TemplateNames(), inChat) }
