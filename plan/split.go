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

// Split is what a rank has of a model that several hold together, as gorgpt train --tensor-parallel has it: the first, which has most.
type Split struct {
	Ranks      int     `json:"ranks"` // of one model
	Models     int     `json:"models"`
	Parameters int64   `json:"parameters"`
	FLOPs      float64 `json:"training_flops_per_token"` // that a rank computes
	Share      float64 `json:"share_of_flops"`           // of the whole's
	Sums       int     `json:"sums_per_batch"`           // that all wait for
	Wire       float64 `json:"bytes_per_batch"`          // that a rank sends, and receives, in these, by a ring
}

// countSplit counts what the ranks of a model have, and has their memory in the place of the whole's.
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

// count counts in a training step of a rank's part, of which the whole takes so many operations for a token.
func (s *Split) count(program *graph.Program, o Options, whole float64) {
	tokens := float64(o.Batch) * float64(o.Context)
	s.Parameters, s.FLOPs, s.Sums, s.Wire = graph.Sum(program.Nodes()).Params, 0, 0, 0
	for _, n := range program.Nodes() {
		s.FLOPs += float64(n.FLOPs) / tokens
		if slices.Contains(ops.BetweenRanks, strings.TrimSuffix(n.Op, " again")) { // of what is computed again, too
			s.Sums++
			s.Wire += 2 * float64(o.TensorParallel-1) / float64(o.TensorParallel) * 4 * float64(n.Shape.TotalSize())
		}
	}
	s.Share = s.FLOPs / whole
}

// seconds is how long the sums of a batch take: as [Network.sums] has it, with a message's latency at each level of an agreement and, twice, of the sum.
func (s *Split) seconds(n *Network) float64 {
	if n == nil {
		return 0
	}
	levels := float64(bits.Len(uint(s.Ranks - 1)))
	return 8*s.Wire/(n.Rate*payload) + 3*levels*n.Latency*float64(s.Sums)
}

// printSplit prints it.
func (p *Plan) printSplit(line liner) {
	s := p.Split
	if s == nil {
		return
	}
	line("a model's ranks", plural.Thousands(s.Parameters), fmt.Sprintf("parameters of the first of %d, of %s; %s FLOPs a token", s.Ranks, plural.Of(s.Models, "such model"), short(s.FLOPs)))
	line("  between them", memory.Size(s.Wire), fmt.Sprintf("each sends a batch, in %s, by a ring", plural.Of(s.Sums, "sum")))
}
