package lens

import (
	"context"
	"fmt"
	"slices"
	"strings"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
)

// Router is a layer that sends tokens to experts.
type Router struct {
	Path    string // of the values that it exposes, without their names
	Experts int    // E
	Chosen  int    // how many of them a token is sent to, K
}

// Routing says where a router sent the tokens of a text.
type Routing struct {
	Router
	Probs []float32 // (T, E), the router's scores
	Picks []int     // (T, K)
}

// routersOf lists the layers that expose probs (N, E) and picks (N, K).
func routersOf(s *graph.Scope, length int) (all []Router) {
	exposed := s.Exposed()
	for _, path := range exposed {
		at, is := strings.CutSuffix(path, ".probs")
		if !is || !slices.Contains(exposed, at+".picks") {
			continue
		}
		probs, picks := s.Result(path).Shape(), s.Result(at+".picks").Shape()
		if probs.Dims() == 2 && picks.Dims() == 2 && probs[0] == length && picks[0] == length {
			all = append(all, Router{at, probs[1], picks[1]})
		}
	}
	return all
}

// Routers returns the layers that send tokens to experts, in the order of declaration.
func (r *Reader) Routers() []Router { return r.routers }

// buildRouters compiles the program that computes the routers' scores and choices over one sequence.
func (r *Reader) buildRouters(shape ...int) (*graph.Program, []*G.Node, error) {
	s := graph.New(r.params)
	models.Body(r.model, s, s.Ints("tokens", 1, shape[0]))
	var outs []*G.Node
	for _, at := range r.routers {
		outs = append(outs, s.Result(at.Path+".probs"), s.Result(at.Path+".picks"))
	}
	p, err := s.Compile(outs...)
	return p, outs, err
}

// Routes returns where every router sends the tokens of a text.
func (r *Reader) Routes(ctx context.Context, ids []int) ([]Routing, error) {
	if len(r.routers) == 0 {
		return nil, nil
	}
	if err := r.begin(ctx, ids); err != nil {
		return nil, err
	}
	defer r.end()
	p, outs, err := r.routes.For(len(ids))
	if err != nil {
		return nil, err
	}
	if err := p.SetInts("tokens", padded(ids, r.rounded(len(ids))[0])); err != nil {
		return nil, err
	}
	if err := p.Run(); err != nil {
		return nil, err
	}
	var all []Routing
	for i, at := range r.routers {
		a := Routing{Router: at, Probs: slices.Clone(p.Value(outs[2*i])[:len(ids)*at.Experts])}
		for _, pick := range p.Value(outs[2*i+1])[:len(ids)*at.Chosen] {
			if pick < 0 || int(pick) >= at.Experts {
				return nil, fmt.Errorf("lens: %s.picks has %v; want experts 0 to %d", at.Path, pick, at.Experts-1)
			}
			a.Picks = append(a.Picks, int(pick))
		}
		all = append(all, a)
	}
	return all, nil
}
