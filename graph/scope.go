package graph

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Scope is a named place in a graph under construction. Constructors take one,
// declare their parameters in it and add their nodes under its path.
//
// Errors stick: after the first, constructors return placeholders and [Scope.Err]
// tells what went wrong and where, so a model needs no error checks of its own.
type Scope struct {
	*builder
	path   string
	shared bool
	groups *Groups // of the rows; nil if all are alike
	exact  bool    // products are of float32
}

// builder is what all scopes of one graph share.
type builder struct {
	graph     *G.ExprGraph
	index     *index
	params    *Params
	training  bool
	undropped bool
	cache     *Cache // of an incremental graph
	seamless  bool   // the same bits wherever sequences are cut
	sequence  [2]int // how many sequences the rows are, of how many positions
	err       error

	inputs    map[string]*G.Node  // parameters and inputs by name
	origin    map[*G.Node]string  // the path of every node made through a scope
	uses      map[*G.Node]int     // of Gorgonia's softmaxes
	repairs   map[*G.Node]*G.Node // what stands in the place of Gorgonia's nodes
	streams   map[string]int      // random streams by name
	constants map[string]func() []float32
	sides     G.Nodes        // of AddExtra
	stores    map[string]int // what layers remember, by name
	passed    map[string]int // how many groups of a parameter a row passes through, by name
	losses    []AddedLoss
	pools     []*pool
	reports   []Reported
	names     map[string]int     // of losses and reports
	retained  G.Nodes            // whose gradients are wanted
	layouts   map[*G.Node]Layout // of nodes that a rank has a part of; see [Params.Split]
	ops       uint64             // ops made so far: the identity of the next
	run       *run               // of the program
	compiled  bool

	edits   []*edit
	editing map[string]bool           // paths whose edit is being declared
	misfits []string                  // what edits returned in other shapes than the layers'
	layers  []string                  // paths that layers were declared at
	results map[string]func() *G.Node // of layers by their paths, and exposed values
	// settable are the paths of layers by the type of what changes their settings
	settable map[reflect.Type][]string
	watches  []*watched
	exposed  []string // paths that layers expose
	seen     []seenNode

	recompute [][]string // patterns of paths
	computing []computing
	segments  map[string]*segment
	unused    map[*G.Node]bool // copies that are not run

	differentiated bool
	firstGradient  int64 // the ID of the first node that differentiation added
}

// Option changes how a graph is built.
type Option func(*builder)

// Training builds the graph of a training step: dropout is in it. Without, it is
// left out altogether.
func Training() Option { return func(b *builder) { b.training = true } }

// WithoutDropout leaves dropout out of the graph of a training step too; what else is of training alone, as the losses that a head adds, stays.
func WithoutDropout() Option { return func(b *builder) { b.undropped = true } }

// New starts a graph over a store of parameters and returns its root.
func New(ps *Params, options ...Option) *Scope {
	b := &builder{
		graph:     G.NewGraph(),
		params:    ps,
		inputs:    make(map[string]*G.Node),
		origin:    make(map[*G.Node]string),
		repairs:   make(map[*G.Node]*G.Node),
		uses:      make(map[*G.Node]int),
		streams:   make(map[string]int),
		stores:    make(map[string]int),
		passed:    make(map[string]int),
		names:     make(map[string]int),
		constants: make(map[string]func() []float32),
		run:       new(run),
		editing:   make(map[string]bool),
		results:   make(map[string]func() *G.Node),
		settable:  make(map[reflect.Type][]string),
		layouts:   make(map[*G.Node]Layout),

		segments: make(map[string]*segment),
		unused:   make(map[*G.Node]bool),
	}
	b.index = newIndex(b.graph)
	s := &Scope{builder: b}
	s.Use(options...)
	return s
}

// Use adds options to a graph that has been started. They hold for what is declared from
// then on.
func (s *Scope) Use(options ...Option) {
	for _, o := range options {
		o(s.builder)
	}
}

// At returns the place named by the format below this one.
func (s *Scope) At(format string, args ...any) *Scope {
	below := *s
	below.path = s.join(fmt.Sprintf(format, args...))
	return &below
}

// Shared is this scope as a place that layers are declared at more than once, with the same
// parameters each time: for range 12 { x = block(s.At("h").Shared(), x) }.
func (s *Scope) Shared() *Scope {
	shared := *s
	shared.shared = true
	return &shared
}

// Path is the scope's place, as in "h.3.attn"; the root's is empty.
func (s *Scope) Path() string { return s.path }

// Graph is the Gorgonia graph, for nodes that no constructor offers. Gorgonia's own
// functions may be applied to the nodes of a scope; [Scope.Node] takes what they return.
func (s *Scope) Graph() *G.ExprGraph { return s.graph }

// Params is the store that the graph's parameters are declared in.
func (s *Scope) Params() *Params { return s.params }

// Training tells whether the graph is that of a training step.
func (s *Scope) Training() bool { return s.training }

// Drops tells whether dropout is in the graph.
func (s *Scope) Drops() bool { return s.training && !s.undropped }

// Err returns the first error of the whole graph, or nil.
func (s *Scope) Err() error { return s.err }

// Check is Err or, of a graph that is declared to its end and not compiled, what tells of an edit that met no layer.
func (s *Scope) Check() error {
	if s.err != nil {
		return s.err
	}
	return s.checkEdits()
}

// join appends a name to the scope's path.
func (s *Scope) join(name string) string {
	if s.path == "" || name == "" {
		return s.path + name
	}
	return s.path + "." + name
}

// Lookup returns the parameter or the input of that full name, if it has been declared
// in this graph, or nil.
func (s *Scope) Lookup(name string) *G.Node { return s.inputs[name] }

// Param declares the parameter called name in this scope and returns its node. A
// second call for one name in one graph is an error, since layers would share weights
// by mistake: to share a parameter, pass its node on, and to share a layer, see [Scope.Shared].
func (s *Scope) Param(name string, init Init, shape ...int) *G.Node {
	return s.CutParam(name, init, Layout{}, shape...)
}

// CutParam is Param of a shape that ranks share out where the store is split ([Params.Split]), as [Cut] says; the node has the shape of this rank's part. A section
// that has not a place for each rank is an error.
func (s *Scope) CutParam(name string, init Init, l Layout, shape ...int) *G.Node {
	full, groups := s.join(name), 0
	if s.groups != nil {
		groups = s.groups.Count
		shape = append([]int{groups}, shape...)
		l.Axis++
	}
	if s.Ranks() == nil || l.Sections == nil {
		l = Layout{}
	}
	if s.err != nil {
		return s.placeholder(shape)
	}
	if s.inputs[full] != nil && !s.shared {
		return s.fail(fmt.Errorf("%s is declared twice in one graph; to share a parameter, pass its node on (or Scope.Shared)", full), shape)
	}
	p, err := s.params.declare(full, init, groups, shape, l)
	if err != nil {
		return s.fail(err, shape)
	}
	if groups > 0 {
		s.passed[full] = s.groups.PerRow
	}
	n := s.input(full, tensor.Float32, p.shape)
	s.setLayout(n, l)
	return n
}

// Ints declares an input of integers, such as tokens of shape (B, T). The program's
// [Program.SetInts] gives it values.
func (s *Scope) Ints(name string, shape ...int) *G.Node {
	return s.newInput(name, tensor.Int, shape)
}

// Floats declares an input of float32 numbers; see [Program.SetFloats].
func (s *Scope) Floats(name string, shape ...int) *G.Node {
	return s.newInput(name, tensor.Float32, shape)
}

// newInput declares an input and refuses a name that is taken: Gorgonia would
// silently merge the two.
func (s *Scope) newInput(name string, dtype tensor.Dtype, shape []int) *G.Node {
	full := s.join(name)
	switch {
	case s.err != nil:
		return s.placeholder(shape)
	case s.inputs[full] != nil:
		return s.fail(fmt.Errorf("input %s is declared twice", full), shape)
	case len(shape) == 0 || slices.Min(shape) < 1:
		return s.fail(fmt.Errorf("input %s: shape %v needs dimensions of 1 or more", full, tensor.Shape(shape)), shape)
	}
	return s.input(full, dtype, shape)
}

// input adds an input node, once.
func (s *Scope) input(full string, dtype tensor.Dtype, shape []int) *G.Node {
	if n := s.inputs[full]; n != nil {
		return n
	}
	s.index.reserve(256)
	n := G.NewTensor(s.graph, dtype, len(shape), G.WithShape(shape...), G.WithName(full))
	s.inputs[full] = n
	s.origin[n] = full
	return n
}

// Fail records an error of the op or layer called op, with the scope's path in
// front, and returns a placeholder of the shape that the result would have had.
func (s *Scope) Fail(op string, shape tensor.Shape, format string, args ...any) *G.Node {
	text := op + ": " + fmt.Sprintf(format, args...)
	if s.path != "" {
		text = s.path + ": " + text
	}
	return s.fail(errors.New(text), shape)
}

// Require is n, which op was given as the argument of that name. If it is nil, that is
// recorded as an error, and a placeholder (1, 1) stands for it: a constructor that begins
// with it needs no other thought of nil.
func (s *Scope) Require(op, name string, n *G.Node) *G.Node {
	if n != nil {
		return n
	}
	return s.Fail(op, tensor.Shape{1, 1}, "%s is nil; want a node", name)
}

// Node takes what a function of Gorgonia returns, as in s.Node(G.Square(x)): the node,
// filed under the scope's path, or the error, recorded with the path in front. Where the
// function is wrong in Gorgonia, in its value or in its gradient, an op that is right stands
// in its place, or compilation refuses it; docs/gorgonia.md lists them.
func (s *Scope) Node(n *G.Node, err error) *G.Node {
	if err != nil {
		return s.Fail("Gorgonia", tensor.Shape{1}, "%v", err)
	}
	s.index.reserve(256)
	n = s.Require("Gorgonia", "the result", n)
	n = s.repaired(n)
	if _, known := s.origin[n]; !known {
		s.origin[n] = s.path
	}
	s.Layout(n) // an error of it is known by the path
	return n
}

// fail records an error and returns a placeholder.
func (s *Scope) fail(err error, shape tensor.Shape) *G.Node {
	if s.err == nil {
		s.err = s.misfit(err)
	}
	return s.placeholder(shape)
}

// placeholder is a node of the given shape. It lets a model function run to its end
// after an error, Gorgonia's own functions in it too; the graph will not compile.
func (s *Scope) placeholder(shape tensor.Shape) *G.Node {
	shape = shape.Clone()
	for i, d := range shape {
		shape[i] = max(d, 1)
	}
	if shape.Dims() == 0 {
		shape = tensor.Shape{1}
	}
	s.ops++
	return G.NewTensor(s.graph, tensor.Float32, shape.Dims(), G.WithShape(shape...), G.WithName(fmt.Sprint("placeholder ", s.ops)))
}
