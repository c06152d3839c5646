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

// Job is what every run has: a directory, and a trainer whose progress, metrics and checkpoints go
// there. Before [Job.Train] the trainer may be changed: by hooks and further observers.
type Job struct {
	Dir         Dir
	Trainer     *train.Trainer
	Progress    *train.Progress
	First, Last *train.Evaluation     // of the whole run so far
	Epochs      []finetune.Evaluation // of a task: how each epoch ended

	peers    train.Peers
	within   Within // nil, if the model is this process's alone
	log      io.Writer
	command  string                              // that goes on with it
	recipe   string                              // name of the file
	text     []byte                              // what is in it
	keep     int                                 // latest checkpoints
	contents func() (checkpoint.Contents, error) // of a checkpoint, but for the trainer's state
	weights  func(d *checkpoint.Dir) error       // reads them back
	unsent   error                               // why the last checkpoint is not at its URL
	saved    int                                 // step of the last checkpoint, -1 if there is none of this process
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
	j.Progress = train.NewProgress(io.Discard, 0, train.Machine{}) // until there is something to tell
	return j
}

// say tells of something, a line each; nothing where there is nothing to say.
func (j *Job) say(lines ...string) {
	for _, line := range lines {
		if line != "" {
			fmt.Fprintln(j.log, line)
		}
	}
}

// begin makes the directory, dir or one in runs with a name and the time, with the recipe in it.
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

// claim takes the directory of a run to go on with, and mends it if it was copied.
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

// refused words the error of a run that does not go on.
func refused(err error) error {
	if usage.Is(err) {
		return err
	}
	return fmt.Errorf("--resume: %w", err)
}

// observe connects the trainer to the files of the run, which know what happened up to a step; -1
// begins. Progress is not told yet.
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

// Train trains up to the planned steps. An interrupt by ctx, and most failures, save the run
// first, to go on from.
//
// Edits among Trainer.Graph are refused: they would train another model than the checkpoints tell of.
func (j *Job) Train(ctx context.Context) error {
	if edits := graph.Edits(j.Trainer.Graph...); len(edits) > 0 {
		return fmt.Errorf("run: Trainer.Graph edits the model, by %s, which its checkpoints would not tell; see Options.Edits", edits[0])
	}
	return j.Trainer.Run(ctx)
}

// Saved tells at which step the run is, and whether the latest checkpoint is of that.
func (j *Job) Saved() (step int, saved bool) {
	s, err := j.Trainer.State()
	return s.Step, err == nil && s.Step == j.saved
}

// Close ends the run's files and gives its directory back.
func (j *Job) Close() error {
	var errs []error
	if j.metrics != nil {
		errs = append(errs, j.metrics.Close())
	}
	if j.events != nil {
		errs = append(errs, j.events.Close())
	}
	if j.claimed != nil {
		if j.saved >= 0 && j.Dir.Remote() != "" { // the logs are longer now, or something was not sent
			j.sendOn()
			errs = append(errs, j.unsent)
		}
		j.claimed.Release()
	}
	return errors.Join(errs...)
}

// ends is a run as an observer that remembers the first and the last validation loss.
type ends Job

func (e *ends) OnStep(train.Step) error { return nil }

func (e *ends) OnEvaluation(v train.Evaluation) error {
	if e.First == nil {
		e.First = &v
	}
	e.Last = &v
	return nil
}

// undrawn is a plot that is told of evaluations and does not draw each.
type undrawn struct{ *train.Plot }

func (u undrawn) OnEvaluation(e train.Evaluation) error {
	u.AddEvaluation(e)
	return nil
}

// onlySteps is an observer that is told of steps alone.
type onlySteps struct{ train.Observer }

func (onlySteps) OnEvaluation(train.Evaluation) error { return nil }
