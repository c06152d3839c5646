package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/optional"
)

// step makes one update. An error leaves the state as it was before.
func (r *run) step(ctx context.Context) (err error) {
	began := time.Now()
	if p, ok := r.peers.(interface{ At(place string) }); ok {
		p.At(fmt.Sprintf("step %d", r.at.Step+1))
	}
	if err := r.back(); err != nil {
		return err
	}
	r.halted = false
	if err := r.average(r.model, false); err != nil {
		return err
	}
	place, err := r.Task.State()
	if err != nil {
		return fmt.Errorf("position of the training data: %w", err)
	}
	guard := r.at.Guard
	defer func() {
		if err != nil {
			r.place, r.at.Guard = place, guard
		}
	}()
	r.Params.ZeroGrad() // a skipped update leaves gradients behind, and Gorgonia's solvers do not mark them as zero
	batches, targets, tokens, err := r.read(ctx)
	if err != nil {
		return err
	}
	r.startSums()
	sums, err := r.compute(batches, targets)
	if failed := r.endSums(); failed != nil { // even after an error: the other ranks wait for the sums
		return cmp.Or(err, failed)
	}
	if sums, err = r.agree(r.first.count(), sums, err); err != nil {
		return err
	}
	if err := r.sumGradients(); err != nil {
		return err
	}
	rate, err := r.nextRate(tokens)
	if err != nil {
		return err
	}
	u := Update{Step: r.at.Step, Loss: sums[0], Values: r.first.named(sums), Rate: rate, Model: r.model}
	u.Values = withWatched(u.Values, r.watched)
	u.Vectors = r.first.vectors(sums)
	if err := r.update(&u); err != nil {
		return err
	}
	now := time.Now()
	r.at.Step, r.at.Tokens = r.at.Step+1, r.at.Tokens+tokens
	r.at.Seconds = r.before + now.Sub(r.began).Seconds()
	r.dirty = true
	r.at.Last = &Step{
		Step: r.at.Step, Tokens: r.at.Tokens, Loss: u.Loss, Values: u.Values, LearnRate: rate, GradNorm: u.Norm, Skipped: u.Skip,
		Vectors: u.Vectors, Watched: r.watched,
		TokensPerSecond: float64(tokens) / max(now.Sub(began).Seconds(), 1e-9), Seconds: r.at.Seconds,
	}
	return nil
}

// nextRate prepares the solver for an update on the given number of tokens, and returns the learning rate.
func (r *run) nextRate(tokens int64) (float64, error) {
	rate := r.rate(tokens)
	if !(rate >= 0 && rate <= math.MaxFloat32) {
		return 0, fmt.Errorf("the learning rate is %v, want 0 or more; no weight was changed", rate)
	}
	r.shareSquares()
	r.setRate(rate)
	return rate, nil
}

// back returns to where an update that failed in an earlier call of Run had begun to read.
func (r *run) back() error {
	if r.place == nil {
		return nil
	}
	if err := r.Task.Restore(r.place); err != nil {
		return err
	}
	r.place = nil
	return nil
}

// rate returns the learning rate of an update with the given number of tokens.
func (r *run) rate(tokens int64) float64 {
	if r.TokenSchedule != nil {
		return r.TokenSchedule(r.at.Tokens + tokens)
	}
	return r.Schedule(r.at.Step)
}

// read reads this rank's batches of an update, and counts the targets and tokens of all ranks.
func (r *run) read(ctx context.Context) (batches []Batch, targets int, tokens int64, err error) {
	if task, ok := r.Task.(interface{ follow(tokens int64) }); ok {
		task.follow(r.at.Tokens)
	}
	batches, err = r.Task.Update(ctx, r.peers.Rank(), r.peers.Size())
	if err != nil {
		err = r.unread(err)
	}
	for _, b := range batches {
		targets += b.Targets
		tokens += int64(b.Tokens)
	}
	counts, err := r.agree(3, []float64{float64(targets), float64(tokens), float64(len(batches))}, err)
	switch {
	case err != nil:
		return nil, 0, 0, err
	case counts[2] == 0:
		return nil, 0, 0, errors.New("the task returns no batches; at the end of the data, want io.EOF")
	}
	return batches, int(counts[0]), int64(counts[1]), nil
}

// compute adds up the gradients of this rank's batches, and returns their contribution to the loss
// and to the values beside it.
func (r *run) compute(batches []Batch, targets int) (sums []float64, err error) {
	if r.tree != nil {
		r.tree.reset()
	}
	r.sums = slices.Grow(r.sums[:0], len(batches)+1)[:max(1, len(batches))]
	r.sums[0] = append(r.sums[0][:0], make([]float64, r.first.count())...) // the result without batches
	if len(batches) == 0 {
		for _, p := range r.inOrder {
			neutral(p.GradData())
		}
	}
	for m, b := range batches {
		if b.Place >= b.Places {
			return nil, fmt.Errorf("batch %d has Place %d of %d Places, which seed its dropout; want a Place below Places", m, b.Place, b.Places)
		}
		p, declared, err := r.programs.For(b.Shape...)
		if err != nil {
			return nil, err
		}
		if b.Feed == nil {
			return nil, fmt.Errorf("batch %d of %d of the task has no Feed", m+1, len(batches))
		}
		weight, err := b.Feed(p, targets)
		if err != nil {
			return nil, err
		}
		p.Seed(r.Seed, uint64(r.at.Step)*b.Places+b.Place)
		if err := r.runGrad(p, float32(weight), m == len(batches)-1); err != nil {
			return nil, err
		}
		r.sums[m] = declared.of(p, weight, r.sums[m])
		if loss := r.sums[m][0]; math.IsNaN(loss) || math.IsInf(loss, 0) {
			return nil, unsaved{r.notFinite(p, loss)}
		}
		if seen := p.Watched(); len(seen) > 0 {
			r.watched = seen
		}
	}
	if r.tree != nil {
		addTree(r.sums)
		return r.sums[0], nil
	}
	for _, more := range r.sums[1:] {
		for i, x := range more {
			r.sums[0][i] += x
		}
	}
	return r.sums[0], nil
}

// update makes the solver change the weights, unless the guard or a hook skips the update.
func (r *run) update(u *Update) (err error) {
	if u.Norm, err = r.measure(); err != nil {
		return err
	}
	u.Skip = r.Guard.skips(&r.at.Guard, u.Loss, u.Norm)
	err = r.hooks(u)
	if len(r.Hooks) > 0 {
		err = r.agreeSharded(err)
	}
	if err != nil {
		return err
	}
	if u.Skip {
		return nil
	}
	if err := r.Solver.Step(r.model); err != nil {
		return unsaved{err} // some weights may have changed
	}
	if err := r.giveWeights(); err != nil {
		return unsaved{err}
	}
	for _, v := range r.first.reports {
		if v.Update != nil {
			v.Update(u.means(v.Name))
		}
	}
	return nil
}

// means returns the numbers that a layer reports under a name.
func (u *Update) means(name string) []float64 {
	if x, scalar := u.Values[name]; scalar {
		return []float64{x}
	}
	return u.Vectors[name]
}

// measure returns the norm of the gradient, which must be finite.
func (r *run) measure() (norm float64, err error) {
	if m, ok := optional.As[Measurer](r.Solver); ok {
		norm, err = m.Measure(r.model)
	} else {
		norm, err = gradNorm(r.model)
	}
	if err == nil && (math.IsNaN(norm) || math.IsInf(norm, 0)) {
		err = fmt.Errorf("the norm of the gradient is %v; no weight was changed", norm)
	}
	if err != nil {
		return 0, unsaved{err}
	}
	return norm, nil
}

// notFinite returns the error for a loss that is not finite. It says where that begins: at a
// weight, or at the first place in the model whose result is not finite.
func (r *run) notFinite(p *graph.Program, loss float64) error {
	const advice = "no weight was changed; a lower learning rate or a longer warm-up may help"
	var found error
	for _, w := range r.Params.All() {
		if i := slices.IndexFunc(w.Data(), func(x float32) bool { return x-x != 0 }); i >= 0 && found == nil {
			found = fmt.Errorf("the loss is %v: weight %d of %s is %v; %s", loss, i, w.Name(), w.Data()[i], advice)
		}
	}
	// Ranks that hold the model together must all run it again, or none.
	broken := []float64{0}
	if found != nil {
		broken[0] = 1
	}
	broken, err := r.within.SumScalars(broken)
	switch {
	case found != nil:
		return found
	case err != nil:
		return err
	case broken[0] > 0:
		return fmt.Errorf("the loss is %v: a weight of another rank's part is not finite; %s", loss, advice)
	}
	place, err := p.FirstNotFinite()
	if err != nil {
		return err
	}
	if place == "" {
		return fmt.Errorf("the loss is %v; %s", loss, advice)
	}
	return fmt.Errorf("the loss is %v: the first value that is not finite is at %s; %s", loss, place, advice)
}
