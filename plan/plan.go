package plan

import (
	"cmp"
	"errors"
	"fmt"
	"math"

	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/run"
	"github.com/gorgpt/gorgpt/train"
)

// Options are what is planned for a model. For each, the zero value stands for the default.
type Options struct {
	Batch, Context int     // of a micro-batch; defaults: 1, and the model's
	Accumulate     int     // micro-batches in an update, over all ranks; default: one for each model
	Ranks          int     // processes that train together; default: 1
	TensorParallel int     // how many ranks hold one model together; default: 1
	Network        Network // that connects the ranks; default: not known
	Tokens         float64 // to train on; default: 20 per parameter
	Recompute      bool    // whether the inside of blocks is recomputed for the gradient, which changes peak and time
	Solver         string  // name in recipes; default: adamw
	GPU            string  // one of [GPUs]; default: none
	Share          float64 // of the GPU's peak that training reaches; default: 0.4
	Rate           float64 // of this machine's matrix product, FLOP/s; default: not known
}

// LeastShare is the least value of [Options.Share]: with less, a time might not be finite.
const LeastShare = 1e-6

// Plan is what training takes. Sizes in bytes are for float32 numbers.
type Plan struct {
	Model      string     `json:"model"` // for the caller to set
	Batch      int        `json:"batch"`
	Context    int        `json:"context"`
	Accumulate int        `json:"accumulate"`
	Ranks      int        `json:"ranks"`
	Own        int        `json:"micro_batches_of_a_rank"` // of the rank that has most
	Network    *Network   `json:"network,omitempty"`
	Solver     string     `json:"solver"`
	Precision  string     `json:"precision"`
	Recompute  bool       `json:"recompute"`
	Parameters Parameters `json:"parameters"`
	FLOPs      FLOPs      `json:"flops_per_token"`
	Memory     Memory     `json:"memory"` // per rank
	Split      *Split     `json:"split,omitempty"`
	Wire       Wire       `json:"wire"`
	Run        Run        `json:"run"`
	Machine    *Machine   `json:"machine,omitempty"`
	GPU        *Machine   `json:"gpu,omitempty"`
	Laws       Laws       `json:"laws"`
}

// Run is the training as a whole.
type Run struct {
	Tokens   float64 `json:"tokens"`
	Update   float64 `json:"tokens_per_update"` // over all ranks
	Updates  float64 `json:"updates"`
	FLOPs    float64 `json:"flops"`         // that the model requires
	PFDays   float64 `json:"petaflop_days"` // the same, in units of 8.64e19
	PerToken float64 `json:"tokens_per_parameter"`
}

// pfDay is the number of operations of a petaflop/s-day.
const pfDay = 1e15 * 86400

// Wire is what is sent between ranks, in bytes.
type Wire struct {
	Update    float64 `json:"bytes_per_update"` // that a rank sends, and receives, to add up the gradients
	All       float64 `json:"bytes_per_update_of_all_ranks"`
	Broadcast float64 `json:"broadcast_bytes"` // the weights, to each rank, once
}

// Of plans the training of a model.
func Of(m models.Model, o Options) (*Plan, error) {
	d := models.DimsOf(m)
	o.Batch, o.Context, o.Ranks = cmp.Or(o.Batch, 1), cmp.Or(o.Context, d.Context), cmp.Or(o.Ranks, 1)
	o.TensorParallel = cmp.Or(o.TensorParallel, 1)
	o.Accumulate = cmp.Or(o.Accumulate, max(1, o.Ranks/max(1, o.TensorParallel)))
	o.Solver, o.Share = cmp.Or(o.Solver, "adamw"), cmp.Or(o.Share, 0.4)
	if err := o.check(d.Context); err != nil {
		return nil, err
	}
	shared := run.Recipe{Batch: o.Batch, Accumulate: o.Accumulate}
	models := o.Ranks / o.TensorParallel // that share the data
	if _, err := shared.ShareOut(models); err != nil {
		return nil, err
	}
	o.Batch, o.Accumulate = shared.Batch, shared.Accumulate
	p := &Plan{
		Batch: o.Batch, Context: o.Context, Accumulate: o.Accumulate, Ranks: o.Ranks, Solver: o.Solver, Precision: "f32", Recompute: o.Recompute,
	}
	_, p.Own = train.Share(o.Accumulate, 0, models)
	if o.Network.Rate > 0 {
		p.Network = &o.Network
	}
	if err := p.count(m, o); err != nil {
		return nil, err
	}
	n := float64(p.Parameters.Total)
	tokens := cmp.Or(o.Tokens, 20*n)
	update := float64(o.Batch) * float64(o.Context) * float64(o.Accumulate)
	p.Run = Run{Tokens: tokens, Update: update, Updates: math.Ceil(tokens / update), FLOPs: tokens * p.FLOPs.Training, PerToken: tokens / n}
	p.Run.PFDays = p.Run.FLOPs / pfDay
	if models > 1 {
		p.Wire.Update = 2 * float64(models-1) / float64(models) * p.Memory.Training.Gradients
		p.Wire.All, p.Wire.Broadcast = float64(o.Ranks)*p.Wire.Update, p.Memory.Training.Weights
	}
	if o.Rate > 0 {
		executed := p.FLOPs.Training
		if o.Recompute {
			executed = p.FLOPs.Recomputed
		}
		p.Machine = p.machine("this machine", o.Rate, machineShare, executed)
	}
	if o.GPU != "" {
		g, err := FindGPU(o.GPU)
		if err != nil {
			return nil, err
		}
		p.GPU = p.machine(g.Name, g.Peak, o.Share, p.FLOPs.Training)
		p.GPU.Source = g.Source
	}
	p.Laws = lawsOf(n, float64(p.Parameters.Rest), tokens)
	return p, nil
}

// check reports options that are not valid.
func (o Options) check(positions int) error {
	for _, n := range []struct {
		name string
		n    int
	}{{"a batch", o.Batch}, {"a context", o.Context}, {"micro-batches", o.Accumulate}, {"ranks", o.Ranks}, {"ranks of a model", o.TensorParallel}} {
		if n.n < 1 {
			return fmt.Errorf("plan: %s of %d: want 1 or more", n.name, n.n)
		}
	}
	switch {
	case o.Ranks%o.TensorParallel != 0:
		return fmt.Errorf("plan: %d ranks cannot be divided into models of %d ranks", o.Ranks, o.TensorParallel)
	case o.Context > positions:
		return fmt.Errorf("plan: a context of %d: the model has %d positions", o.Context, positions)
	case !(o.Tokens >= 0) || math.IsInf(o.Tokens, 0) || !(o.Rate >= 0):
		return errors.New("plan: want tokens and a rate of 0 or more")
	case !(o.Share >= LeastShare && o.Share <= 1):
		return fmt.Errorf("plan: a share of %v: want one from %v to 1", o.Share, LeastShare)
	}
	return nil
}
