package plan

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
)

// Parameters are the weights of a model.
type Parameters struct {
	Total  int64  `json:"total"`
	Active int64  `json:"active"`             // used by a token: without the experts that it is not sent to
	Rest   int64  `json:"without_embeddings"` // without the tables of which a token uses one row, and the head
	Parts  []Part `json:"parts"`
}

// Part is a group of parameters: those of one layer, in all blocks.
type Part struct {
	Name      string `json:"name"` // path, with * for a block's number
	Count     int64  `json:"parameters"`
	Embedding bool   `json:"embedding"`
}

// ParametersOf counts the parameters that the graph of a token declares, by path.
func ParametersOf(m models.Model) (Parameters, error) {
	s := graph.New(graph.NewParams(0))
	models.Logits(m, s, s.Ints("tokens", 1, 1))
	if s.Err() != nil {
		return Parameters{}, s.Err()
	}
	blocks, _ := models.Blocks(m) // a model may have none
	nodes := s.Nodes()
	looked := make(map[int]bool) // whether some op uses only a row of the node
	for _, n := range nodes {
		for _, in := range n.Inputs {
			looked[in] = looked[in] || n.FLOPs < nodes[in].Active
		}
	}
	var p Parameters
	for _, n := range nodes {
		if n.Op != "param" {
			continue
		}
		part := Part{Name: partOf(n.Path, blocks), Count: n.Params, Embedding: looked[n.ID] || n.Path == models.HeadName}
		p.Total += n.Params
		p.Active += n.Active
		if !part.Embedding {
			p.Rest += n.Params
		}
		i := slices.IndexFunc(p.Parts, func(q Part) bool { return q.Name == part.Name && q.Embedding == part.Embedding })
		if i < 0 {
			p.Parts = append(p.Parts, part)
			continue
		}
		p.Parts[i].Count += n.Params
	}
	return p, nil
}

// partOf returns the part that a parameter belongs to: the layer in a block, or otherwise the scope
// that contains it.
func partOf(path, blocks string) string {
	names := strings.Split(path, ".")
	above := strings.Count(blocks, ".") // names before that of a block
	if blocks != "" && len(names) > above+1 && strings.Join(names[:above], ".")+".*" == blocks {
		if _, err := strconv.Atoi(names[above]); err == nil {
			return blocks + "." + names[above+1]
		}
	}
	return strings.Join(names[:max(1, len(names)-1)], ".")
}
