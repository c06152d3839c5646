package models

import (
	"strings"

	"github.com/gorgpt/gorgpt/graph"
)

// Cost is what it takes in bytes to give a model a sequence token by token.
type Cost struct {
	Weights int64 // that a token reads: all but the tables of which it takes a row, and experts that it is not sent to
	Cache   int64 // that layers keep of a sequence that fills the context, such as keys and values

	read map[string]int64 // of parameters, the elements that a token reads
}

// WeightsOf is Weights with the parameters as a store keeps them, which may be in few bits.
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

// CostOf counts the nodes of the graph that continues one sequence. For a model with a layer
// that cannot go on from what is kept, which is run over the whole sequence for each token, Cache
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
			// What looks a row up works on that alone.
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

// compileToken makes the program for one token of one sequence.
func compileToken(m Model, options ...graph.Option) (*graph.Program, error) {
	s := graph.New(graph.NewParams(0), options...)
	logits := LogitsAt(m, s, s.Ints("tokens", 1, 1), s.Ints("rows", 1))
	s.Past() // a model without positions and attention does not ask
	return s.Compile(logits)
}

// FLOPs are those of one run of a program, without what is computed again to save memory.
func FLOPs(p *graph.Program) float64 {
	var flops float64
	for _, n := range p.Nodes() {
		if !strings.HasSuffix(n.Op, " again") {
			flops += float64(n.FLOPs)
		}
	}
	return flops
}
