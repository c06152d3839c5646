package graph

import (
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/internal/nearest"
	"github.com/gorgpt/gorgpt/internal/scopepath"
)

// edit is a change of some layers: around declares what takes the place of a layer; settings, a func(*S),
// changes settings of type S.
type edit struct {
	call     string // as the user wrote it, for errors
	pattern  string
	around   func(s *Scope, x *G.Node, layer func(*G.Node) *G.Node) *G.Node
	settings any
	matched  bool
}

// of reports whether the edit changes the layer at a path.
func (e *edit) of(path string) bool { return e.around != nil && matches(e.pattern, path) }

// Wrap changes every layer whose path matches pattern, without touching the model that declares it. In place of
// the layer, f is called with the layer's scope, its input and the layer itself, which f may call once, not at
// all, or on something else.
//
// A pattern is a whole path in which * stands for any part of a name, as in "h.*.mlp". The paths are those that
// layers are declared at: all of package layers, a whole block ("h.*"), an MLP's activation ("h.*.mlp.act") and
// a residual sum ("h.*.mlp.residual").
//
// Edits nest: of several that match the same layer, the one given last is outermost, and a Replace discards
// those given before it. A layer that f declares at the very place it edits is not edited again; layers below
// that place are.
//
// The result may have a different shape than the layer's if what follows accepts it; if not, the error names
// the edit. A pattern that matches no layer is a compilation error.
//
// A panic of f becomes an error that names the layer.
//
// An edit belongs to one graph. To train, evaluate and sample an edited model, make a model of it with
// models.Edit.
func Wrap(pattern string, f func(s *Scope, x *G.Node, layer func(*G.Node) *G.Node) *G.Node) Option {
	return change("Wrap", pattern, f != nil, f)
}

// Replace is [Wrap] with f in place of the layer. The layer's parameters are not declared.
func Replace(pattern string, f func(s *Scope, x *G.Node) *G.Node) Option {
	return change("Replace", pattern, f != nil, func(s *Scope, x *G.Node, _ func(*G.Node) *G.Node) *G.Node { return f(s, x) })
}

// Remove is [Replace] with the identity: the layer's input becomes its result. To remove a branch of a block
// from the residual stream, replace it with ops.Zero instead: removing "h.2.attn" adds its input, the normalized
// stream, to the stream.
func Remove(pattern string) Option {
	return change("Remove", pattern, true, func(_ *Scope, x *G.Node, _ func(*G.Node) *G.Node) *G.Node { return x })
}

// Before is [Wrap] with f inserted before the layer.
func Before(pattern string, f func(s *Scope, x *G.Node) *G.Node) Option {
	return change("Before", pattern, f != nil, func(s *Scope, x *G.Node, layer func(*G.Node) *G.Node) *G.Node { return layer(f(s, x)) })
}

// After is [Wrap] with f inserted after the layer.
func After(pattern string, f func(s *Scope, x *G.Node) *G.Node) Option {
	return change("After", pattern, f != nil, func(s *Scope, x *G.Node, layer func(*G.Node) *G.Node) *G.Node { return f(s, layer(x)) })
}

// change returns an edit. If its function is nil, the edit returns no node, which is an error.
func change(name, pattern string, given bool, around func(s *Scope, x *G.Node, layer func(*G.Node) *G.Node) *G.Node) Option {
	if !given {
		around = func(*Scope, *G.Node, func(*G.Node) *G.Node) *G.Node { return nil }
	}
	return func(b *builder) {
		b.edits = append(b.edits, &edit{call: name + "(" + pattern + ")", pattern: pattern, around: around})
	}
}

// Layer declares a layer at this scope, with build unless the graph was started with an edit of it, such as
// [Replace]. A constructor whose layers are to be editable makes its nodes within one call of Layer. shape is
// the shape of the result.
func (s *Scope) Layer(x *G.Node, shape tensor.Shape, build func(s *Scope, x *G.Node) *G.Node) *G.Node {
	if s.editing[s.path] {
		return build(s, x)
	}
	s.layers = append(s.layers, s.path)
	for _, e := range s.edits {
		e.matched = e.matched || e.of(s.path)
	}
	y := s.edited(len(s.edits), x, shape.Clone(), build)
	s.results[s.path] = func() *G.Node { return y }
	s.watch(y)
	return y
}

// Result returns the result of a layer that was declared before, including edits, or a value that it exposes,
// such as "h.0.attn.values". An edit may name a layer relative to the scope that contains the layer it edits,
// as "ln_1" in an edit of h.3.ln_2, or relative to any scope above, as "wte".
func (s *Scope) Result(layer string) *G.Node {
	for at := s.path; ; at = at[:max(strings.LastIndexByte(at, '.'), 0)] {
		if y := s.results[strings.TrimPrefix(at+"."+layer, ".")]; y != nil {
			return y()
		}
		if at == "" {
			known := append(kinds(slices.Sorted(maps.Keys(s.results))), "the layers declared before this place")
			return s.Fail("Result", tensor.Shape{1, 1}, "%v", nearest.Unknown("layer", layer, known))
		}
	}
}

// edited declares the layer with the first n edits around it.
func (s *Scope) edited(n int, x *G.Node, shape tensor.Shape, build func(s *Scope, x *G.Node) *G.Node) *G.Node {
	for i, e := range slices.Backward(s.edits[:n]) {
		if !e.of(s.path) {
			continue
		}
		y, panicked := e.apply(s, x, func(x *G.Node) *G.Node {
			if x == nil {
				return nil // the function before returned no node
			}
			return s.edited(i, x, shape, build)
		})
		switch {
		case panicked != "":
			return s.Fail(e.call, shape, "it panicked: %s", panicked)
		case y == nil:
			return s.Fail(e.call, shape, "it returned no node")
		case !y.Shape().Eq(shape):
			s.misfits = append(s.misfits, fmt.Sprintf("%s returned %v at %s, whose layer returns %v", e.call, y.Shape(), s.path, shape))
		}
		if _, known := s.origin[y]; !known {
			s.origin[y] = s.path
		}
		return y
	}
	return build(s, x)
}

// apply calls the edit's function.
func (e *edit) apply(s *Scope, x *G.Node, layer func(*G.Node) *G.Node) (y *G.Node, panicked string) {
	outer := s.editing[s.path]
	s.editing[s.path] = true
	panicked = guarded(func() { y = e.around(s, x, layer) })
	s.editing[s.path] = outer
	return y, panicked
}

// oneLine returns the text of a panic's value.
func oneLine(r any) string { return strings.Join(strings.Fields(fmt.Sprint(r)), " ") }

// misfit adds to an error what edits did that may have caused it.
func (b *builder) misfit(err error) error {
	if len(b.misfits) == 0 {
		return err
	}
	return fmt.Errorf("%w (%s)", err, b.misfits[len(b.misfits)-1])
}

// Edits describes the options that are edits, in order, by kind and pattern, as in "Replace(h.*.mlp.act)". This
// can be recorded where the functions cannot.
func Edits(options ...Option) []string {
	var b builder
	for _, o := range options {
		o(&b)
	}
	var calls []string
	for _, e := range b.edits {
		calls = append(calls, e.call)
	}
	return calls
}

// checkEdits returns an error if an edit or a watch matched no layer.
func (b *builder) checkEdits() error {
	for _, e := range b.edits {
		known := b.layers
		if e.settings != nil {
			known = b.settable[reflect.TypeOf(e.settings)]
		}
		if at := slices.IndexFunc(known, func(at string) bool { return matches(e.pattern, at) }); !e.matched && at >= 0 {
			return fmt.Errorf("graph: %s: the layer %s was declared before the edit was given", e.call, known[at])
		}
		if !e.matched {
			return fmt.Errorf("graph: %s: %w", e.call, unknown("layer", e.pattern, known))
		}
	}
	for _, w := range b.watches {
		if !w.matched {
			return fmt.Errorf("graph: Watch(%s): %w", w.pattern, unknown("value", w.pattern, append(b.layers, b.exposed...)))
		}
	}
	return nil
}

// matches reports whether a whole path matches a pattern.
func matches(pattern, at string) bool {
	p, names := strings.Split(pattern, "."), strings.Split(at, ".")
	return len(p) == len(names) && scopepath.Inside(p, names)
}

// unknown returns the error for a pattern that matches none of the known paths. If only its numbers are wrong, as in
// "h.9.mlp" of a model with two blocks, the error says which there are.
func unknown(what, pattern string, known []string) error {
	all := kinds(known)
	if kind := kinds([]string{pattern})[0]; kind != pattern && slices.Contains(all, kind) {
		like := slices.DeleteFunc(slices.Clone(known), func(at string) bool { return kinds([]string{at})[0] != kind })
		if first, last := like[0], like[len(like)-1]; first != last {
			return fmt.Errorf("unknown %s %q; want one from %s to %s", what, pattern, first, last)
		}
		return fmt.Errorf("unknown %s %q; want %s", what, pattern, like[0])
	}
	return nearest.Unknown(what, pattern, all)
}

// kinds lists the distinct paths, in order, with * for numbers.
func kinds(paths []string) []string {
	var out []string
	for _, at := range paths {
		names := strings.Split(at, ".")
		for i, n := range names {
			if ok, _ := path.Match("[0-9]*", n); ok {
				names[i] = "*"
			}
		}
		if kind := strings.Join(names, "."); !slices.Contains(out, kind) {
			out = append(out, kind)
		}
	}
	return out
}
