package studio

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/graph/draw"
	"github.com/gorgpt/gorgpt/lens"
)

// Limits of requests for graphs.
const (
	mostOpen  = 16   // open scopes
	mostBoxes = 1500 // nodes that are each drawn as a box
	mostNodes = 400  // nodes that are described at once
)

// declared returns the nodes of a model's graph over that many tokens.
func (st *studio) declared(model string, tokens int) ([]graph.Node, error) {
	_, in, err := st.lensOf(model)
	if err != nil {
		return nil, err
	}
	s, err := in.Declare(tokens)
	if err != nil {
		return nil, refused("tokens", err)
	}
	return s.Nodes(), nil
}

// whole reads a whole number from the query of a URL.
func whole(q url.Values, name string, otherwise, low, high int) (int, error) {
	text := q.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		return 0, wrong(http.StatusBadRequest, name, "%s is %q; want a number from %d to %d", name, text, low, high)
	}
	return n, nil
}

// compared returns the graphs of the models that the query of a URL names: one, or two to compare.
func (st *studio) compared(q url.Values, before, after string) (graphs [][]graph.Node, err error) {
	tokens, err := whole(q, "tokens", 16, 1, lens.MostValued)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{before, after} {
		if q.Get(name) == "" && name == after {
			continue
		}
		nodes, err := st.declared(q.Get(name), tokens)
		if err != nil {
			return nil, err
		}
		graphs = append(graphs, nodes)
	}
	return graphs, nil
}

// graph draws a model's graph, or how another model's graph differs from it.
func (st *studio) graph(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	depth, err := whole(q, "depth", 0, -1, 8)
	if err != nil {
		return err
	}
	graphs, err := st.compared(q, "model", "with")
	if err != nil {
		return err
	}
	o := draw.Options{Depth: depth, Open: q["open"], Fold: q.Get("fold") != "", Marked: true}
	switch nodes := len(graphs[0]); {
	case len(o.Open) > mostOpen:
		return wrong(http.StatusBadRequest, "open", "%d scopes are open; want %d at most", len(o.Open), mostOpen)
	case depth < 0 && nodes > mostBoxes:
		return wrong(http.StatusBadRequest, "depth", "%d nodes are more than the %d boxes that a page can show: open a block instead", nodes, mostBoxes)
	}
	var picture []byte
	if len(graphs) == 2 {
		picture, err = draw.DiffSVG(graphs[0], graphs[1], o)
	} else {
		picture, err = draw.SVG(graphs[0], o)
	}
	if err != nil {
		return refused("open", err)
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	_, _ = w.Write(picture) // an error means that the client has gone
	return nil
}

// diff answers with the differences between two models' graphs.
func (st *studio) diff(w http.ResponseWriter, r *http.Request) error {
	graphs, err := st.compared(r.URL.Query(), "before", "after")
	if err != nil {
		return err
	}
	if len(graphs) < 2 {
		return wrong(http.StatusBadRequest, "after", "after is missing: the model to compare with")
	}
	d := graph.Diff(graphs[0], graphs[1])
	return write(w, http.StatusOK, map[string]any{"text": d.String(), "changes": len(d.Changes)})
}

type nodesQuestion struct {
	given
	Tokens int   `json:"tokens"` // length of the graph: as many of the text's last tokens
	Nodes  []int `json:"nodes"`  // IDs
	Values bool  `json:"values"`
}

// node is a node of the graph.
type node struct {
	ID        int        `json:"id"`
	Path      string     `json:"path"`
	Op        string     `json:"op"`
	Shape     []int      `json:"shape"`
	Inputs    []int      `json:"inputs"`
	FLOPs     int64      `json:"flops"`
	Bytes     int64      `json:"bytes"`
	Params    int64      `json:"params"`
	Histogram *histogram `json:"histogram,omitempty"`
}

// histogram is the distribution of the numbers in a value.
type histogram struct {
	Min       *float64 `json:"min"`
	Max       *float64 `json:"max"`
	Mean      *float64 `json:"mean"`
	Std       *float64 `json:"std"`
	Zeros     int      `json:"zeros"`
	NotFinite int      `json:"not_finite"`
	Counts    []int    `json:"counts"`
}

func histogramOf(h lens.Histogram) *histogram {
	return &histogram{number(h.Min), number(h.Max), number(h.Mean), number(h.Std), h.Zeros, h.NotFinite, h.Counts[:]}
}

// valued holds the histograms of a text, kept for the next request.
type valued struct {
	ids  []int
	each map[int]lens.Histogram
}

// nodes describes nodes of the graph, with histograms of their values for the text if these are wanted.
func (st *studio) nodes(r *http.Request, q nodesQuestion) (map[string]any, error) {
	if len(q.Nodes) > mostNodes {
		return nil, wrong(http.StatusBadRequest, "nodes", "%d nodes; want %d at most", len(q.Nodes), mostNodes)
	}
	all, err := st.declared(q.Model, q.Tokens)
	if err != nil {
		return nil, err
	}
	m, _, err := st.lensOf(q.Model)
	if err != nil {
		return nil, err
	}
	var values map[int]lens.Histogram
	if q.Values {
		if values, err = st.values(r, q); err != nil {
			return nil, err
		}
	}
	list := []node{}
	for _, id := range q.Nodes {
		if id < 0 || id >= len(all) {
			return nil, wrong(http.StatusBadRequest, "nodes", "no node %d: the graph has %d", id, len(all))
		}
		n := all[id]
		one := node{id, n.Path, n.Op, append([]int{}, n.Shape...), append([]int{}, n.Inputs...), n.FLOPs, n.Bytes, n.Params, nil}
		if h, seen := values[id]; seen {
			one.Histogram = histogramOf(h)
		} else if p := m.Params.Get(n.Path); q.Values && p != nil && n.Params > 0 {
			if packed, _ := p.Packed(); packed == nil { // Data would unpack a packed parameter for good
				one.Histogram = histogramOf(lens.Spread(p.Data()))
			}
		}
		list = append(list, one)
	}
	return map[string]any{"nodes": list, "total": graph.Sum(all)}, nil
}

// values returns the histograms for the last tokens of the text. It runs the model unless the last call was for the
// same tokens.
func (st *studio) values(r *http.Request, q nodesQuestion) (map[int]lens.Histogram, error) {
	m, in, err := st.lensOf(q.Model)
	if err != nil {
		return nil, err
	}
	s, err := q.spell(m)
	if err != nil {
		return nil, err
	}
	if q.Tokens > len(s.ids) {
		return nil, wrong(http.StatusBadRequest, "tokens", "tokens is %d; the text has %d", q.Tokens, len(s.ids))
	}
	ids := s.ids[len(s.ids)-q.Tokens:]
	st.mu.Lock()
	keeper := st.readers[m]
	kept := keeper.values
	st.mu.Unlock()
	if kept != nil && slices.Equal(kept.ids, ids) {
		return kept.each, nil
	}
	each, err := in.Values(r.Context(), ids)
	if err != nil {
		return nil, refused("text", err)
	}
	st.mu.Lock()
	keeper.values = &valued{slices.Clone(ids), each}
	st.mu.Unlock()
	return each, nil
}
