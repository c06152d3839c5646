package lens

import (
	"context"
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
)

// What attention may take in one run, and altogether for one call of [Reader.Reads].
const (
	mapBytes  = 128 << 20
	readBytes = 512 << 20
)

// Heads is a layer of attention, as the model exposes its weights.
type Heads struct {
	Path  string // of the weights
	Count int    // of heads, H
}

// Map is what the heads of a layer read.
type Map struct {
	Heads
	Tokens int       // T
	Data   []float32 // (H, T, T): row t of a head tells how much position t takes from each position
}

// Head is the matrix (T, T) of one head.
func (m *Map) Head(h int) []float32 {
	size := m.Tokens * m.Tokens
	return m.Data[h*size : (h+1)*size]
}

// attended is attention that is kept.
type attended struct {
	ids   []int
	layer int
	Map
}

// Layers are the model's layers of attention, in the order of declaration; none where it exposes no weights of the shape (H, T, T).
func (r *Reader) Layers() []Heads { return r.layers }

// probe is a length that no other dimension is likely to have.
const probe = 13

// findHeads lists what layers expose of the shape (H, T, T), and routers.
func (r *Reader) findHeads() (all []Heads, routers []Router, err error) {
	length := min(probe, r.dims.Context)
	s := graph.New(r.params)
	models.Body(r.model, s, s.Ints("tokens", 1, length))
	for _, path := range s.Exposed() {
		if shape := s.Result(path).Shape(); shape.Dims() == 3 && shape[1] == length && shape[2] == length {
			all = append(all, Heads{path, shape[0]})
		}
	}
	return all, routersOf(s, length), s.Err()
}

// buildMaps compiles the program that computes the weights of some layers over one sequence, and nothing behind them.
func (r *Reader) buildMaps(shape ...int) (*graph.Program, []*G.Node, error) {
	s := graph.New(r.params)
	models.Body(r.model, s, s.Ints("tokens", 1, shape[2]))
	var outs []*G.Node
	for _, l := range r.layers[shape[0]:shape[1]] {
		outs = append(outs, s.Result(l.Path))
	}
	p, err := s.Compile(outs...)
	return p, outs, err
}

// Attention returns what the heads of the layers from up to to read. A text whose maps would take more than 128 MB is refused.
func (r *Reader) Attention(ctx context.Context, ids []int, from, to int) ([]Map, error) {
	switch {
	case from < 0 || to > len(r.layers) || from >= to:
		return nil, fmt.Errorf("lens: layers %d to %d of attention; the model shows %d", from, to, len(r.layers))
	case r.bytes(from, to, len(ids)) > mapBytes:
		return nil, fmt.Errorf("lens: attention of layers %d to %d over %d tokens takes %d MB, %d are given: ask for fewer layers, or a shorter text",
			from, to-1, len(ids), r.bytes(from, to, len(ids))>>20, mapBytes>>20)
	}
	if err := r.begin(ctx, ids); err != nil {
		return nil, err
	}
	defer r.end()
	return r.attention(ids, from, to)
}

// bytes is what the maps of some layers take.
func (r *Reader) bytes(from, to, tokens int) (n int64) {
	for _, l := range r.layers[from:to] {
		n += 4 * int64(l.Count) * int64(tokens) * int64(tokens)
	}
	return n
}

// attention runs the model as far as it takes, unless all is there already.
func (r *Reader) attention(ids []int, from, to int) ([]Map, error) {
	var all []Map
	for l := from; l < to; l++ {
		if i := slices.IndexFunc(r.attended, func(a attended) bool { return a.layer == l && slices.Equal(a.ids, ids) }); i >= 0 {
			all = append(all, r.attended[i].Map)
		}
	}
	if len(all) == to-from {
		return all, nil
	}
	length := r.rounded(len(ids))[0]
	p, outs, err := r.maps.For(from, to, length)
	if err != nil {
		return nil, err
	}
	if err := p.SetInts("tokens", padded(ids, length)); err != nil {
		return nil, err
	}
	if err := p.Run(); err != nil {
		return nil, err
	}
	all = all[:0]
	for i, out := range outs {
		m := Map{Heads: r.layers[from+i], Tokens: len(ids)}
		all = append(all, m.fill(p.Value(out), length))
	}
	r.keep(ids, from, all)
	return all, nil
}

// fill copies the maps of the text out of those that are padded.
func (m Map) fill(data []float32, length int) Map {
	n := m.Tokens
	m.Data = make([]float32, 0, m.Count*n*n)
	for h := range m.Count {
		for t := range n {
			m.Data = append(m.Data, data[(h*length+t)*length:][:n]...)
		}
	}
	return m
}

// keep keeps the maps of the last texts, as far as their memory goes.
func (r *Reader) keep(ids []int, from int, all []Map) {
	r.attended = slices.DeleteFunc(r.attended, func(a attended) bool {
		return a.layer >= from && a.layer < from+len(all) && slices.Equal(a.ids, ids)
	})
	for i, m := range all {
		r.attended = append(r.attended, attended{slices.Clone(ids), from + i, m})
	}
	size := 0
	for i := len(r.attended) - 1; i >= 0; i-- {
		if size += 4 * len(r.attended[i].Data); size > mapBytes {
			r.attended = slices.Delete(r.attended, 0, i+1)
			return
		}
	}
}

// Reads returns, of each layer of attention, what its heads read at one position: (H, T) with as many columns as the
// text has tokens.
func (r *Reader) Reads(ctx context.Context, ids []int, position int) ([][]float32, error) {
	switch n := int64(r.bytes(0, len(r.layers), len(ids))); {
	case position < 0 || position >= len(ids):
		return nil, fmt.Errorf("lens: position %d of %d tokens", position, len(ids))
	case n > readBytes:
		return nil, fmt.Errorf("lens: attention of all layers over %d tokens takes %d MB, %d are given: a shorter text will do", len(ids), n>>20, readBytes>>20)
	}
	if err := r.begin(ctx, ids); err != nil {
		return nil, err
	}
	defer r.end()
	var rows [][]float32
	for from := 0; from < len(r.layers); {
		to := from + 1
		for to < len(r.layers) && r.bytes(from, to+1, len(ids)) <= mapBytes {
			to++
		}
		maps, err := r.attention(ids, from, to)
		if err != nil {
			return nil, err
		}
		for _, m := range maps {
			row := make([]float32, 0, m.Count*m.Tokens)
			for h := range m.Count {
				row = append(row, m.Head(h)[position*m.Tokens:][:m.Tokens]...)
			}
			rows = append(rows, row)
		}
		if from = to; ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return rows, nil
}
