package run

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/gorgpt/gorgpt/train"
)

// Find returns the run directories among and directly below the given ones.
func Find(args ...string) ([]Dir, error) {
	var dirs []Dir
	for _, arg := range args {
		if exists(Dir(arg).MetricsPath()) {
			dirs = append(dirs, Dir(filepath.Clean(arg)))
			continue
		}
		entries, err := os.ReadDir(cmp.Or(arg, "."))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: no such folder", arg)
		}
		before := len(dirs)
		for _, e := range entries {
			if dir := Dir(filepath.Join(arg, e.Name())); exists(dir.MetricsPath()) {
				dirs = append(dirs, dir)
			}
		}
		if len(dirs) == before {
			return nil, fmt.Errorf("%s: no run in it: want a folder with metrics.jsonl, or a folder of such folders", arg)
		}
	}
	return dirs, nil
}

// Summary describes a run in one row of a table. It is also an observer of the run's metrics.
type Summary struct {
	Dir      Dir      `json:"dir"`
	Model    string   `json:"model,omitempty"`
	From     string   `json:"from,omitempty"` // for fine-tuning: the model it started from
	Task     string   `json:"task,omitempty"` // for fine-tuning: the task
	Step     int      `json:"step"`
	Steps    int      `json:"steps"`
	Tokens   int64    `json:"tokens"`
	Seconds  float64  `json:"seconds"`
	Loss     *float64 `json:"loss"`
	ValLoss  *float64 `json:"val_loss"`
	Best     *float64 `json:"best_val_loss"`
	BestStep int      `json:"best_step"`
	Bits     *float64 `json:"bits_per_byte"` // of the last evaluation; nil if the number of bytes is not known
	Speed    *float64 `json:"tokens_per_s"`
	Skipped  int      `json:"skipped"`

	// Damage describes lines of the metrics that are not valid and were left out; nil if there are
	// none.
	Damage *train.Damage `json:"-"`
	// Plot holds the losses.
	Plot *train.Plot `json:"-"`

	told   bool      // something was reported
	losses []float64 // the last lossWindow
	speeds []float64
}

// lossWindow is the number of steps over which Loss and Speed are taken.
const lossWindow = 100

// Summarize reads what a run's directory says about it, whether the run has ended or not.
func Summarize(dir Dir) (*Summary, error) {
	r := &Summary{Dir: dir, Plot: train.NewPlot("")}
	switch recipe, err := ReadRecipe(dir.RecipePath()); {
	case err == nil:
		r.Model, r.Steps = recipe.Model, recipe.Steps
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	default:
		if err := r.tuned(dir.TunedPath()); err != nil {
			return nil, err
		}
	}
	f, err := os.Open(dir.MetricsPath())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	err = train.Replay(f, r)
	damage := new(train.Damage)
	if errors.As(err, &damage) && r.told {
		r.Damage, err = damage, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir.MetricsPath(), err)
	}
	if len(r.losses) > 0 {
		mean := 0.0
		for _, x := range r.losses {
			mean += x / float64(len(r.losses))
		}
		r.Loss = finite(mean)
		slices.Sort(r.speeds)
		r.Speed = finite(r.speeds[len(r.speeds)/2])
	}
	return r, nil
}

// tuned records what a fine-tuned model started from, and its task.
func (r *Summary) tuned(recipe string) error {
	var t TunedRecipe
	switch _, err := t.Settings().Read(recipe, nil); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	r.From, r.Task = t.From, cmp.Or(t.Task, t.Pairs, t.Train, t.Data)
	return nil
}

// finite returns x for JSON, which has no NaN and no infinities; nil stands for these.
func finite(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

func (r *Summary) OnStep(s train.Step) error {
	r.told = true
	r.Step, r.Tokens, r.Seconds = s.Step, s.Tokens, s.Seconds
	if s.Skipped {
		r.Skipped++
	}
	r.losses, r.speeds = append(r.losses, s.Loss), append(r.speeds, s.TokensPerSecond)
	if n := len(r.losses) - lossWindow; n > 0 {
		r.losses, r.speeds = r.losses[n:], r.speeds[n:]
	}
	return r.Plot.OnStep(s)
}

func (r *Summary) OnEvaluation(e train.Evaluation) error {
	r.told = true
	r.ValLoss, r.Bits = finite(e.Loss), nil
	if bits, ok := e.Values[train.BitsPerByte]; ok {
		r.Bits = finite(bits)
	}
	if e.Step > 0 && r.ValLoss != nil && (r.Best == nil || e.Loss < *r.Best) {
		r.Best, r.BestStep = r.ValLoss, e.Step
	}
	r.Plot.AddEvaluation(e)
	return nil
}

// Draw writes a picture that overlays the losses of several runs.
func Draw(path string, runs []*Summary) error {
	var names []string
	var plots []*train.Plot
	for _, r := range runs {
		names, plots = append(names, filepath.Base(string(r.Dir))), append(plots, r.Plot)
	}
	return train.DrawRuns(path, names, plots)
}
