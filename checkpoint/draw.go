package checkpoint

import (
	"fmt"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
)

// Draw returns random weights of a model with matrices in the given width, for measurements. They are those
// of graph.NewParams(seed), rounded one matrix at a time.
func Draw(m models.Model, seed uint64, w Width) (*graph.Params, error) {
	params := graph.NewParams(seed)
	if err := models.Declare(m, params); err != nil {
		return nil, err
	}
	err := MapParamsAs(&drawn{m, seed, params}, params, models.Tensors{}, w)
	return params, err
}

// drawn is a [weights.Source] of random weights.
type drawn struct {
	model  models.Model
	seed   uint64
	params *graph.Params
}

func (d *drawn) Name() string { return "random weights" }
func (d *drawn) Close() error { return nil }

func (d *drawn) Tensors() []weights.Info {
	var all []weights.Info
	for _, p := range d.params.All() {
		all = append(all, weights.Info{Name: p.Name(), Type: weights.F32, Shape: p.Shape()})
	}
	return all
}

// Read implements [weights.Source]. Numbers depend only on the seed and the name, so that one parameter can
// be drawn alone.
func (d *drawn) Read(name string, dst []float32) error {
	params := graph.NewParams(d.seed)
	if err := models.Declare(d.model, params); err != nil {
		return err
	}
	p := params.Get(name)
	if p == nil || p.Size() != len(dst) {
		return fmt.Errorf("%s: no parameter of %d numbers named %s", d.Name(), len(dst), weights.Show(name))
	}
	copy(dst, p.Data())
	return nil
}
