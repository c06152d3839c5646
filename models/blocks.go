package models

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/graph"
)

// Blocks is the pattern of the scopes of a model's blocks: "h.*" where they are h.0, h.1, ….
// It is the beginning with a number that most of the graph's paths have.
func Blocks(m Model) (string, error) {
	s := graph.New(graph.NewParams(0))
	Logits(m, s, s.Ints("tokens", 1, 1))
	if s.Err() != nil {
		return "", s.Err()
	}
	count := make(map[string]int)
	best := ""
	for _, n := range s.Nodes() {
		names := strings.Split(n.Path, ".")
		for i := 1; i < len(names); i++ {
			if _, err := strconv.Atoi(names[i]); err != nil {
				continue
			}
			above := strings.Join(names[:i], ".")
			if count[above]++; count[above] > count[best] {
				best = above
			}
			break
		}
	}
	if best == "" {
		return "", fmt.Errorf("models: no path of %T has a number, as h.0 has: it has no blocks", m)
	}
	return best + ".*", nil
}

// Recompute are the options of a graph of m that keeps only what goes between blocks, if that
// is wanted; see [graph.Recompute].
func Recompute(m Model, wanted bool) ([]graph.Option, error) {
	if !wanted {
		return nil, nil
	}
	blocks, err := Blocks(m)
	return []graph.Option{graph.Recompute(blocks)}, err
}
