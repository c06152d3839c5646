package run

import (
	"path"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/datasets/corpus"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/train"
)

// MakeModel is the model that the recipe asks for, with a vocabulary of that size.
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
	m = models.WithDropout(models.WithDims(m, d), r.Dropout)
	return m, usage.Of(models.Validate(m))
}

// spec is the text.
func (r Recipe) spec() corpus.Spec {
	return corpus.Spec{Data: r.Data, Mix: r.Mix, ValData: r.ValData, Validation: r.Validation, Field: r.Field, BadRecords: r.BadRecords}
}

// shape is that of the batches.
func (r Recipe) shape() datasets.Config {
	return datasets.Config{
		Batch: r.Batch, Context: r.Context, Seed: r.Seed, Buffer: r.Buffer,
		Anywhere: r.Windows == "anywhere", Packed: r.Windows == "packed",
	}
}

// MakeSchedule is the schedule that the recipe names. The climb is no more than a tenth of a
// short run.
func (r Recipe) MakeSchedule() (train.Schedule, error) {
	s, err := train.ParseSchedule(r.Schedule, r.LearnRate, r.LearnRate*r.Floor, min(r.Warmup, r.Steps/10), r.Steps)
	return s, usage.Of(err)
}

// MakeSolver is the optimiser that the recipe names, with its settings.
func (r Recipe) MakeSolver() (gorgonia.Solver, error) {
	var groups []train.Group
	for _, pattern := range r.NoDecay {
		groups = append(groups, train.Group{Pattern: pattern, Decay: new(0.0)})
	}
	if r.DecayAll {
		groups = append(groups, train.Group{Pattern: "*", Decay: &r.Decay})
	}
	if err := train.CheckGroups(groups); err != nil {
		return nil, usage.Of(err)
	}
	var rule train.Rule = train.AdamW{Beta1: r.Beta1, Beta2: r.Beta2, Epsilon: r.Epsilon}
	if r.Solver == "lion" {
		rule = train.Lion{Beta1: r.Beta1, Beta2: r.Beta2}
	}
	return &train.Optimizer{Rule: rule, Decay: r.Decay, Clip: r.Clip, Groups: groups}, nil
}

// checkNoDecay refuses a pattern that is of no parameter, as a misspelt one.
func (r Recipe) checkNoDecay(nodes []graph.Node) error {
	for _, pattern := range r.NoDecay {
		if !slices.ContainsFunc(nodes, func(n graph.Node) bool {
			ok, _ := path.Match(pattern, n.Path)
			return n.Op == "param" && ok
		}) {
			return usage.Errorf("--no-decay %s: no parameter has such a name; see gorgpt graph", pattern)
		}
	}
	return nil
}

// declare compiles the training graph of a model, for a look at it: nothing is allocated until
// it runs.
func declare(m models.Model, batch, context int) (*graph.Program, error) {
	s := graph.New(graph.NewParams(0), graph.Training())
	return s.CompileGrad(models.Loss(m, s, s.Ints("tokens", batch, context), s.Ints("targets", batch, context)))
}
