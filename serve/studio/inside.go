package studio

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"net/http"

	"github.com/gorgpt/gorgpt/lens"
)

// Limits of what the page gets of attention at once.
const (
	mostCells = 96  // rows and columns of a small map
	mostWide  = 512 // rows and columns of a large map
	mostHeads = 48  // small maps
)

type readsQuestion struct {
	given
	Position int `json:"position"` // the token whose attention is shown
}

// headsOf describes the heads of a layer.
type headsOf struct {
	Path  string `json:"path"`
	Count int    `json:"count"`
}

// rows holds the attention weights of all heads at one position.
type rows struct {
	Layers []headsOf `json:"layers"`
	Start  int       `json:"start"`  // the token of the first column
	Tokens int       `json:"tokens"` // columns
	Data   string    `json:"data"`   // (L·H, T), 16-bit little-endian numbers of which 65535 is 1; base64
}

// layersOf lists a model's attention layers.
func layersOf(in *lens.Reader) []headsOf {
	all := []headsOf{}
	for _, l := range in.Layers() {
		all = append(all, headsOf{l.Path, l.Count})
	}
	return all
}

// opened returns the text of a request, and the lens of its model.
func (st *studio) opened(g given) (in *lens.Reader, s *spelled, err error) {
	m, in, err := st.lensOf(g.Model)
	if err != nil {
		return nil, nil, err
	}
	s, err = g.spell(m)
	return in, s, err
}

// reads answers with the attention weights of every head of every layer at a position.
func (st *studio) reads(r *http.Request, q readsQuestion) (*rows, error) {
	in, s, err := st.opened(q.given)
	if err != nil {
		return nil, err
	}
	start, ids := s.window(in)
	a := &rows{Layers: layersOf(in), Start: start, Tokens: len(ids)}
	if len(a.Layers) == 0 {
		return a, nil
	}
	all, err := in.Reads(r.Context(), ids, q.Position-start)
	if err != nil {
		return nil, refused("position", err)
	}
	var data []byte
	for _, row := range all {
		for _, w := range row {
			data = binary.LittleEndian.AppendUint16(data, uint16(math.Round(65535*share(w))))
		}
	}
	a.Data = base64.StdEncoding.EncodeToString(data)
	return a, nil
}

// share clamps an attention weight to [0, 1]; NaN becomes 0.
func share(w float32) float64 {
	if !(w > 0) {
		return 0
	}
	return min(float64(w), 1)
}

type attentionQuestion struct {
	given
	Layer int  `json:"layer"`
	Head  *int `json:"head,omitempty"` // the head for one large map; if absent, small maps of all heads
	From  int  `json:"from,omitempty"` // the first head of the small maps
}

// attentionMaps holds the attention weights of heads of a layer at all positions.
type attentionMaps struct {
	Path  string `json:"path"`
	Count int    `json:"count"` // heads of the layer
	From  int    `json:"from"`  // the first head in Data
	Heads int    `json:"heads"` // heads in Data
	Start int    `json:"start"`
	Cells int    `json:"cells"` // rows, and columns
	Each  int    `json:"each"`  // tokens that a row or column stands for; a cell has their largest weight
	Data  string `json:"data"`  // (H, N, N), 8-bit numbers of which 255 is 1; base64
}

// attention answers with the attention maps of a layer.
func (st *studio) attention(r *http.Request, q attentionQuestion) (*attentionMaps, error) {
	in, s, err := st.opened(q.given)
	if err != nil {
		return nil, err
	}
	start, ids := s.window(in)
	all, err := in.Attention(r.Context(), ids, q.Layer, q.Layer+1)
	if err != nil {
		return nil, refused("layer", err)
	}
	m := all[0]
	a := &attentionMaps{Path: m.Path, Count: m.Count, From: q.From, Start: start}
	cells := mostCells
	a.Heads = min(m.Count-q.From, mostHeads)
	if q.Head != nil {
		a.From, a.Heads, cells = *q.Head, 1, mostWide
	}
	if a.From < 0 || a.From >= m.Count {
		return nil, wrong(http.StatusBadRequest, "head", "no head %d: the layer has %d, counted from 0", a.From, m.Count)
	}
	a.Each = (m.Tokens + cells - 1) / cells
	a.Cells = (m.Tokens + a.Each - 1) / a.Each
	data := make([]byte, a.Heads*a.Cells*a.Cells)
	for h := range a.Heads {
		pool(data[h*a.Cells*a.Cells:(h+1)*a.Cells*a.Cells], m.Head(a.From+h), m.Tokens, a.Each, a.Cells)
	}
	a.Data = base64.StdEncoding.EncodeToString(data)
	return a, nil
}

// pool writes the maximum of each square of a map.
func pool(out []byte, weights []float32, tokens, each, cells int) {
	for t := range tokens {
		for u := range t + 1 {
			cell := &out[t/each*cells+u/each]
			*cell = max(*cell, byte(math.Round(255*share(weights[t*tokens+u]))))
		}
	}
}

type lensQuestion struct {
	given
	From int `json:"from"` // positions
	To   int `json:"to"`
	Top  int `json:"top"`
}

// placed is a place in the residual stream.
type placed struct {
	Path string `json:"path"`
	Kind string `json:"kind"`
}

func placesOf(in *lens.Reader) (all []placed) {
	for _, p := range in.Places() {
		all = append(all, placed{p.Path, string(p.Kind)})
	}
	return all
}

// cell is what the head predicts from the residual stream at a place and position.
type cell struct {
	Entropy *float64    `json:"entropy"`
	LogProb *float64    `json:"logprob"` // of the token that follows
	Rank    int         `json:"rank,omitempty"`
	Top     []candidate `json:"top"`
}

// depths is the logit lens.
type depths struct {
	Places []placed `json:"places"`
	From   int      `json:"from"`
	Cells  [][]cell `json:"cells"` // by place and position
}

// logits answers with the logit lens: what the head predicts from the residual stream at every place.
func (st *studio) logits(r *http.Request, q lensQuestion) (*depths, error) {
	m, in, err := st.lensOf(q.Model)
	if err != nil {
		return nil, err
	}
	s, err := q.spell(m)
	if err != nil {
		return nil, err
	}
	start, ids := s.window(in)
	all, err := in.Logits(r.Context(), ids, q.From-start, q.To-start, q.Top)
	if err != nil {
		return nil, refused("from", err)
	}
	a := &depths{Places: placesOf(in), From: q.From}
	for _, row := range all {
		var cells []cell
		for _, s := range row {
			cells = append(cells, cell{number(s.Entropy), number(s.LogProb), s.Rank, candidatesOf(m, s.Top)})
		}
		a.Cells = append(a.Cells, cells)
	}
	return a, nil
}

// sizes holds norms of the residual stream.
type sizes struct {
	Places  []placed     `json:"places"`
	Start   int          `json:"start"`
	Norms   [][]*float64 `json:"norms"`   // by place and position
	Updates [][]*float64 `json:"updates"` // norms of the differences from the place before
}

// norms answers with the norms of the residual stream at every place and position.
func (st *studio) norms(r *http.Request, q given) (*sizes, error) {
	in, s, err := st.opened(q)
	if err != nil {
		return nil, err
	}
	start, ids := s.window(in)
	norms, updates, err := in.Norms(r.Context(), ids)
	if err != nil {
		return nil, err
	}
	a := &sizes{Places: placesOf(in), Start: start}
	for i := range norms {
		a.Norms, a.Updates = append(a.Norms, numbers(norms[i])), append(a.Updates, numbers(updates[i]))
	}
	return a, nil
}
