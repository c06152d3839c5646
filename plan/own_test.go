package plan

import (
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
)

// bigram is a user-defined model without blocks, with an untied head.
type bigram struct {
	Vocab   int  `json:"vocab_size"`
	Context int  `json:"n_positions"`
	Width   int  `json:"hidden_size"`
	Layers  int  `json:"num_layers"`
	Heads   int  `json:"num_heads"`
	Tied    bool `json:"tie_word_embeddings"`
}

func (m bigram) Body(s *graph.Scope, tokens *G.Node) (x, embedding *G.Node) {
	x, embedding = layers.Embedding(s.At("embed"), tokens, m.Vocab, m.Width, graph.Normal(0.02))
	return layers.Linear(s.At("mix"), x, m.Width, layers.Weights{}), embedding
}

// TestOwn: models of any family can be planned; a model without blocks has nothing to recompute.
func TestOwn(t *testing.T) {
	m := bigram{Vocab: 100, Context: 32, Width: 16, Layers: 1, Heads: 1}
	p, err := Of(m, Options{Batch: 2})
	if err != nil {
		t.Fatal(err)
	}
	want := Parameters{Total: 1600 + 272 + 1600, Rest: 272, Parts: []Part{{"embed", 1600, true}, {"mix", 272, false}, {"lm_head", 1600, true}}}
	if len(p.Parameters.Parts) != 3 || p.Parameters.Total != want.Total || p.Parameters.Rest != want.Rest {
		t.Fatalf("%+v, want %+v", p.Parameters, want)
	}
	for i, part := range p.Parameters.Parts {
		if part != want.Parts[i] {
			t.Errorf("%+v, want %+v", part, want.Parts[i])
		}
	}
	if p.Memory.Recomputed != 0 || p.Memory.KeysValues != 0 || p.alternative() != "the model has no blocks to recompute" {
		t.Errorf("%+v", p.Memory)
	}
	if _, err := Of(m, Options{Recompute: true}); err == nil || err.Error() != "models: no path of plan.bigram has a number, as h.0 has: it has no blocks" {
		t.Error(err)
	}
}
