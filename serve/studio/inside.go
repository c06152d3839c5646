package studio

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"net/http"

	"github.com/gorgpt/gorgpt/lens"
)

// What the page gets of attention at once.
const (
	mostCells = 96  // rows and columns of a small map
	mostWide  = 512 // of a large one
	mostHeads = 48  // small maps
)

type readsQuestion struct {
	given
	Position int `json:"position"` // which token reads
}

// headsOf names the heads of a layer.
type headsOf struct {
	Path  string `json:"path"`
	Count int    `json:"count"`
}

// rows is what all heads read at one position.
type rows struct {
	Layers []headsOf `json:"layers"`
	Start  int       `json:"start"`  // the token that the first column is
	Tokens int       `json:"tokens"` // columns
	Data   string    `json:"data"`   // (L·H, T) in 16 bits, little-endian, of which 65535 is 1; base64
}

// layersOf lists a model's attention.
func layersOf(in *lens.Reader) []headsOf {
	all := []headsOf{}
	for _, l := range in.Layers() {
		all = append(all, headsOf{l.Path, l.Count})
	}
	return all
}

// opened is a text in a question, and the lens of its model.
func (st *studio) opened(g given) (in *lens.Reader, s *spelled, err error) {
	m, in, err := st.lensOf(g.Model)
	if err != nil {
		return nil, nil, err
	}
	s, err = g.spell(m)
	return in, s, err
}

// reads tells what every head of every layer reads at a position.
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

// share is a weight of attention, which is one of [0, 1].
func share(w float32) float64 {
	if !(w > 0) {
		return 0
	}
	return min(float64(w), 1)
}

type attentionQuestion struct {
	given
	Layer int  `json:"layer"`
	Head  *int `json:"head,omitempty"` // one, large; else all, small
	From  int  `json:"from,omitempty"` // the first of the small ones
}

// attentionMaps is what heads of a layer read at all positions.
type attentionMaps struct {
	Path  string `json:"path"`
	Count int    `json:"count"` // of heads in the layer
	From  int    `json:"from"`  // the first of them here
	Heads int    `json:"heads"` // of them here
	Start int    `json:"start"`
	Cells int    `json:"cells"` // rows, and columns
	Each  int    `json:"each"`  // tokens of a row, of which the most is shown
	Data  string `json:"data"`  // (H, N, N) in 8 bits, of which 255 is 1; base64
}

// attention tells what the heads of a layer read.
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

// pool writes the most of each square of a map.
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

// placed is a place in the stream.
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

// cell is what the head makes of the stream at a place.
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
	Cells  [][]cell `json:"cells"` // of each place, of each position
}

// logits tells what the head makes of the stream at every place.
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

// sizes is how large the stream is.
type sizes struct {
	Places  []placed     `json:"places"`
	Start   int          `json:"start"`
	Norms   [][]*float64 `json:"norms"`   // of each place, of each position
	Updates [][]*float64 `json:"updates"` // of what it differs by from the place before
}

// norms tells how large the stream is, at every place and position.
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
