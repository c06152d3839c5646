package train

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/optional"
)

// The solver's state may be sharded over ranks (ZeRO stage 1, Rajbhandari et al. 2020): each rank
// keeps the state of some parameters, changes these by their gradients, and gives them to the other
// ranks. Parameters are not divided, since some rules need them whole. Results are bit for bit
// those of one process.

// owners returns, by parameter name, which rank keeps the solver's state of it: the largest are
// assigned first, each to the rank that has least.
func owners(params []*graph.Param, ranks int) map[string]int {
	largest := slices.Clone(params)
	slices.SortFunc(largest, func(a, b *graph.Param) int {
		return cmp.Or(cmp.Compare(b.Whole().TotalSize(), a.Whole().TotalSize()), cmp.Compare(a.Name(), b.Name()))
	})
	has := make([]int, ranks)
	of := make(map[string]int, len(params))
	for _, p := range largest {
		rank := slices.Index(has, slices.Min(has))
		of[p.Name()] = rank
		has[rank] += p.Whole().TotalSize() // the same count on ranks that have another part of the model
	}
	return of
}

// KeptOfShards is [Optimizer.Kept] for state sharded over the given number of ranks: the count of
// the rank that keeps most.
func (o *Optimizer) KeptOfShards(params *graph.Params, ranks int) (most int64, err error) {
	ranks = min(ranks, max(len(params.All()), 1)) // the others keep nothing
	of, has := owners(params.All(), ranks), make([]int64, ranks)
	for _, p := range params.Trainable() {
		names, err := o.keeps(p)
		if err != nil {
			return 0, err
		}
		has[of[p.Name()]] += int64(len(names)) * int64(p.Size())
	}
	return slices.Max(has), nil
}

// Shardable returns nil if the optimizer's state can be sharded over ranks, and otherwise the
// reason why not.
func (o *Optimizer) Shardable() error {
	for _, r := range o.rules() {
		if a, averages := optional.As[Averaging](r); averages {
			return fmt.Errorf("%s keeps an average of the weights, which all ranks need", a.Name())
		}
	}
	return nil
}

// shard makes the solver keep only this rank's part.
func (t *Trainer) shard() error {
	if !t.ShardSolver || t.Peers == nil || t.Peers.Size() == 1 {
		return nil
	}
	o, ok := optional.As[*Optimizer](t.Solver)
	if !ok {
		return fmt.Errorf("Trainer.ShardSolver is for an Optimizer, not %T", t.Solver)
	}
	if err := o.Shardable(); err != nil {
		return fmt.Errorf("Trainer.ShardSolver: %w", err)
	}
	of, rank := owners(t.Params.All(), t.Peers.Size()), t.Peers.Rank()
	o.elsewhere = func(name string) bool {
		owner, known := of[name]
		return known && owner != rank
	}
	return nil
}

// Keeps reports whether this rank needs a tensor of a solver's state that is to be restored; of
// other tensors, [Trainer.Restore] needs only the name. Params must already hold the weights.
func (t *Trainer) Keeps(tensor string) (bool, error) {
	if err := t.shard(); err != nil {
		return false, err
	}
	o, ok := optional.As[*Optimizer](t.Solver)
	if !ok || o.elsewhere == nil {
		return true, nil
	}
	name, _ := splitName(tensor, o.kinds())
	return !o.elsewhere(name), nil
}

// sharded reports whether the solver keeps only a part of its state.
func (r *run) sharded() bool { return r.ShardSolver && r.peers.Size() > 1 }

// scatters returns the peers as a Scatterer, if each gradient should be summed only on the rank
// that needs it: not if gradients are summed while they are computed, nor if a hook needs to see
// them all.
func (r *run) scatters() (s Scatterer, ok bool) {
	if !r.sharded() || r.overlaps() || len(r.Hooks) > 0 {
		return nil, false
	}
	s, ok = r.peers.(Scatterer)
	return s, ok
}

// parts returns numbers of the trainable parameters, grouped by the rank that changes them.
func (r *run) parts(of func(*graph.Param) []float32) [][][]float32 {
	owner, parts := owners(r.Params.All(), r.peers.Size()), make([][][]float32, r.peers.Size())
	for _, p := range r.inOrder {
		rank := owner[p.Name()]
		parts[rank] = append(parts[rank], of(p))
	}
	return parts
}

// shareSquares makes the optimizer measure only the gradients of this rank's parameters, if it has
// no others, and get the other squares from the peers.
func (r *run) shareSquares() {
	if o, ok := optional.As[*Optimizer](r.Solver); ok {
		o.elsewhereSquares = nil
		if _, scatters := r.scatters(); scatters {
			o.elsewhereSquares = r.peers.SumScalars
		}
	}
}

// giveWeights gives the weights that each rank has changed to all ranks.
func (r *run) giveWeights() error {
	if !r.sharded() {
		return nil
	}
	if s, ok := r.peers.(Scatterer); ok {
		if err := s.Gather(r.parts((*graph.Param).Data)); err != nil {
			return fmt.Errorf("rank %d of %d: weights: %w", r.peers.Rank(), r.peers.Size(), err)
		}
		return nil
	}
	of := owners(r.Params.All(), r.peers.Size())
	for _, p := range r.inOrder {
		if err := r.peers.Give(p.Data(), of[p.Name()]); err != nil {
			return fmt.Errorf("rank %d of %d: weights of %s: %w", r.peers.Rank(), r.peers.Size(), p.Name(), err)
		}
	}
	return nil
}

// gather returns the solver's state of all ranks, in the order in which one process would save it.
// Only rank 0 returns it.
func (r *run) gather() (all []Tensor, err error) {
	o, ok := optional.As[*Optimizer](r.Solver)
	if !ok {
		return nil, errors.New("a solver without a state is sharded")
	}
	state := o.State()
	if state.Step == 0 {
		return nil, nil
	}
	own := make(map[string][]float32)
	for _, t := range state.Tensors {
		own[t.Name] = t.Data
	}
	of, first := owners(r.Params.All(), r.peers.Size()), r.peers.Rank() == 0
	var passing []float32 // memory for what this rank only passes on
	order := slices.Clone(o.order)
	for _, p := range r.model {
		if name := p.(*graph.Param).Name(); !slices.Contains(order, name) {
			order = append(order, name)
		}
	}
	for _, name := range order {
		p := r.Params.Get(name)
		names, err := o.keeps(p)
		if err != nil {
			return nil, err
		}
		for _, ending := range endings(names) {
			data := own[p.Name()+ending]
			switch {
			case data != nil:
			case first:
				data = make([]float32, p.Size())
			default:
				passing = slices.Grow(passing[:0], p.Size())[:p.Size()]
				data = passing
			}
			if err := r.peers.Give(data, of[p.Name()]); err != nil {
				return nil, fmt.Errorf("rank %d of %d: state of %s: %w", r.peers.Rank(), r.peers.Size(), p.Name(), err)
			}
			if first {
				all = append(all, Tensor{p.Name() + ending, p.Shape(), data})
			}
		}
	}
	return all, nil
}
