package models

import (
	"fmt"
	"slices"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
)

// Begin declares the parameters of m in params and gives them the values of the parameters of the same names
// in from, so that training can start there. A table of positions may have fewer rows than the one in from,
// and then gets its first rows; any other difference in shape is an error.
//
// Parameters that the edits of m add keep their random initial values if from has none of the same name, and
// those that the edits reshape do so if from has them in the shape that they have without the edits.
// Parameters that only from has are left out. Adapters can thus be added to a model and removed again, and a
// model may have fewer layers. There are two exceptions: if from has an untied head and m a tied one, Begin
// returns an error, since m would compute its scores differently; and if only m has an untied head, that
// begins as the token embedding, which the head of from shared.
//
// If an edit replaces a layer by experts, each expert begins as that layer, if the shapes match
// ([layers.Experts]), and the router is initialized at random: the model is upcycled (Komatsuzaki et al.
// 2022, "Sparse Upcycling").
func Begin(m Model, params, from *graph.Params) error {
	if err := Declare(m, params); err != nil {
		return err
	}
	before := graph.NewParams(0)
	plain, _ := unedited(m)
	if err := Declare(plain, before); err != nil {
		return err
	}
	d := DimsOf(m)
	d.Context++
	longer := graph.NewParams(0) // in which the tables of positions have other shapes
	if err := Declare(WithDims(m, d), longer); err != nil {
		return err
	}
	if from.Get(HeadName) != nil && params.Get(HeadName) == nil {
		return fmt.Errorf("%s: the initial weights have a separate head, but the model's head shares the token embedding (tie_word_embeddings)", HeadName)
	}
	for _, p := range params.All() {
		old, unedited := from.Get(p.Name()), before.Get(p.Name())
		if old == nil && p.Name() == HeadName && unedited != nil {
			old = from.Get(shared(m))
		}
		if old == nil && unedited == nil || old != nil && unedited != nil && slices.Equal(unedited.Shape(), old.Shape()) && !slices.Equal(p.Whole(), old.Shape()) {
			if err := upcycle(p, from); err != nil {
				return err
			}
			continue // it belongs to an edit
		}
		if old == nil {
			return fmt.Errorf("%s: no weight of this name to start from", p.Name())
		}
		shape, had := p.Whole(), old.Shape()
		positions := longer.Get(p.Name()) != nil && !slices.Equal(longer.Get(p.Name()).Shape(), shape)
		shorter := positions && len(shape) == 2 && len(had) == 2 && shape[0] < had[0] && shape[1] == had[1]
		if !slices.Equal(shape, had) && !shorter {
			return fmt.Errorf("%s: %v, but the weight to start from is %v", p.Name(), shape, had)
		}
		if err := p.Take(p.Data(), old.Data()[:shape.TotalSize()]); err != nil {
			return err
		}
	}
	return nil
}

// upcycle gives each expert the weights of the layer that the experts replace, if from has it.
func upcycle(p *graph.Param, from *graph.Params) error {
	dense := from.Get(layers.WithoutExperts(p.Name()))
	if p.Groups() == 0 || dense == nil || !slices.Equal(dense.Shape(), p.Whole()[1:]) {
		return nil
	}
	return p.Take(p.Data(), slices.Repeat(dense.Data(), p.Groups()))
}

// shared returns the name of the token embedding of a model, which its head could share.
func shared(m Model) string {
	s := graph.New(graph.NewParams(0))
	_, embedding := m.Body(s, s.Ints("tokens", 1, 1))
	if embedding == nil {
		return ""
	}
	return embedding.Name()
}
