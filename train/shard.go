package train

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/optional"
)

// What a solver keeps may be sharded over ranks (ZeRO stage 1, Rajbhandari et al. 2020): each keeps that of
// some parameters, changes these by their gradient, and gives them to the rest. The parameters are whole, for rules that want
// them so. The bits are those of one process.

// owners tells which rank keeps what the solver remembers of a parameter: the largest go first, to the rank that has least.
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
		has[rank] += p.Whole().TotalSize() // as ranks that have another part of the model count, too
	}
	return of
}

// KeptOfShards is [Optimizer.Kept] of the rank that keeps most, where so many share it out.
func (o *Optimizer) KeptOfShards(params *graph.Params, ranks int) (most int64, err error) {
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

// Shardable tells why ranks cannot keep a part of the state each, or nil.
func (o *Optimizer) Shardable() error {
	for _, r := range o.rules() {
		if a, averages := optional.As[Averaging](r); averages {
			return fmt.Errorf("%s keeps an average of the weights, which all ranks want", a.Name())
		}
	}
	return nil
}

// shard has the solver keep this rank's part.
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

// Keeps tells whether this rank has use for a tensor of a solver's state that is to be restored; of others [Trainer.Restore] wants
// the name alone. Params must hold the weights by then.
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

// sharded tells whether the solver keeps a part alone.
func (r *run) sharded() bool { return r.ShardSolver && r.peers.Size() > 1 }

// scatters are the peers that add up each gradient where it is wanted alone: unless it was added up on its way, or a hook is to see all.
func (r *run) scatters() (s Scatterer, ok bool) {
	if !r.sharded() || r.overlaps() || len(r.Hooks) > 0 {
		return nil, false
	}
	s, ok = r.peers.(Scatterer)
	return s, ok
}

// parts are numbers of the parameters that learn, by the rank that changes them.
func (r *run) parts(of func(*graph.Param) []float32) [][][]float32 {
	owner, parts := owners(r.Params.All(), r.peers.Size()), make([][][]float32, r.peers.Size())
	for _, p := range r.inOrder {
		rank := owner[p.Name()]
		parts[rank] = append(parts[rank], of(p))
	}
	return parts
}

// shareSquares has the optimizer measure the gradients of this rank's parameters, where it has no others, and ask for the rest.
func (r *run) shareSquares() {
	if o, ok := optional.As[*Optimizer](r.Solver); ok {
		o.elsewhereSquares = nil
		if _, scatters := r.scatters(); scatters {
			o.elsewhereSquares = r.peers.SumScalars
		}
	}
}

// giveWeights gives what each rank has changed to all.
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

// gather returns what the solver keeps on all ranks, in the order in which that of one process is saved; on rank 0 alone.
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
	var passing []float32 // what only goes by
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
