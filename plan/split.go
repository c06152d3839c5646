package plan

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/memory"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/ops"
)

// Split is a rank's part of a model that several ranks hold together, as with gorgpt train
// --tensor-parallel. It is that of the first rank, which has most.
type Split struct {
	Ranks      int     `json:"ranks"` // of one model
	Models     int     `json:"models"`
	Parameters int64   `json:"parameters"`
	FLOPs      float64 `json:"training_flops_per_token"` // computed by a rank
	Share      float64 `json:"share_of_flops"`           // of those of the whole model
	Sums       int     `json:"sums_per_batch"`           // that all ranks wait for
	Wire       float64 `json:"bytes_per_batch"`          // that a rank sends, and receives, in these sums, in a ring
}

// countSplit counts what a rank of a model has, and replaces the memory of the whole by the rank's.
func (p *Plan) countSplit(m models.Model, o Options) error {
	if o.TensorParallel == 1 {
		return nil
	}
	p.Split = &Split{Ranks: o.TensorParallel, Models: o.Ranks / o.TensorParallel}
	kept, program, err := training(m, o, p.Own)
	if err != nil {
		return err
	}
	defer program.Close()
	p.Split.count(program, o, p.FLOPs.Training)
	p.Memory.Training, p.Memory.Kept, p.Memory.PeakKept = kept, kept.Results, kept.Total()
	p.Memory.KeysValues /= float64(o.TensorParallel)
	if p.Memory.Recomputed > 0 {
		options, err := models.Recompute(m, true)
		if err != nil {
			return err
		}
		again, program, err := training(m, o, p.Own, options...)
		if err != nil {
			return err
		}
		defer program.Close()
		p.Memory.Recomputed, p.Memory.PeakRecomputed = again.Results, again.Total()
		if o.Recompute {
			p.Memory.Training = again
			p.Split.count(program, o, p.FLOPs.Recomputed)
		}
	}
	p.Memory.Peak = p.Memory.Total()
	return nil
}

// count counts in a training step of a rank's part; the whole model takes the given operations per
// token.
func (s *Split) count(program *graph.Program, o Options, whole float64) {
	tokens := float64(o.Batch) * float64(o.Context)
	s.Parameters, s.FLOPs, s.Sums, s.Wire = graph.Sum(program.Nodes()).Params, 0, 0, 0
	for _, n := range program.Nodes() {
		s.FLOPs += float64(n.FLOPs) / tokens
		if slices.Contains(ops.BetweenRanks, strings.TrimSuffix(n.Op, " again")) { // including those that are computed again
			s.Sums++
			s.Wire += 2 * float64(o.TensorParallel-1) / float64(o.TensorParallel) * 4 * float64(n.Shape.TotalSize())
		}
	}
	s.Share = s.FLOPs / whole
}

// seconds returns how long the sums of a batch take: the time of [Network.sums], with the latency
// of a message at each level of an agreement and, twice, of the sum.
func (s *Split) seconds(n *Network) float64 {
	if n == nil {
		return 0
	}
	levels := float64(bits.Len(uint(s.Ranks - 1)))
	return 8*s.Wire/(n.Rate*payload) + 3*levels*n.Latency*float64(s.Sums)
}

// printSplit prints the split, if there is one.
func (p *Plan) printSplit(line liner) {
	s := p.Split
	if s == nil {
		return
	}
	line("a model's ranks", plural.Thousands(s.Parameters), fmt.Sprintf("parameters of the first of %d ranks, in %s; %s FLOPs a token", s.Ranks, plural.Of(s.Models, "such model"), short(s.FLOPs)))
	line("  between them", memory.Size(s.Wire), fmt.Sprintf("sent by each rank per batch, in %s, around a ring", plural.Of(s.Sums, "sum")))
}
