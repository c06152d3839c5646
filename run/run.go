package run

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/gorgpt/gorgpt/bench"
	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/datasets/corpus"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/memory"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/tokenizer"
	"github.com/gorgpt/gorgpt/train"
)

// Run is a training run.
type Run struct {
	Job
	Recipe    Recipe
	Text      *corpus.Corpus
	Tokenizer tokenizer.Tokenizer
	Model     models.Model
	Params    *graph.Params

	edits                []graph.Option
	flops                float64 // per token, in training
	training, validation datasets.Stream
}

// Options are what a recipe does not specify.
type Options struct {
	Log io.Writer // gets the run's description and progress; nil for none
	// Given reports whether the user gave a setting of the recipe: one that has no effect on the text is then refused by
	// Create. If nil, none is.
	Given     func(name string) bool
	StopAfter int // end at this step, before the planned ones are done; 0 means not to
	// Edits change the model. A resumed run needs those that it was created with.
	Edits []graph.Option
	// Peers are the processes that train together; nil means this process alone. All of them create
	// or resume the run; only rank 0 writes, logs and has files.
	Peers train.Peers
	// ShardOptimizer says whether each peer keeps only a part of the optimizer's moments. If nil,
	// it does unless the optimizer keeps averages of the weights, which all peers need.
	ShardOptimizer *bool
	// Overlap makes peers add up gradients while they compute others.
	Overlap bool
	// Within are the processes that hold this one's model together, each a part of it
	// ([graph.Params.Split]); nil means that this process has all of it. Peers are then those with
	// the same part. The process that is first in both writes, logs and has files.
	Within Within
}

// Create makes a new run in an empty or new directory; "" makes one in runs, named by the model and
// the time. It finds what is wrong with the recipe, the text, the model or the machine's memory
// before it makes a directory.
func Create(recipe Recipe, dir string, o Options) (*Run, error) {
	r, err := newRun(recipe, o)
	if err == nil {
		err = r.create(dir, o)
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Run) create(dir string, o Options) error {
	if err := SettlePrecision(&r.Recipe.Precision); err != nil {
		return err
	}
	if r.first() {
		if err := vacant(dir); err != nil { // before time is spent on training a tokenizer
			return err
		}
	}
	from, err := r.open()
	if err != nil {
		return err
	}
	changed, err := r.Recipe.ShareOut(size(r.peers))
	if err != nil {
		return err
	}
	r.say(changed)
	if err := r.Recipe.complete(); err != nil {
		return err
	}
	if r.Text, err = corpus.Open(r.Recipe.spec()); err != nil {
		return err
	}
	if o.Given != nil {
		if err := CheckText(r.Text, o.Given); err != nil {
			return err
		}
	}
	if err := r.makeModel(from); err != nil {
		return err
	}
	if err := r.prepare(o); err != nil {
		return err
	}
	if err := r.begin(dir, cmp.Or(r.Recipe.Model, filepath.Base(filepath.Clean(r.Recipe.From))), r.Recipe.Text()); err != nil {
		return err
	}
	return r.observeAll(-1)
}

// Resume continues a run from its latest checkpoint, as if it had never stopped. The recipe is that
// of the run, see [Dir.Recipe], in which only the number of steps and settings that do not affect
// the weights may be changed.
func Resume(dir Dir, recipe Recipe, o Options) (*Run, error) {
	r, err := newRun(recipe, o)
	r.Dir = dir
	if err == nil {
		err = r.resume(o)
	}
	if err != nil {
		return nil, errors.Join(refused(err), r.Close())
	}
	return r, nil
}

func (r *Run) resume(o Options) error {
	if err := SettlePrecision(&r.Recipe.Precision); err != nil {
		return err
	}
	dir, recipe := r.Dir, r.Recipe
	was, err := dir.Recipe()
	if err != nil {
		return dir.NoRun(err)
	}
	if began, now := unlike(was.settled(), recipe.settled()); began != now {
		return usage.Errorf("--resume continues the run as it began, with %s, not %s; only %s can change", began, now, changeable)
	}
	if err := r.Recipe.checkShares(size(r.peers)); err != nil {
		return err
	}
	if err := r.Recipe.complete(); err != nil {
		return err
	}
	recipe = r.Recipe
	if err := r.claim(); err != nil {
		return err
	}
	if r.Text, err = corpus.Open(recipe.spec()); err != nil {
		return err
	}
	if err := r.reopenModel(); err != nil {
		return err
	}
	if err := r.prepare(o); err != nil {
		return err
	}
	state, err := r.restore()
	if err != nil {
		return err
	}
	if state.Validation != nil {
		if err := r.validation.Restore(state.Validation); err != nil {
			return fmt.Errorf("validation text: %w", err)
		}
	}
	if err := r.checkStep(state.Step); err != nil {
		return err
	}
	if err := r.sayReplanned(was, state.Step); err != nil {
		return err
	}
	r.sayDone(state.Step)
	if err := r.together(); err != nil { // all have read the old recipe
		return err
	}
	if r.first() {
		if err := r.writeRecipe(recipe.Text()); err != nil {
			return err
		}
	}
	return r.observeAll(state.Told())
}

func newRun(recipe Recipe, o Options) (*Run, error) {
	r := &Run{Job: newJob(o.Log, "train", recipeName, o.Peers, o.Within), Recipe: recipe, Params: graph.NewParams(recipe.Seed), edits: o.Edits}
	r.keep, r.contents, r.weights = recipe.Keep, r.checkpoint, r.readWeights
	return r, r.Params.Split(r.within)
}

// checkpoint returns what is saved.
func (r *Run) checkpoint() (c checkpoint.Contents, err error) {
	begin, end := around(r.Tokenizer)
	c = checkpoint.Contents{Params: r.Params, Tokenizer: r.Tokenizer.Save}
	c.Config, err = models.JSONFor(r.Model, begin, end)
	return c, err
}

// around returns the tokens that begin and end a text, -1 if there is none.
func around(t tokenizer.Tokenizer) (begin, end int) {
	begin, end = -1, -1
	if id, ok := tokenizer.Beginning(t); ok {
		begin = id
	}
	if id, ok := t.EndOfText(); ok {
		end = id
	}
	return begin, end
}

// readWeights reads what checkpoint saved.
func (r *Run) readWeights(d *checkpoint.Dir) error {
	if err := models.Declare(r.Model, r.Params); err != nil {
		return err
	}
	return d.Params(r.Params)
}

// checkStep returns an error if nothing is left to be done from a step on.
func (r *Run) checkStep(step int) error {
	if step > r.Recipe.Steps {
		if r.Recipe.Tokens != "" {
			return usage.Errorf("--tokens %s: that is reached after %s, but the run is already at step %d", r.Recipe.Tokens, plural.Of(r.Recipe.Steps, "step"), step)
		}
		return usage.Errorf("--steps %d: the run is at step %d already", r.Recipe.Steps, step)
	}
	if stop := r.Trainer.StopAfter; stop > 0 && stop <= step {
		return usage.Errorf("--stop-after %d: the run is at step %d already", stop, step)
	}
	return nil
}

// prepare makes the trainer, and declares the model to find what is wrong with it before anything
// is written.
func (r *Run) prepare(o Options) (err error) {
	if r.Trainer, err = r.makeTrainer(o); err != nil {
		return err
	}
	params := graph.NewParams(0)
	if err := params.Split(r.within); err != nil {
		return err
	}
	program, err := declare(r.Model, params, r.Recipe.Batch, r.Recipe.Context, r.Trainer.Graph...)
	if err != nil {
		return err
	}
	defer program.Close()
	hidden, err := r.Recipe.hidden(r.Model)
	if err != nil {
		return err
	}
	if err := r.Recipe.checkNoDecay(program.Nodes(), hidden); err != nil {
		return err
	}
	ranks := 1
	if r.Trainer.ShardSolver {
		ranks = size(r.peers)
	}
	kept, err := r.Trainer.Solver.(*train.Optimizer).KeptOfShards(params, ranks)
	if err != nil {
		return err
	}
	taken := memory.OfTraining(program, kept)
	if r.Trainer.Tree {
		_, own := train.Share(r.Recipe.Accumulate, 0, size(r.peers))
		taken = taken.WithTree(own)
	}
	if err := taken.Check(); err != nil {
		return err
	}
	if n := r.Recipe.Accumulate; n > 1 { // the tokens of an update are all read first
		if err := memory.Check(fmt.Sprintf("--accumulate %d", n), 16*float64(r.Recipe.Batch)*float64(r.Recipe.Context)*float64(n)); err != nil {
			return err
		}
	}
	r.flops = models.FLOPs(program) / float64(r.Recipe.Batch*r.Recipe.Context)
	r.say(models.Describe(cmp.Or(r.Recipe.Model, r.Recipe.From), r.Model, wholeCount(params)), r.shareText(params), r.Text.String())
	if p, err := graph.ParsePrecision(r.Recipe.Precision); err == nil && p != graph.Float32 {
		r.say(fmt.Sprintf("products in %v, on %s", p, p.ISA()))
	}
	return nil
}

// shards reports whether each rank keeps only a part of the solver's state.
func (o Options) shards(solver *train.Optimizer) bool {
	if o.ShardOptimizer != nil {
		return *o.ShardOptimizer
	}
	return solver.Shardable() == nil
}

// makeTrainer assembles the trainer.
func (r *Run) makeTrainer(o Options) (*train.Trainer, error) {
	recipe := r.Recipe
	schedule, err := recipe.MakeSchedule()
	if err != nil {
		return nil, err
	}
	byTokens, err := recipe.MakeTokenSchedule()
	if err != nil {
		return nil, err
	}
	if byTokens != nil {
		schedule = nil
	}
	task, err := recipe.task()
	if err != nil {
		return nil, err
	}
	solver, err := recipe.MakeSolver(r.Model)
	if err != nil {
		return nil, err
	}
	options, err := models.Recompute(r.Model, recipe.Recompute)
	if err != nil {
		return nil, err
	}
	computing, err := Computing(recipe.Precision)
	if err != nil {
		return nil, err
	}
	training, validation, err := r.Text.Streams(r.Tokenizer, recipe.shape())
	if err != nil {
		return nil, err
	}
	r.validation = validation
	task.Model, task.Train, task.Sizes = models.Graphs(r.Model), training, tokenizer.Sizes(r.Tokenizer)
	if task.ValidationStart, err = validation.State(); err == nil {
		task.Validation, err = train.Restart(validation)
	}
	r.training = training
	if err != nil {
		return nil, err
	}
	plateau, err := recipe.plateau()
	return &train.Trainer{
		Task: task, Params: r.Params,
		Solver: solver, Schedule: schedule, TokenSchedule: byTokens, Guard: train.Guard{Deviations: recipe.SkipOutliers},
		Steps: recipe.Steps, EvalEvery: recipe.EvalEvery, SaveEvery: recipe.SaveEvery, SaveAt: plateau,
		Graph: append(options, computing...), StopAfter: o.StopAfter, Seed: recipe.Seed, Settings: recipe.fixed(),
		Peers: r.peers, Tree: recipe.Sum == tree, ShardSolver: o.shards(solver), Overlap: o.Overlap,
	}, err
}

// observeAll is observe with progress, and with samples if the recipe asks for them.
func (r *Run) observeAll(told int) error {
	if !r.first() {
		r.follow()
		return nil
	}
	if err := r.observe(told, r.machine()); err != nil {
		return err
	}
	all, err := tokens(r.Recipe.Tokens, 0)
	if err != nil {
		return err
	}
	r.Progress.OfTokens(all)
	r.Trainer.Observers = append(r.Trainer.Observers, r.Progress)
	if every := r.Recipe.SampleEvery; every > 0 {
		r.Trainer.Observers = append(r.Trainer.Observers, train.Every(every, 0, r.addSample))
	}
	return nil
}

// Close closes the run's files and releases its directory.
func (r *Run) Close() error {
	if r.training == nil {
		return r.Job.Close()
	}
	return errors.Join(r.training.Close(), r.Job.Close())
}

// machine returns what the live view rates the run's speed by. Without a terminal there is no live
// view, and the machine's speed is not measured.
func (r *Run) machine() train.Machine {
	if !train.IsTerminal(r.log) {
		return train.Machine{}
	}
	return train.Machine{
		FLOPs:  r.flops,
		Rate:   1e9 * bench.GemmRate(r.Recipe.Batch*r.Recipe.Context, models.DimsOf(r.Model).Width),
		Memory: memory.Resident,
	}
}
