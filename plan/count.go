package plan

import (
	"github.com/gorgpt/gorgpt/bench"
	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/memory"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/run"
)

// FLOPs are the operations per token, counted op by op in the graphs.
type FLOPs struct {
	Forward    float64            `json:"forward"`
	Training   float64            `json:"training"`            // forward and backward
	Recomputed float64            `json:"training_recomputed"` // including what recomputation repeats; 0 for a model without blocks
	SixN       float64            `json:"six_n"`               // the rule of thumb: six per active parameter
	Parts      map[string]float64 `json:"training_by_part"`    // by the names of [bench.Parts]
}

// Memory is what a process uses, in bytes.
type Memory struct {
	memory.Training         // as planned
	Peak            float64 `json:"peak_bytes"`               // the sum
	Kept            float64 `json:"results_kept_bytes"`       // results if all are kept
	Recomputed      float64 `json:"results_recomputed_bytes"` // results with recomputation; 0 for a model without blocks
	PeakKept        float64 `json:"peak_kept_bytes"`
	PeakRecomputed  float64 `json:"peak_recomputed_bytes"`
	KeysValues      float64 `json:"sequence_bytes"` // what generation keeps of a sequence as long as the context
	Limit           float64 `json:"limit_bytes"`    // what this process may use; 0 if not known
}

// count declares the graphs and counts in them.
func (p *Plan) count(m models.Model, o Options) (err error) {
	if p.Parameters, err = ParametersOf(m); err != nil {
		return err
	}
	s := graph.New(graph.NewParams(0))
	forward, err := s.Compile(models.Logits(m, s, s.Ints("tokens", o.Batch, o.Context)))
	if err != nil {
		return err
	}
	defer forward.Close()
	tokens := float64(o.Batch) * float64(o.Context)
	p.FLOPs = FLOPs{Forward: models.FLOPs(forward) / tokens, SixN: 6 * float64(p.Parameters.Active), Parts: make(map[string]float64)}

	whole := o
	whole.TensorParallel = 1
	kept, program, err := training(m, whole, p.Own)
	if err != nil {
		return err
	}
	defer program.Close()
	p.FLOPs.Training = models.FLOPs(program) / tokens
	for _, n := range program.Nodes() {
		if n.FLOPs > 0 {
			p.FLOPs.Parts[bench.PartOf(n.Op)] += float64(n.FLOPs) / tokens
		}
	}
	p.Memory.Training, p.Memory.Kept, p.Memory.PeakKept = kept, kept.Results, kept.Total()
	if options, err := models.Recompute(m, true); err == nil { // a model may have no blocks
		again, program, err := training(m, whole, p.Own, options...)
		if err != nil {
			return err
		}
		defer program.Close()
		for _, n := range program.Nodes() { // each fits in an int64, but their sum may not
			p.FLOPs.Recomputed += float64(n.FLOPs) / tokens
		}
		p.Memory.Recomputed, p.Memory.PeakRecomputed = again.Results, again.Total()
		if o.Recompute {
			p.Memory.Training = again
		}
	} else if o.Recompute {
		return err
	}
	p.Memory.Peak, p.Memory.Limit = p.Memory.Total(), float64(memory.Machine().Bytes)
	d := models.DimsOf(m)
	d.Context = o.Context
	cost, err := models.CostOf(models.WithDims(m, d))
	if err != nil {
		return err
	}
	p.Memory.KeysValues = float64(cost.Cache)
	return p.countSplit(m, o)
}

// training declares a training step, and returns the memory of a run of it in which a rank has own
// micro-batches per update.
func training(m models.Model, o Options, own int, options ...graph.Option) (memory.Training, *graph.Program, error) {
	params := graph.NewParams(0)
	if err := params.Split(graph.Counted(o.TensorParallel)); err != nil {
		return memory.Training{}, nil, err
	}
	s := graph.New(params, append(options, graph.Training())...)
	p, err := s.CompileGrad(models.Loss(m, s, s.Ints("tokens", o.Batch, o.Context), s.Ints("targets", o.Batch, o.Context)))
	if err != nil {
		return memory.Training{}, nil, err
	}
	recipe := run.Defaults()
	recipe.Solver = o.Solver
	solver, err := recipe.MakeSolver(m)
	if err != nil {
		return memory.Training{}, nil, err
	}
	sharing := o.Ranks / o.TensorParallel // ranks with the same part of a model
	if solver.Shardable() != nil {
		sharing = 1
	}
	kept, err := solver.KeptOfShards(params, sharing)
	t := memory.OfTraining(p, kept).WithTree(own)
	return t.WithRun(datasets.DefaultBuffer, o.Batch*o.Context, own), p, err
}
