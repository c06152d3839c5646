package models

import (
	"strings"

	"github.com/gorgpt/gorgpt/graph"
)

// Cost is the cost in bytes of running one sequence through a model token by token.
type Cost struct {
	Weights int64 // read for each token: all but the tables of which it reads one row, and the experts that it is not sent to
	Cache   int64 // kept by layers, such as keys and values, for a sequence that fills the context

	read map[string]int64 // elements that a token reads, by parameter
}

// WeightsOf is Weights for the parameters as params holds them, which may be quantized.
func (c Cost) WeightsOf(params *graph.Params) (bytes int64) {
	for _, p := range params.All() {
		read := c.read[p.Name()]
		if w, _ := p.Packed(); w != nil {
			bytes += int64(float64(w.Bytes()) * float64(read) / float64(p.Size()))
		} else {
			bytes += 4 * read
		}
	}
	return bytes
}

// CostOf computes the cost from the nodes of the graph that continues one sequence. If the model has a layer
// that cannot continue from cached state, the model is run over the whole sequence for each token, and Cache
// is 0.
func CostOf(m Model) (Cost, error) {
	kept := graph.NewCache(1, DimsOf(m).Context)
	p, err := compileToken(m, graph.Incremental(kept))
	if err != nil {
		kept = graph.NewCache(1, 1)
		p, err = compileToken(m)
	}
	if err != nil {
		return Cost{}, err
	}
	defer p.Close()
	nodes := p.Nodes()
	read := make(map[int]bool)
	for _, n := range nodes {
		for _, in := range n.Inputs {
			// An op that only looks up a row does less work than this.
			read[in] = read[in] || n.FLOPs >= nodes[in].Active
		}
	}
	c := Cost{Cache: kept.Bytes(), read: make(map[string]int64)}
	for _, n := range nodes {
		if read[n.ID] {
			c.Weights += 4 * n.Active
			c.read[n.Path] += n.Active
		}
	}
	return c, nil
}

// compileToken compiles the program for one token of one sequence.
func compileToken(m Model, options ...graph.Option) (*graph.Program, error) {
	s := graph.New(graph.NewParams(0), options...)
	logits := LogitsAt(m, s, s.Ints("tokens", 1, 1), s.Ints("rows", 1))
	s.Past() // declares the input even if the model has neither positions nor attention, which would ask for it
	return s.Compile(logits)
}

// FLOPs returns those of one run of a program, without operations that are recomputed to save memory.
func FLOPs(p *graph.Program) float64 {
	var flops float64
	for _, n := range p.Nodes() {
		if !strings.HasSuffix(n.Op, " again") {
			flops += float64(n.FLOPs)
		}
	}
	return flops
}
