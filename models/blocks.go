package models

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/graph"
)

// Blocks returns the pattern of the scopes of a model's blocks: "h.*" if they are h.0, h.1, …. It is the
// numbered prefix that most of the graph's paths share.
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

// Recompute returns the graph options that make m keep only what passes between its blocks, if wanted is
// true; see [graph.Recompute].
func Recompute(m Model, wanted bool) ([]graph.Option, error) {
	if !wanted {
		return nil, nil
	}
	blocks, err := Blocks(m)
	return []graph.Option{graph.Recompute(blocks)}, err
}
