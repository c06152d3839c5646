package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/internal/wholefile"
	"github.com/gorgpt/gorgpt/train"
)

// Job is what all runs have in common: a directory, and a trainer that writes its progress, metrics
// and checkpoints there. Before [Job.Train] the trainer may be given hooks and further observers.
type Job struct {
	Dir         Dir
	Trainer     *train.Trainer
	Progress    *train.Progress
	First, Last *train.Evaluation     // of the whole run so far
	Epochs      []finetune.Evaluation // for a task: the evaluation after each epoch

	peers    train.Peers
	within   Within // nil if this process holds the whole model
	log      io.Writer
	command  string                              // the command that resumes it
	recipe   string                              // name of the recipe file
	text     []byte                              // its contents
	keep     int                                 // number of latest checkpoints to keep
	contents func() (checkpoint.Contents, error) // of a checkpoint, except for the trainer's state
	weights  func(d *checkpoint.Dir) error       // reads them back
	unsent   error                               // why the last checkpoint could not be sent to its URL
	saved    int                                 // step of the last checkpoint written by this process, -1 if there is none
	claimed  *checkpoint.Claimed
	metrics  *train.Metrics
	events   *train.Events
}

func newJob(log io.Writer, command, recipe string, peers train.Peers, within Within) Job {
	j := Job{log: cmp.Or[io.Writer](log, io.Discard), command: command, recipe: recipe, saved: -1, keep: 1}
	if size(peers) > 1 {
		j.peers = peers
	}
	if within != nil && within.Size() > 1 {
		j.within = within
	}
	if !j.first() {
		j.log = io.Discard
	}
	j.Progress = train.NewProgress(io.Discard, 0, train.Machine{}) // until there is something to report
	return j
}

// say logs the given lines, except empty ones.
func (j *Job) say(lines ...string) {
	for _, line := range lines {
		if line != "" {
			fmt.Fprintln(j.log, line)
		}
	}
}

// begin makes the run's directory, which is dir or is named in runs by name and the time, and
// writes the recipe to it.
func (j *Job) begin(dir, name string, recipe []byte) error {
	if err := j.together(); err != nil || !j.first() {
		return err
	}
	made, claimed, err := newDir(dir, name)
	if err != nil {
		return err
	}
	j.Dir, j.claimed = Dir(made), claimed
	return j.writeRecipe(recipe)
}

func (j *Job) writeRecipe(recipe []byte) error {
	j.text = recipe
	return wholefile.Write(filepath.Join(string(j.Dir), j.recipe), recipe)
}

// claim claims the directory of a run to be resumed, and repairs it if it was copied.
func (j *Job) claim() (err error) {
	if j.first() {
		err = j.claimAlone()
	}
	if err == nil {
		err = j.together()
	}
	return err
}

func (j *Job) claimAlone() (err error) {
	if j.claimed, err = checkpoint.Claim(string(j.Dir)); err != nil {
		return err
	}
	repaired, err := checkpoint.Repair(j.Dir.Checkpoints())
	j.say(repaired...)
	return err
}

// refused wraps the error of a run that cannot be resumed.
func refused(err error) error {
	if usage.Is(err) {
		return err
	}
	return fmt.Errorf("--resume: %w", err)
}

// observe connects the trainer to the run's files, which contain everything up to step told; -1
// starts new ones. Progress is not yet an observer.
func (j *Job) observe(told int, m train.Machine) error {
	plot, heat := train.NewPlot(filepath.Join(string(j.Dir), "loss.png")), train.NewHeat(string(j.Dir))
	var err error
	if j.metrics, err = train.OpenMetrics(j.Dir.MetricsPath(), told); err != nil {
		return err
	}
	if j.events, err = train.OpenEvents(filepath.Join(string(j.Dir), train.EventsFile), told); err != nil {
		return err
	}
	j.Progress = train.NewProgress(j.log, j.Trainer.Steps, m)
	if told >= 0 {
		j.say(j.metrics.Mended(), j.events.Mended())
		err := errors.Join(j.replay(j.events.Refill), j.replay(func(metrics io.Reader) error {
			return train.Replay(metrics, undrawn{plot}, onlySteps{heat}, (*ends)(j))
		}), cutSamples(j.Dir.SamplesPath(), told))
		if err != nil {
			return err
		}
	}
	j.Trainer.Observers = []train.Observer{&watchDir{claimed: j.claimed}, j.metrics, j.events, plot, heat, (*ends)(j)}
	if j.Trainer.Save == nil {
		j.Trainer.Save = j.save
	}
	return nil
}

// replay reads the metrics of the run so far.
func (j *Job) replay(read func(metrics io.Reader) error) error {
	f, err := os.Open(j.Dir.MetricsPath())
	if err != nil {
		return err
	}
	defer f.Close()
	return read(f)
}

// Train trains up to the planned steps. On an interrupt by ctx, and on most failures, it first
// saves the run, so that it can be resumed.
//
// Edits in Trainer.Graph are refused: the model trained would not be the one that the checkpoints
// describe.
func (j *Job) Train(ctx context.Context) error {
	if edits := graph.Edits(j.Trainer.Graph...); len(edits) > 0 {
		return fmt.Errorf("run: Trainer.Graph edits the model, by %s, which its checkpoints would not record; see Options.Edits", edits[0])
	}
	return j.Trainer.Run(ctx)
}

// Saved returns the step that the run is at, and whether the last checkpoint that this process has written is of
// that step.
func (j *Job) Saved() (step int, saved bool) {
	s, err := j.Trainer.State()
	return s.Step, err == nil && s.Step == j.saved
}

// Close closes the run's files and releases its directory.
func (j *Job) Close() error {
	var errs []error
	if j.metrics != nil {
		errs = append(errs, j.metrics.Close())
	}
	if j.events != nil {
		errs = append(errs, j.events.Close())
	}
	if j.claimed != nil {
		if j.saved >= 0 && j.Dir.Remote() != "" { // the logs have grown, or something could not be sent
			j.sendOn()
			errs = append(errs, j.unsent)
		}
		j.claimed.Release()
	}
	return errors.Join(errs...)
}

// ends is an observer that records a run's first and last evaluation.
type ends Job

func (e *ends) OnStep(train.Step) error { return nil }

func (e *ends) OnEvaluation(v train.Evaluation) error {
	if e.First == nil {
		e.First = &v
	}
	e.Last = &v
	return nil
}

// undrawn is a plot that records evaluations without drawing after each.
type undrawn struct{ *train.Plot }

func (u undrawn) OnEvaluation(e train.Evaluation) error {
	u.AddEvaluation(e)
	return nil
}

// onlySteps is an observer that is told only of steps.
type onlySteps struct{ train.Observer }

func (onlySteps) OnEvaluation(train.Evaluation) error { return nil }
