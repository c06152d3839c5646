package graph

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Scope is a named place in a graph under construction. Constructors take a Scope, declare their parameters in
// it and add their nodes under its path.
//
// Errors stick: after the first, constructors return placeholders and [Scope.Err] says what went wrong and
// where, so a model needs no error checks of its own.
type Scope struct {
	*builder
	path   string
	shared bool
	within []use   // of the shared scopes that this one is in, the outermost first
	groups *Groups // that the rows belong to; nil if all rows are alike
	exact  bool    // products are in float32
}

// builder is what all scopes of one graph share.
type builder struct {
	graph     *G.ExprGraph
	index     *index
	params    *Params
	training  bool
	undropped bool
	cache     *Cache         // of an incremental graph
	seamless  bool           // the same bits wherever sequences are cut
	shares    int            // uses of shared scopes so far
	real      func() *G.Node // which rows are not padding; nil if nothing says so
	sequence  [2]int         // number of sequences that the rows are, and of positions in each
	err       error

	inputs    map[string]*G.Node  // parameters and inputs by name
	origin    map[*G.Node]string  // the path of every node made through a scope
	uses      map[*G.Node]int     // of Gorgonia's softmaxes
	repairs   map[*G.Node]*G.Node // what replaces Gorgonia's nodes
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
	ops       uint64             // number of ops made so far: the identity of the next
	run       *run               // of the program
	compiled  bool

	edits   []*edit
	editing map[string]bool           // paths whose edit is being declared
	misfits []string                  // what edits returned with other shapes than the layers'
	layers  []string                  // paths that layers were declared at
	results map[string]func() *G.Node // of layers and exposed values by their paths
	// settable holds the paths of layers by the type of the functions that change their settings
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

// Training builds the graph of a training step, which includes dropout. Other graphs leave it out altogether.
func Training() Option { return func(b *builder) { b.training = true } }

// WithoutDropout leaves dropout out of the graph of a training step too. Everything else that is specific to
// training, such as the losses that a head adds, is kept.
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

// Use adds options to a graph that has been started. They apply to what is declared afterwards.
func (s *Scope) Use(options ...Option) {
	for _, o := range options {
		o(s.builder)
	}
}

// At returns the scope below this one that is named by the format.
func (s *Scope) At(format string, args ...any) *Scope {
	below := *s
	below.path = s.join(fmt.Sprintf(format, args...))
	return &below
}

// Shared returns this scope as one that layers may be declared at more than once, with the same parameters each
// time: for range 12 { x = block(s.At("h").Shared(), x) }.
func (s *Scope) Shared() *Scope {
	shared := *s
	shared.shared = true
	s.shares++
	depth := len(strings.Split(s.path, "."))
	shared.within = append(slices.Clone(s.within), use{depth, s.shares})
	return &shared
}

// use is one of the uses of a shared scope, by the length of its path and a number.
type use struct{ depth, number int }

// Path returns the scope's path, as in "h.3.attn"; the root's is empty.
func (s *Scope) Path() string { return s.path }

// Graph returns the Gorgonia graph, for nodes that no constructor offers. Gorgonia's own functions may be
// applied to the nodes of a scope; pass their results to [Scope.Node].
func (s *Scope) Graph() *G.ExprGraph { return s.graph }

// Params returns the store that the graph's parameters are declared in.
func (s *Scope) Params() *Params { return s.params }

// Training reports whether the graph is that of a training step.
func (s *Scope) Training() bool { return s.training }

// Drops reports whether the graph includes dropout.
func (s *Scope) Drops() bool { return s.training && !s.undropped }

// Err returns the first error of the whole graph, or nil.
func (s *Scope) Err() error { return s.err }

// Check returns Err or, for a graph that is fully declared but not yet compiled, an error about edits that
// matched no layer.
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

// Lookup returns the parameter or input with the given full name, or nil if it has not been declared in this
// graph.
func (s *Scope) Lookup(name string) *G.Node { return s.inputs[name] }

// Param declares the parameter called name in this scope and returns its node. A second call with the same name
// in one graph is an error, since layers would share weights by mistake: to share a parameter, pass its node
// on, and to share a layer, see [Scope.Shared].
func (s *Scope) Param(name string, init Init, shape ...int) *G.Node {
	return s.CutParam(name, init, Layout{}, shape...)
}

// CutParam is Param for a parameter that is divided among ranks by l, see [Cut], if the store is split
// ([Params.Split]). The node has the shape of this rank's part. A section with fewer places than there are
// ranks is an error.
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

// Ints declares an input of integers, such as tokens of shape (B, T). [Program.SetInts] sets its values.
func (s *Scope) Ints(name string, shape ...int) *G.Node {
	return s.newInput(name, tensor.Int, shape)
}

// Floats declares an input of float32 numbers; see [Program.SetFloats].
func (s *Scope) Floats(name string, shape ...int) *G.Node {
	return s.newInput(name, tensor.Float32, shape)
}

// newInput declares an input and refuses a name that is already used: Gorgonia would silently merge the two.
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

// Fail records an error of the op or layer called op, prefixed with the scope's path, and returns a placeholder
// of the shape that the result would have had.
func (s *Scope) Fail(op string, shape tensor.Shape, format string, args ...any) *G.Node {
	text := op + ": " + fmt.Sprintf(format, args...)
	if s.path != "" {
		text = s.path + ": " + text
	}
	return s.fail(errors.New(text), shape)
}

// Require returns n, which was given to op as the argument called name. If n is nil, that is recorded as an
// error, and a placeholder (1, 1) is returned in its place: a constructor that begins with Require need not
// handle nil otherwise.
func (s *Scope) Require(op, name string, n *G.Node) *G.Node {
	if n != nil {
		return n
	}
	return s.Fail(op, tensor.Shape{1, 1}, "%s is nil; want a node", name)
}

// Node takes what a function of Gorgonia returns, as in s.Node(G.Square(x)): the node, which is recorded under
// the scope's path, or the error, which is recorded with that path. If the function's value or gradient is
// wrong in Gorgonia, a correct op takes its place, or compilation refuses it; docs/gorgonia.md lists these
// functions.
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
	s.Layout(n) // reports its error with this path
	return n
}

// fail records an error and returns a placeholder.
func (s *Scope) fail(err error, shape tensor.Shape) *G.Node {
	if s.err == nil {
		s.err = s.misfit(err)
	}
	return s.placeholder(shape)
}

// placeholder returns a node of the given shape. It lets a model function run to its end after an error,
// including Gorgonia's own functions in it; the graph will not compile.
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
