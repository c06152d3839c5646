package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/wholefile"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/tokenizer"
	"github.com/gorgpt/gorgpt/train"
)

// job is one training run and its directory.
type job struct {
	recipe         recipe
	out, resume    string
	stopAfter      int
	stdout, stderr io.Writer

	from      *trained // what the weights begin with, nil where they are drawn
	model     models.Model
	tokenizer tokenizer.Tokenizer
	params    *graph.Params
	weights   int64 // parameters

	validation  datasets.Stream
	dir         string
	saved       int // step of the last checkpoint, -1 if there is none of this process
	claimed     *checkpoint.Claimed
	metrics     *train.Metrics
	events      *train.Events
	progress    *train.Progress
	evaluations evaluations
}

// evaluations remembers the first and the last validation loss.
type evaluations struct{ first, last *train.Evaluation }

func (e *evaluations) OnStep(train.Step) error { return nil }

func (e *evaluations) OnEvaluation(v train.Evaluation) error {
	if e.first == nil {
		e.first = &v
	}
	e.last = &v
	return nil
}

func recipePath(dir string) string     { return filepath.Join(dir, "recipe.toml") }
func finetunePath(dir string) string   { return filepath.Join(dir, "finetune.toml") }
func metricsPath(dir string) string    { return filepath.Join(dir, "metrics.jsonl") }
func samplesPath(dir string) string    { return filepath.Join(dir, "samples.txt") }
func checkpointsDir(dir string) string { return filepath.Join(dir, "checkpoints") }

// openRun makes the run directory, or opens the one to go on with, and connects the
// trainer to it.
func (j *job) openRun(t *train.Trainer) error {
	step, told := 0, -1
	if j.resume != "" {
		j.dir = j.resume
		state, err := j.restore(t)
		if err != nil {
			return fmt.Errorf("--resume: %w", err)
		}
		step, told = state.Step, state.Told()
		if step > j.recipe.Steps {
			return usagef("--steps %d: the run is at step %d already", j.recipe.Steps, step)
		}
		if j.stopAfter > 0 && j.stopAfter <= step {
			return usagef("--stop-after %d: the run is at step %d already", j.stopAfter, step)
		}
		if err := wholefile.Write(recipePath(j.dir), j.recipe.text()); err != nil {
			return fmt.Errorf("--resume: %w", err)
		}
	} else if err := j.makeDir(); err != nil {
		return err
	}
	plot := train.NewPlot(filepath.Join(j.dir, "loss.png"))
	var err error
	if j.metrics, err = train.OpenMetrics(metricsPath(j.dir), told); err != nil {
		return err
	}
	if j.events, err = train.OpenEvents(filepath.Join(j.dir, train.EventsFile), told); err != nil {
		return errors.Join(err, j.metrics.Close())
	}
	j.progress = train.NewProgress(j.stderr, j.recipe.Steps, j.machine())
	if j.resume != "" {
		for _, said := range []string{j.metrics.Mended(), j.events.Mended()} {
			if said != "" {
				fmt.Fprintln(j.stderr, said)
			}
		}
		err := errors.Join(j.refill(), replay(metricsPath(j.dir), undrawn{plot}, &j.evaluations), cutSamples(samplesPath(j.dir), told))
		if err != nil {
			return errors.Join(err, j.closeRun())
		}
	}
	t.Observers = []train.Observer{&watchDir{claimed: j.claimed}, j.metrics, j.events, plot, j.progress, &j.evaluations}
	if every := j.recipe.SampleEvery; every > 0 {
		t.Observers = append(t.Observers, train.Every(every, 0, j.addSample))
	}
	t.Save = j.save
	return nil
}

// undrawn is a plot that is told of evaluations and does not draw each.
type undrawn struct{ *train.Plot }

func (u undrawn) OnEvaluation(e train.Evaluation) error {
	u.AddEvaluation(e)
	return nil
}

// replay reports the metrics of a run so far to the observers.
func replay(path string, observers ...train.Observer) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return train.Replay(f, observers...)
}

// refill puts what the metrics have into TensorBoard's file, where that was damaged.
func (j *job) refill() error {
	f, err := os.Open(metricsPath(j.dir))
	if err != nil {
		return err
	}
	defer f.Close()
	return j.events.Refill(f)
}

// makeDir makes a new run directory with the recipe in it.
func (j *job) makeDir() (err error) {
	if j.dir, j.claimed, err = newRunDir(j.out, cmp.Or(j.recipe.Model, filepath.Base(filepath.Clean(j.recipe.From)))); err != nil {
		return err
	}
	return wholefile.Write(recipePath(j.dir), j.recipe.text())
}

// watchDir is an observer that notices when the run directory is gone.
type watchDir struct {
	claimed *checkpoint.Claimed
	checked float64 // seconds of the run
}

func (w *watchDir) OnStep(s train.Step) error {
	if s.Seconds-w.checked < 2 { // a file system far away takes its time
		return nil
	}
	w.checked = s.Seconds
	return w.claimed.Check()
}

func (w *watchDir) OnEvaluation(train.Evaluation) error { return w.claimed.Check() }

// save writes a checkpoint and points latest, and best where it is, at it. If the run
// directory is gone, the weights are not: a new one gets them, to go on from.
func (j *job) save(s train.State) error {
	gone := j.claimed.Check()
	if gone != nil {
		if err := os.MkdirAll(j.dir, 0o777); err != nil {
			return errors.Join(gone, err)
		}
		if err := wholefile.Write(recipePath(j.dir), j.recipe.text()); err != nil {
			return errors.Join(gone, err)
		}
	}
	if err := j.write(s); err != nil {
		return errors.Join(gone, err)
	}
	if gone != nil {
		return fmt.Errorf("%w during the run; step %d is saved in a new one: gorgpt train --resume %s", gone, s.Step, j.dir)
	}
	return nil
}

// write writes a checkpoint.
func (j *job) write(s train.State) error {
	// First: a log must not be shorter than the checkpoint, whatever happens to the machine.
	if err := errors.Join(j.metrics.Sync(), j.events.Sync()); err != nil {
		return err
	}
	end := -1
	if id, ok := j.tokenizer.EndOfText(); ok {
		end = id
	}
	config, err := j.model.JSON(end)
	if err != nil {
		return err
	}
	var moments []checkpoint.Tensor
	for _, t := range s.Solver.Tensors {
		moments = append(moments, checkpoint.Tensor(t))
	}
	dir, name := checkpointsDir(j.dir), checkpoint.StepName(s.Step)
	err = checkpoint.Save(filepath.Join(dir, name), checkpoint.Contents{
		Config: config, Params: j.params, Zeros: j.model.Absent(),
		Tokenizer: j.tokenizer.Save, Trainer: s, Optimizer: moments,
	})
	if err != nil {
		return err
	}
	if s.Best != nil && s.Best.Step == s.Step {
		if err := checkpoint.Point(dir, checkpoint.Best, name); err != nil {
			return err
		}
	}
	if err := checkpoint.Point(dir, checkpoint.Latest, name); err != nil {
		return err
	}
	j.saved = s.Step
	return prune(dir, j.recipe.Keep)
}

// prune removes the checkpoints but the latest so many and the best.
func prune(dir string, latest int) error {
	keep := make(map[string]bool)
	for _, pointer := range []string{checkpoint.Latest, checkpoint.Best} {
		if d, err := checkpoint.Open(filepath.Join(dir, pointer)); err == nil {
			keep[filepath.Base(d.Path())] = true
		}
	}
	steps, err := checkpoint.Steps(dir)
	if err != nil {
		return err
	}
	for _, name := range steps[:max(0, len(steps)-latest)] {
		if !keep[name] {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// restore loads the latest checkpoint of the run into the weights and the trainer.
func (j *job) restore(t *train.Trainer) (train.State, error) {
	var s train.State
	d, err := checkpoint.Open(filepath.Join(checkpointsDir(j.dir), "latest"))
	if err != nil {
		return s, err
	}
	if err := d.Trainer(&s); err != nil {
		return s, err
	}
	if s.Solver.Tensors, err = moments(d); err != nil && !(s.Solver.Step == 0 && errors.Is(err, fs.ErrNotExist)) {
		return s, err // before the first update there are none
	}
	if err := models.Declare(j.model, j.params); err != nil {
		return s, err
	}
	if err := d.Params(j.params, j.model.Absent()); err != nil {
		return s, err
	}
	if err := t.Restore(s); err != nil || s.Validation == nil {
		return s, err
	}
	if err := j.validation.Restore(s.Validation); err != nil {
		return s, fmt.Errorf("validation text: %w", err)
	}
	return s, nil
}

// moments reads the solver's tensors.
func moments(d *checkpoint.Dir) ([]train.Tensor, error) {
	f, err := d.Optimizer()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []train.Tensor
	for _, info := range f.Tensors() {
		data := make([]float32, info.Size())
		if err := f.Read(info.Name, data); err != nil {
			return nil, err
		}
		all = append(all, train.Tensor{Name: info.Name, Shape: info.Shape, Data: data})
	}
	return all, nil
}

// closeRun closes what openRun opened.
func (j *job) closeRun() error {
	return errors.Join(j.progress.Close(), j.metrics.Close(), j.events.Close())
}

// report prints what came of the run.
func (j *job) report(ctx context.Context) error {
	if e := j.evaluations; e.first != nil {
		fmt.Fprintf(j.stdout, "validation loss %.4f at step %d", e.first.Loss, e.first.Step)
		if e.last.Step > e.first.Step {
			fmt.Fprintf(j.stdout, ", %.4f at step %d", e.last.Loss, e.last.Step)
		}
		fmt.Fprintln(j.stdout)
	}
	sample, err := j.sample(ctx)
	if err == nil {
		if j.stopAfter == 0 || j.stopAfter >= j.recipe.Steps { // else the run is to go on, and sample then
			err = j.writeSample(j.recipe.Steps, sample)
		}
		fmt.Fprintf(j.stdout, "\n%s\n\n", sample)
	}
	fmt.Fprintln(j.stdout, j.dir) // the training is done, whatever became of the sample
	return err
}

// addSample samples in the middle of a run.
func (j *job) addSample(step int) error {
	sample, err := j.sample(context.Background())
	if err != nil {
		return err
	}
	return j.writeSample(step, sample)
}

// writeSample adds a sample to samples.txt.
func (j *job) writeSample(step int, sample string) error {
	f, err := os.OpenFile(samplesPath(j.dir), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, sampleHead+"\n%s\n", step, sample)
	return errors.Join(err, f.Close())
}

// sampleHead is the line above a sample.
const sampleHead = "--- step %d"

// cutSamples takes out the samples after a step, which a run that goes on from there
// writes again.
func cutSamples(path string, step int) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	kept := 0
	for line := range bytes.Lines(text) {
		var n int
		if k, _ := fmt.Sscanf(string(line), sampleHead, &n); k == 1 && n > step {
			return os.Truncate(path, int64(kept))
		}
		kept += len(line)
	}
	return nil
}

// machine is what the live view measures the run against. Without a terminal nobody
// sees it, and the machine's rate is not measured.
func (j *job) machine() train.Machine {
	if !train.IsTerminal(j.stderr) {
		return train.Machine{}
	}
	return train.Machine{
		FLOPs:  6 * float64(j.weights),
		Rate:   1e9 * sgemmRate(j.recipe.Batch*j.recipe.Context, j.model.Dims().Width),
		Memory: residentBytes,
	}
}

// sample writes a little with the trained model.
func (j *job) sample(ctx context.Context) (string, error) {
	g := generate.New(j.model, j.params, j.model.Dims().Context)
	g.Vocab, g.Vacant = j.tokenizer.Size(), tokenizer.Vacant(j.tokenizer)
	defer g.Close()
	prompt, err := emptyPrompt(j.tokenizer)
	if err != nil {
		return "", err
	}
	o := generate.Options{Temperature: 0.8, TopK: 200, Seed: j.recipe.Seed}
	if id, ok := j.tokenizer.EndOfText(); ok {
		o.Stop = []int{id}
	}
	ids, err := g.Generate(ctx, prompt, 300, o)
	if err != nil {
		return "", err
	}
	if n := len(ids); n > 0 && slices.Contains(o.Stop, ids[n-1]) {
		ids = ids[:n-1]
	}
	text, err := j.tokenizer.AppendText(nil, ids)
	return strings.ToValidUTF8(string(text), "\ufffd"), err
}

// emptyPrompt is what a text without a beginning goes on from: its beginning where the
// tokenizer's files name one, the end of the text before it, or a new line, or the first token
// there is.
func emptyPrompt(tok tokenizer.Tokenizer) ([]int, error) {
	if id, ok := tokenizer.Beginning(tok); ok {
		return []int{id}, nil
	}
	if ids, err := tok.Append(nil, []byte("\n")); err == nil && len(ids) > 0 { // GPT-1's has no white space
		return ids, nil
	}
	return []int{0}, nil
}
