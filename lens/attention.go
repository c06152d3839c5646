package lens

import (
	"context"
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
)

// Limits of the memory for attention weights in one run, and for all runs of one call of [Reader.Reads].
const (
	mapBytes  = 128 << 20
	readBytes = 512 << 20
)

// Heads is a layer of attention that exposes its weights.
type Heads struct {
	Path  string // of the weights
	Count int    // number of heads, H
}

// Map holds the attention weights of the heads of a layer.
type Map struct {
	Heads
	Tokens int       // T
	Data   []float32 // (H, T, T): row t of a head has the weights with which position t attends to each position
}

// Head returns the matrix (T, T) of one head.
func (m *Map) Head(h int) []float32 {
	size := m.Tokens * m.Tokens
	return m.Data[h*size : (h+1)*size]
}

// attended is a map that is kept for a text.
type attended struct {
	ids   []int
	layer int
	Map
}

// Layers returns the model's attention layers that expose weights of the shape (H, T, T), in the order of declaration.
func (r *Reader) Layers() []Heads { return r.layers }

// probe is a length that is unlikely to equal another dimension.
const probe = 13

// findHeads lists the layers that expose values of the shape (H, T, T), and the routers.
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

// buildMaps compiles the program that computes the attention weights of some layers over one sequence, and nothing
// after them.
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

// Attention returns the attention weights of the layers from ≤ l < to. It is an error if they would take more than
// 128 MB.
func (r *Reader) Attention(ctx context.Context, ids []int, from, to int) ([]Map, error) {
	switch {
	case from < 0 || to > len(r.layers) || from >= to:
		return nil, fmt.Errorf("lens: layers %d to %d of attention; the model shows %d", from, to, len(r.layers))
	case r.bytes(from, to, len(ids)) > mapBytes:
		return nil, fmt.Errorf("lens: attention of layers %d to %d over %d tokens takes %d MB, want at most %d: ask for fewer layers, or give a shorter text",
			from, to-1, len(ids), r.bytes(from, to, len(ids))>>20, mapBytes>>20)
	}
	if err := r.begin(ctx, ids); err != nil {
		return nil, err
	}
	defer r.end()
	return r.attention(ids, from, to)
}

// bytes returns the size of the maps of some layers.
func (r *Reader) bytes(from, to, tokens int) (n int64) {
	for _, l := range r.layers[from:to] {
		n += 4 * int64(l.Count) * int64(tokens) * int64(tokens)
	}
	return n
}

// attention returns the maps of some layers. Unless all are kept, it runs the model up to the last of them.
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

// fill returns m with the maps of the text, copied from those of the padded text.
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

// keep keeps maps for later calls, and drops the oldest beyond mapBytes.
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

// Reads returns, for each attention layer, the weights of its heads at one position: (H, T), with a column for each
// token of the text.
func (r *Reader) Reads(ctx context.Context, ids []int, position int) ([][]float32, error) {
	switch n := int64(r.bytes(0, len(r.layers), len(ids))); {
	case position < 0 || position >= len(ids):
		return nil, fmt.Errorf("lens: position %d of %d tokens, counted from 0", position, len(ids))
	case n > readBytes:
		return nil, fmt.Errorf("lens: attention of all layers over %d tokens takes %d MB, want at most %d: give a shorter text", len(ids), n>>20, readBytes>>20)
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
