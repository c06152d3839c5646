package models

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/plural"
)

// AttentionMaps runs m over one sequence of tokens and returns the attention weights of each head of a layer:
// a matrix (T, T) in row-major order, in which row t holds how strongly position t attends to the positions
// up to it. Rows sum to 1, or to less where a sink takes a share.
func AttentionMaps(m Model, params *graph.Params, tokens []int, layer int) ([][]float32, error) {
	if layers := DimsOf(m).Layers; layer < 0 || layer >= layers {
		return nil, fmt.Errorf("models: no layer %d: the model has %d, counted from 0", layer, layers)
	}
	if limit := DimsOf(m).Context; len(tokens) < 1 || len(tokens) > limit {
		return nil, fmt.Errorf("models: %s; want 1 to the %d of the context", plural.Of(len(tokens), "token"), limit)
	}
	blocks, err := Blocks(m)
	if err != nil {
		return nil, err
	}
	weights := strings.TrimSuffix(blocks, "*") + strconv.Itoa(layer) + ".*.weights"
	s := graph.New(params, graph.Watch(weights))
	p, err := s.Compile(Logits(m, s, s.Ints("tokens", 1, len(tokens))))
	if err != nil {
		return nil, err
	}
	defer p.Close()
	if err := p.SetInts("tokens", tokens); err != nil {
		return nil, err
	}
	if err := p.Run(); err != nil {
		return nil, err
	}
	seen := p.Watched()[0] // (H, T, T)
	maps := make([][]float32, seen.Shape[0])
	for h := range maps {
		size := len(seen.Data) / len(maps)
		maps[h] = append([]float32(nil), seen.Data[h*size:(h+1)*size]...)
	}
	return maps, nil
}
