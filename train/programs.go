package train

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
	"gorgonia.org/gorgonia"
)

// programs are the programs of a task for the shapes of its batches, for training or for
// evaluation.
type programs = graph.Family[*terms]

// terms are the loss of a program, the values beside it, and, in training, what layers have added
// to the loss and what they report.
type terms struct {
	loss    *gorgonia.Node
	names   []string // of values, sorted; then of added losses, and of reported scalars
	values  []*gorgonia.Node
	reports []graph.Reported // the scalars first
}

// of returns the terms of the program's last run, each multiplied by a weight.
func (t *terms) of(p *graph.Program, weight float64, into []float64) []float64 {
	into = append(into[:0], weight*float64(p.Value(t.loss)[0]))
	for _, n := range t.values {
		into = append(into, weight*float64(p.Value(n)[0]))
	}
	if len(t.names) > len(t.values) {
		for _, l := range p.Losses() {
			into = append(into, weight*float64(l.Value))
		}
	}
	for _, r := range t.reports {
		for _, v := range p.Value(r.Node) {
			into = append(into, weight*float64(v))
		}
	}
	return into
}

// withWatched adds numbers that summarize what was watched.
func withWatched(values map[string]float64, watched []graph.Watched) map[string]float64 {
	if values == nil && len(watched) > 0 {
		values = make(map[string]float64)
	}
	for _, w := range watched {
		if len(w.Data) == 1 {
			values[w.Path+"/value"] = float64(w.Data[0])
		} else {
			values[w.Path+"/rms"] = math.Sqrt(kernel.SumSquares(w.Data) / float64(len(w.Data)))
		}
	}
	return values
}

// count returns the number of terms, counting the elements of vectors one by one.
func (t *terms) count() int {
	n := 1 + len(t.names)
	for _, r := range t.reports {
		if !r.Node.IsScalar() {
			n += r.Node.Shape()[0]
		}
	}
	return n
}

// named returns, by name, the values among the numbers that of returns.
func (t *terms) named(x []float64) map[string]float64 {
	if len(x) == 1 {
		return nil
	}
	x = x[1:min(len(x), 1+len(t.names))]
	all := make(map[string]float64, len(x))
	for i, v := range x {
		all[t.names[i]] = v
	}
	return all
}

// vectors returns, by name, the vectors that layers report, among the numbers that of returns.
func (t *terms) vectors(x []float64) (all Vectors) {
	x = x[1+len(t.names):]
	for _, r := range t.reports {
		if r.Node.IsScalar() {
			continue
		}
		if all == nil {
			all = make(map[string][]float64)
		}
		n := r.Node.Shape()[0]
		all[r.Name], x = slices.Clone(x[:n]), x[n:]
	}
	return all
}

// declare declares the task's graph for batches of a shape, without compiling it.
func (t *Trainer) declare(shape []int, options ...graph.Option) (*graph.Scope, *terms, error) {
	s := graph.New(t.Params, append(options, t.Graph...)...)
	loss, values := t.Task.Declare(s, shape)
	d := &terms{loss: loss, names: slices.Sorted(maps.Keys(values))}
	for _, name := range d.names {
		n := values[name]
		if err := checkValue(name); err != nil {
			return nil, nil, err
		}
		if s.Err() == nil && (n == nil || n.Shape().TotalSize() != 1) {
			return nil, nil, fmt.Errorf("the value %q reported beside the loss is not a scalar", name)
		}
		d.values = append(d.values, n)
	}
	return s, d, nil
}

// compileTraining compiles a program for the loss and its gradient.
func (r *run) compileTraining(shape ...int) (*graph.Program, *terms, error) {
	options := []graph.Option{graph.Training()}
	if r.NoDropout {
		options = append(options, graph.WithoutDropout())
	}
	s, d, err := r.declare(shape, options...)
	if err != nil {
		return nil, nil, err
	}
	if err := r.freeze(); err != nil {
		return nil, nil, err
	}
	p, err := s.CompileGrad(d.loss, d.values...)
	if err != nil {
		return nil, nil, err
	}
	for _, l := range p.Losses() {
		d.names = append(d.names, l.Name)
	}
	d.reports = p.Reports()
	slices.SortStableFunc(d.reports, func(a, b graph.Reported) int { return cmp.Compare(a.Node.Dims(), b.Node.Dims()) })
	told := slices.Clone(d.names) // to which the names of all reports are added
	for _, v := range d.reports {
		told = append(told, v.Name)
		if v.Node.IsScalar() {
			d.names = append(d.names, v.Name)
		}
	}
	for i, name := range told[len(d.values):] {
		if err := checkValue(name); err != nil {
			return nil, nil, err
		}
		if slices.Contains(told[:len(d.values)+i], name) {
			return nil, nil, fmt.Errorf("%q is reported twice, by the task or by layers (AddLoss or Report)", name)
		}
	}
	if n := d.count() - 1 - len(d.names); n > mostReported {
		return nil, nil, fmt.Errorf("layers report %d numbers in vectors (Scope.Report); want at most %d in all", n, mostReported)
	}
	if r.first == nil {
		r.first = d
	} else if err := r.trainsSame(p, shape); err != nil {
		return nil, nil, err
	}
	if !slices.Equal(d.names, r.first.names) || d.count() != r.first.count() {
		return nil, nil, fmt.Errorf("the task reports %q beside the loss, but %q for batches of %v", r.first.names, d.names, shape)
	}
	return p, d, nil
}

// trainsSame returns an error if a program has a gradient for a parameter that the first program has none for: the solver
// would not change it.
func (r *run) trainsSame(p *graph.Program, shape []int) error {
	for _, param := range p.ReadyOrder() {
		if !slices.Contains(r.inOrder, param) {
			return fmt.Errorf("the loss of batches of %v depends on %s, but that of %v does not: it must depend on the same parameters for all batches", shape, param.Name(), r.Task.Shape())
		}
	}
	return nil
}

// compileEvaluation compiles a program for the loss alone, without dropout.
func (r *run) compileEvaluation(shape ...int) (*graph.Program, *terms, error) {
	s, d, err := r.declare(shape)
	if err != nil {
		return nil, nil, err
	}
	p, err := s.Compile(append([]*gorgonia.Node{d.loss}, d.values...)...)
	return p, d, err
}

// mostReported is how many numbers layers may report in vectors, in all: twice those of 61 layers
// of 256 experts. A line of metrics and a record of events have room for that many.
const mostReported = 1 << 15

var valueName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]*$`)

// checkValue refuses a value's name that is malformed, or that is a key of metrics already.
func checkValue(name string) error {
	if !valueName.MatchString(name) {
		return fmt.Errorf("%q is not a valid name for a value: want letters, digits and _./-, a letter first", name)
	}
	if slices.Contains(metricKeys, name) {
		return fmt.Errorf("a value beside the loss cannot be named %q, which is already a key of the metrics", name)
	}
	return nil
}
