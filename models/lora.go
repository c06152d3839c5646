package models

import (
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
	"github.com/gorgpt/gorgpt/internal/scopepath"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// The two matrices of an adapter, under PEFT's names: (R, in) and (out, R).
const loraA, loraB = "lora_A", "lora_B"

// LoRA returns m with an adapter beside every linear layer of its blocks (Hu et al. 2021, §4.1; Dettmers et
// al. 2023, "QLoRA", §4, find that all of them are needed). An adapter adds B·A·x to the layer's output for
// x, where A (R, in) and B (out, R) are narrow matrices of the given rank. B is initialized to 0, so the
// model initially computes the same as m. There is no factor α/R: with Adam, tuning it amounts to tuning the
// learning rate (§4.1), which should be about ten times that for training all weights.
//
// Each product with a weight must be a layer of its own ([graph.Scope.Layer]) that does nothing else and that no
// edit changes; otherwise LoRA returns an error that names it.
//
// [OnlyAdapters] freezes the rest, and [Merge] adds the trained adapters to the weights.
func LoRA(m Model, rank int) (Model, error) {
	if width := DimsOf(m).Width; rank < 1 || rank > width {
		return nil, fmt.Errorf("models: adapters of rank %d, want 1 to %d, the model's width", rank, width)
	}
	places, err := linears(m)
	if err != nil {
		return nil, err
	}
	var edits []graph.Option
	var seen []string
	at := make(map[string]bool)
	for _, l := range places {
		at[l.path] = true
		if kind := l.kind(); !slices.Contains(seen, kind) {
			seen = append(seen, kind)
			edits = append(edits, graph.Wrap(kind, adapter(rank, at)))
		}
	}
	if edits == nil {
		return nil, fmt.Errorf("models: %T has no linear layer in its blocks to add an adapter to", m)
	}
	return Edit(m, edits...), nil
}

// adapter puts an adapter beside a layer at one of the paths: an edit may have removed others of their kind. A is
// initialized with the standard deviation of PyTorch's nn.Linear, which LoRA's own code uses, but from a normal
// distribution.
func adapter(rank int, at map[string]bool) func(s *graph.Scope, x *G.Node, layer func(*G.Node) *G.Node) *G.Node {
	return func(s *graph.Scope, x *G.Node, layer func(*G.Node) *G.Node) *G.Node {
		y := layer(x) // (N, out)
		if !at[s.Path()] {
			return y
		}
		drawn := graph.Normal(1 / math.Sqrt(3*float64(x.Shape()[1])))
		a := layers.Dense(s.At(loraA), x, rank, layers.Weights{Init: drawn, NoBias: true})                 // (N, R)
		b := layers.Dense(s.At(loraB), a, y.Shape()[1], layers.Weights{Init: graph.Zeros(), NoBias: true}) // (N, out)
		return ops.Add(s, y, b)                                                                            // (N, out)
	}
}

// IsAdapter reports whether a parameter belongs to an adapter that [LoRA] added.
func IsAdapter(name string) bool {
	return strings.HasSuffix(name, "."+loraA+".weight") || strings.HasSuffix(name, "."+loraB+".weight")
}

// OnlyAdapters freezes all declared parameters of a model that [LoRA] returned, except its adapters.
func OnlyAdapters(params *graph.Params) error {
	found := false
	for _, p := range params.All() {
		p.SetFrozen(!IsAdapter(p.Name()))
		found = found || IsAdapter(p.Name())
	}
	if !found {
		return errors.New("models: no adapter is declared among the parameters; see LoRA")
	}
	return nil
}

// Merge sets the parameters of m from those of the same names in from. m has no adapters, but params may also
// hold a task head. Where from has an adapter beside a layer, the product is added to the layer's weight: W +
// B·A. The other parameters are shared with from, not copied. Merging again into the same parameters takes no
// more memory.
func Merge(m Model, params, from *graph.Params) error {
	places, err := linears(m)
	if err != nil {
		return err
	}
	merged := make(map[string]bool)
	for _, p := range params.All() {
		old := from.Get(p.Name())
		if old == nil || !slices.Equal(old.Shape(), p.Shape()) {
			return fmt.Errorf("models: %s: no such weight of shape %v to merge with an adapter", p.Name(), p.Shape())
		}
		layer := strings.TrimSuffix(p.Name(), ".weight")
		a, b := from.Get(layer+"."+loraA+".weight"), from.Get(layer+"."+loraB+".weight")
		if a == nil || b == nil {
			if err := p.Adopt(old.Data()); err != nil {
				return err
			}
			continue
		}
		at := slices.IndexFunc(places, func(l linear) bool { return l.path == layer })
		if at < 0 {
			return fmt.Errorf("models: %s has an adapter, but is not a linear layer of the blocks", layer)
		}
		if err := p.Fill(func(data []float32) error {
			copy(data, old.Data())
			places[at].addProduct(data, a, b)
			return nil
		}); err != nil {
			return err
		}
		merged[a.Name()], merged[b.Name()] = true, true
	}
	for _, p := range from.All() {
		if IsAdapter(p.Name()) && !merged[p.Name()] {
			return fmt.Errorf("models: %s belongs to no weight of the model that it could be merged into", p.Name())
		}
	}
	return nil
}

// linear is a linear layer of a block.
type linear struct {
	path  string
	dense bool // its weight is (out, in), not (in, out)
	id    int  // of the product's node
}

// kind returns the path with * in place of numbers.
func (l linear) kind() string {
	names := strings.Split(l.path, ".")
	for i, n := range names {
		if number, _ := path.Match("[0-9]*", n); number {
			names[i] = "*"
		}
	}
	return strings.Join(names, ".")
}

// addProduct adds B·A to a weight, for each expert if there are several.
func (l linear) addProduct(w []float32, a, b *graph.Param) {
	shape := a.Shape() // (R, in), or (E, R, in)
	rank, in := shape[len(shape)-2], shape[len(shape)-1]
	experts := a.Size() / (rank * in)
	out := b.Size() / (rank * experts)
	for e := range experts {
		w, a, b := w[e*in*out:(e+1)*in*out], a.Data()[e*rank*in:(e+1)*rank*in], b.Data()[e*rank*out:(e+1)*rank*out]
		if l.dense {
			kernel.Gemm(false, false, out, in, rank, 1, b, rank, a, in, 1, w, in)
		} else {
			kernel.Gemm(true, true, in, out, rank, 1, a, in, b, rank, 1, w, out)
		}
	}
}

// linears lists the linear layers of a model's blocks in the order of their declaration. Each must be only its product, with
// edits too, since otherwise W + B·A would not be the same as an adapter beside the layer.
func linears(m Model) ([]linear, error) {
	blocks, err := Blocks(m)
	if err != nil {
		return nil, err
	}
	all, kinds, err := products(m, blocks)
	if err != nil {
		return nil, err
	}
	for _, l := range all {
		if IsAdapter(l.path + ".weight") {
			return nil, fmt.Errorf("models: the model has an adapter already, %s", l.path)
		}
	}
	type call struct{ x, y *G.Node }
	calls := make(map[string][]call)
	var record []graph.Option
	for _, kind := range kinds {
		record = append(record, graph.Wrap(kind, func(s *graph.Scope, x *G.Node, layer func(*G.Node) *G.Node) *G.Node {
			y := layer(x)
			calls[s.Path()] = append(calls[s.Path()], call{x, y})
			return y
		}))
	}
	s := declareBody(Edit(m, record...), graph.NewParams(0))
	if s.Err() != nil {
		return nil, s.Err()
	}
	nodes := s.Nodes()
	for _, l := range all {
		product, found := s.NodeOf(l.id), calls[l.path]
		if len(found) == 0 {
			return nil, fmt.Errorf("models: %s: its product is not a layer of its own (graph.Scope.Layer), so that no adapter can be put beside it", l.path)
		}
		if !slices.ContainsFunc(found, func(c call) bool {
			return c.y == product && slices.ContainsFunc(nodes[l.id].Inputs, func(id int) bool { return s.NodeOf(id) == c.x })
		}) {
			return nil, fmt.Errorf("models: %s is more than the product with its weight, so that an adapter beside it could not be merged into the weight: make the product a layer of its own, and edit the layers around it", l.path)
		}
	}
	return all, nil
}

// products lists the products with a layer's weight in a model's blocks, and the kinds of their paths.
func products(m Model, blocks string) (all []linear, kinds []string, err error) {
	params := graph.NewParams(0)
	s := declareBody(m, params)
	if s.Err() != nil {
		return nil, nil, s.Err()
	}
	for _, n := range s.Nodes() {
		product := n.Op == "Linear" || n.Op == "Dense"
		if !product || params.Get(n.Path+".weight") == nil || !scopepath.Inside(strings.Split(blocks, "."), strings.Split(n.Path, ".")) {
			continue
		}
		l := linear{n.Path, n.Op == "Dense", n.ID}
		all = append(all, l)
		if !slices.Contains(kinds, l.kind()) {
			kinds = append(kinds, l.kind())
		}
	}
	return all, kinds, nil
}

// declareBody declares a model's blocks for one token.
func declareBody(m Model, params *graph.Params) *graph.Scope {
	s := graph.New(params)
	Body(m, s, s.Ints("tokens", 1, 1))
	return s
}
