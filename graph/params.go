package graph

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Param is one weight tensor of a model. Its values and its gradient are allocated when they are first asked
// for, so a declared parameter costs nothing.
//
// A Param is a [G.ValueGrad], so any Gorgonia solver can update it.
type Param struct {
	name  string
	shape tensor.Shape
	init  Init
	seed  uint64

	data, grad   []float32
	value, slope *tensor.Dense // headers over data and grad
	once         [2]sync.Once
	zeroed       bool // whether grad counts as zero, whatever it holds
	frozen       bool
	packed       *packed
	reading      atomic.Uint32 // how ops read it: see Reading
	buffer       bool          // never trained by gradients
	groups       int           // number of groups that each have a part; 0 for none
	cut          cut           // this rank's part of the whole; see [Params.Split]
}

// Name returns the parameter's name, which is Hugging Face's if the model exists there.
func (p *Param) Name() string { return p.name }

// Shape returns the parameter's shape.
func (p *Param) Shape() tensor.Shape { return p.shape.Clone() }

// Size returns the number of weights.
func (p *Param) Size() int { return p.shape.TotalSize() }

// Init returns the distribution of the initial values.
func (p *Param) Init() Init { return p.init }

// Decay reports whether weight decay applies: to matrices, not to biases and gains.
func (p *Param) Decay() bool { return p.rank() >= 2 }

// Data returns the weights, row by row. The first call draws them, unless Fill, Adopt or AdoptPacked has set
// others. The slice is not a copy: writing to it changes every program over the parameter, so write only
// between runs.
func (p *Param) Data() []float32 {
	p.once[0].Do(func() {
		p.setData(kernel.Floats(p.Size()))
		if k := p.packed; k != nil {
			k.numbers(p.data, p.shape)
			k.spread.Store(true)
			return
		}
		if p.Cut() {
			p.init.fillPart(p.data, p.cut, p.groups, p.seed, p.name)
			return
		}
		p.init.fill(p.data, p.shape, p.groups, p.seed, p.name)
	})
	return p.data
}

func (p *Param) setData(data []float32) {
	p.data, p.value = data, dense(data, p.shape)
}

// Fill calls a function that writes the weights, row by row, for example from a file. No random weights are
// drawn first. If the function returns an error, Fill returns it, and the weights must not be used.
func (p *Param) Fill(write func(data []float32) error) error {
	p.once[0].Do(func() { p.setData(kernel.Floats(p.Size())) })
	p.packed = nil
	return write(p.data)
}

// Adopt makes data, row by row, the weights. It belongs to the parameter from then on. If the parameter already
// has weights, programs may hold them, so data is copied into them instead.
func (p *Param) Adopt(data []float32) error {
	if len(data) != p.Size() {
		return fmt.Errorf("%s: %d numbers do not fill shape %v", p.name, len(data), p.shape)
	}
	adopted := false
	p.packed = nil
	p.once[0].Do(func() {
		p.setData(data)
		adopted = true
	})
	if !adopted {
		copy(p.data, data)
	}
	return nil
}

// GradData returns the gradient that [Program.RunGrad] adds to, laid out like Data.
func (p *Param) GradData() []float32 {
	grad, zeroed := p.overwriteGrad()
	if zeroed {
		clear(grad)
	}
	return grad
}

// overwriteGrad is GradData for a caller that writes the gradient: if it counts as zero, it is not cleared, and
// zeroed tells the caller to overwrite it instead of adding.
func (p *Param) overwriteGrad() (grad []float32, zeroed bool) {
	p.once[1].Do(p.makeGrad)
	zeroed, p.zeroed = p.zeroed, false
	return p.grad, zeroed
}

func (p *Param) makeGrad() {
	p.grad = make([]float32, p.Size())
	p.slope = dense(p.grad, p.shape)
}

// ZeroGrad makes the gradient zero. It is cleared when GradData or Grad next return it, unless it is
// overwritten first; a slice taken before keeps its values.
func (p *Param) ZeroGrad() { p.zeroed = p.grad != nil }

// Value returns Data as a tensor. It is for solvers; every program has its own header, because Gorgonia's
// matrix product transposes operands in place.
func (p *Param) Value() G.Value {
	p.Data()
	return p.value
}

// Grad returns GradData as a tensor. The error is always nil.
func (p *Param) Grad() (G.Value, error) {
	p.GradData()
	return p.slope, nil
}

// Params stores a model's weights. It is shared by every graph built over it. The zero value is not usable; use
// [NewParams].
type Params struct {
	seed  uint64
	ranks Ranks // nil if this process has everything
	mu    sync.Mutex
	order []*Param
	named map[string]*Param
}

// NewParams returns an empty store whose weights will be drawn from seed.
func NewParams(seed uint64) *Params {
	return &Params{seed: seed, named: make(map[string]*Param)}
}

// Seed returns the seed that the weights are drawn from.
func (ps *Params) Seed() uint64 { return ps.seed }

// Declare adds a parameter, or returns the existing one of that name if its shape and its distribution are the
// same. It allocates no weights.
func (ps *Params) Declare(name string, init Init, shape ...int) (*Param, error) {
	return ps.declare(name, init, 0, shape, Layout{})
}

// declare is Declare for a parameter with a part for each of the given number of groups, divided among ranks by
// l.
func (ps *Params) declare(name string, init Init, groups int, shape []int, l Layout) (*Param, error) {
	for _, d := range shape {
		if d < 1 {
			return nil, fmt.Errorf("%s: shape %v has a dimension below 1", name, tensor.Shape(shape))
		}
	}
	if len(shape) == 0 {
		return nil, fmt.Errorf("%s: a parameter needs at least one dimension", name)
	}
	if init.custom != nil && init.custom.fill == nil {
		return nil, fmt.Errorf("%s: the InitFunc %s has no function", name, init.custom.name)
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if p := ps.named[name]; p != nil {
		if !slices.Equal(p.Whole(), shape) {
			return nil, known("%s: shape %v, but %v in an earlier graph over these parameters", name, tensor.Shape(shape), p.Whole())
		}
		if !p.cut.layout.Same(l) {
			return nil, known("%s: %v, but %v in an earlier graph over these parameters", name, l, p.cut.layout)
		}
		if !p.init.same(init) {
			return nil, known("%s: initialized from %v, but from %v in an earlier graph over these parameters", name, init, p.init)
		}
		if groups > p.groups { // written only if it changes: programs of earlier graphs may be running
			p.groups = groups
		}
		return p, nil
	}
	p := &Param{name: name, shape: slices.Clone(shape), init: init, seed: ps.seed, groups: groups}
	if l.Sections != nil {
		if err := p.cutBy(l, ps.ranks); err != nil {
			return nil, err
		}
	}
	ps.order = append(ps.order, p)
	ps.named[name] = p
	return p, nil
}

// known returns the error for a parameter that exists with different properties.
func known(format string, args ...any) error {
	return fmt.Errorf(format+"; another model needs its own: graph.NewParams", args...)
}

// Get returns the parameter of that name, or nil.
func (ps *Params) Get(name string) *Param {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return ps.named[name]
}

// All returns the parameters in the order of their declaration.
func (ps *Params) All() []*Param {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return slices.Clone(ps.order)
}

// Names returns the names of All.
func (ps *Params) Names() []string {
	var names []string
	for _, p := range ps.All() {
		names = append(names, p.name)
	}
	return names
}

// Count returns the number of weights of all parameters; a tied one counts once.
func (ps *Params) Count() int64 {
	var n int64
	for _, p := range ps.All() {
		n += int64(p.Size())
	}
	return n
}

// ZeroGrad makes all gradients zero.
func (ps *Params) ZeroGrad() {
	for _, p := range ps.All() {
		p.ZeroGrad()
	}
}

// ValueGrads returns Trainable as the type that [G.Solver] takes.
func (ps *Params) ValueGrads() []G.ValueGrad {
	var all []G.ValueGrad
	for _, p := range ps.Trainable() {
		all = append(all, p)
	}
	return all
}

// dense returns a new header over data.
func dense[E float32 | int](data []E, shape tensor.Shape) *tensor.Dense {
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))
}
