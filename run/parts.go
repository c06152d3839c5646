package run

import (
	"fmt"
	"path"
	"strings"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/datasets/corpus"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/train"
)

// MakeModel returns the model that the recipe asks for, with a vocabulary of the given size.
func (r Recipe) MakeModel(vocab int) (models.Model, error) {
	m, err := models.Find(r.Model)
	if err != nil {
		return nil, usage.Of(err)
	}
	d := models.DimsOf(m)
	d.Vocab, d.Context = vocab, r.Context
	for _, o := range []struct{ given, into *int }{{&r.Layers, &d.Layers}, {&r.Heads, &d.Heads}, {&r.Width, &d.Width}} {
		if *o.given != 0 {
			*o.into = *o.given
		}
	}
	return r.adjust(models.WithDims(m, d))
}

// adjust returns a model with the recipe's dropout, and with what --set changes.
func (r Recipe) adjust(m models.Model) (models.Model, error) {
	m = models.WithDropout(m, r.Dropout)
	set, err := models.Set(m, r.Set...)
	switch {
	case err != nil:
		return nil, usage.Errorf("--set: %w", err)
	case models.DimsOf(set) != models.DimsOf(m):
		return nil, usage.Errorf("--set %s: set sizes with --layers, --heads, --width and --context, and the vocabulary is the tokenizer's", strings.Join(r.Set, " --set "))
	}
	return set, usage.Of(models.Validate(set))
}

// spec specifies the text.
func (r Recipe) spec() corpus.Spec {
	return corpus.Spec{Data: r.Data, Mix: r.Mix, ValData: r.ValData, Validation: r.Validation, Field: r.Field, BadRecords: r.BadRecords}
}

// shape specifies the batches.
func (r Recipe) shape() datasets.Config {
	return datasets.Config{
		Batch: r.Batch, Context: r.Context, Seed: r.Seed, Buffer: r.Buffer,
		Anywhere: r.Windows == "anywhere", Packed: r.Windows == "packed",
	}
}

// MakeSchedule returns the schedule that the recipe names, in updates. The warmup of a short run is
// at most a tenth of it.
func (r Recipe) MakeSchedule() (train.Schedule, error) {
	s, err := train.ParseSchedule(r.Schedule, r.LearnRate, r.LearnRate*r.Floor, r.climb(), r.Steps)
	return s, usage.Of(err)
}

// climb is the number of warmup updates.
func (r Recipe) climb() int { return min(r.Warmup, r.Steps/10) }

// hidden returns the pattern of the parameters in a model's blocks, if the recipe's solver is for
// those.
func (r Recipe) hidden(m models.Model) (string, error) {
	named, err := train.FindRule(r.Solver)
	if err != nil || !named.Hidden {
		return "", usage.Of(err)
	}
	blocks, err := models.Blocks(m)
	if err != nil {
		err = fmt.Errorf("--solver %s: %w; --solver adamw needs none", r.Solver, err)
	}
	return blocks + ".*", err
}

// MakeSolver returns the optimizer that the recipe names for a model, with its settings.
func (r Recipe) MakeSolver(m models.Model) (*train.Optimizer, error) {
	named, err := train.FindRule(r.Solver)
	if err != nil {
		return nil, usage.Of(err)
	}
	hidden, err := r.hidden(m)
	if err != nil {
		return nil, err
	}
	s := train.RuleSettings{Beta1: r.Beta1, Beta2: r.Beta2, Epsilon: r.Epsilon}
	rule, rest := named.Make(s), train.Rule(train.AdamW(s))
	if r.EMA > 0 {
		rule, rest = train.EMA{Rule: rule, Decay: r.EMA}, train.EMA{Rule: rest, Decay: r.EMA}
	}
	var groups []train.Group
	if named.Hidden {
		groups = append(groups, train.Group{Pattern: hidden, Matrices: true, Rule: rule})
		rule = rest
	}
	for _, pattern := range r.NoDecay {
		groups = append(groups, train.Group{Pattern: pattern, Decay: new(0.0)})
	}
	if r.DecayAll {
		groups = append(groups, train.Group{Pattern: "*", Decay: &r.Decay})
	}
	return &train.Optimizer{Rule: rule, Decay: r.Decay, Clip: r.Clip, Groups: groups}, usage.Of(train.CheckGroups(groups))
}

// checkNoDecay refuses a pattern that matches no parameter, such as a misspelled one, and one that
// matches a block's matrix if these have a rule of their own: the pattern's group would take the
// matrix away from that rule.
func (r Recipe) checkNoDecay(nodes []graph.Node, hidden string) error {
	for _, pattern := range r.NoDecay {
		found := false
		for _, n := range nodes {
			if ok, _ := path.Match(pattern, n.Path); n.Op != "param" || !ok {
				continue
			}
			found = true
			if inside, _ := path.Match(hidden, n.Path); inside && n.Rank >= 2 {
				return usage.Errorf("--no-decay %s: %s is a matrix of a block, which --solver %s decays as it does all of them", pattern, n.Path, r.Solver)
			}
		}
		if !found {
			return usage.Errorf("--no-decay %s: no parameter matches; see gorgpt graph", pattern)
		}
	}
	return nil
}

// declare compiles the training graph of a model for inspection: nothing is allocated until it
// runs.
func declare(m models.Model, params *graph.Params, batch, context int, options ...graph.Option) (*graph.Program, error) {
	s := graph.New(params, append(options, graph.Training())...)
	return s.CompileGrad(models.Loss(m, s, s.Ints("tokens", batch, context), s.Ints("targets", batch, context)))
}
