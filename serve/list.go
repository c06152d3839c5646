package serve

import (
	"net/http"

	"github.com/gorgpt/gorgpt/models"
)

// described is a model in the answer to GET /v1/models.
type described struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	Owner   string `json:"owned_by"`
	Most    int    `json:"max_model_len"`
	Meta    meta   `json:"meta"`
}

// meta holds a model's sizes, with the names of llama.cpp's server where it has them.
type meta struct {
	Family     string   `json:"family"` // its catalogue name, or the family's
	Vocab      int      `json:"n_vocab"`
	Positions  int      `json:"n_ctx_train"` // the model's context
	Width      int      `json:"n_embd"`
	Layers     int      `json:"n_layer"`
	Heads      int      `json:"n_head"`
	Parameters int64    `json:"n_params"`
	Tokenizer  string   `json:"tokenizer"`
	Chat       bool     `json:"chat"`
	Task       string   `json:"task,omitempty"` // of a classifier
	Labels     []string `json:"labels,omitempty"`
}

// describe returns the description of a model.
func (m *Model) describe() described {
	dims := models.DimsOf(m.Model)
	d := described{
		ID: m.ID, Object: "model", Created: m.Created.Unix(), Owner: "gorgpt", Most: m.Context,
		Meta: meta{
			Family: models.NameOf(m.Model), Vocab: dims.Vocab, Positions: dims.Context, Width: dims.Width, Layers: dims.Layers, Heads: dims.Heads,
			Parameters: m.Params.Count(), Tokenizer: m.Tokenizer.Name(), Chat: m.Chat != nil,
		},
	}
	if m.Trained != nil {
		d.Meta.Task, d.Meta.Labels = m.Trained.Task, m.Trained.Labels
	}
	return d
}

// list answers GET /v1/models.
func (s *Server) list(*http.Request) (any, *Error) {
	all := []described{}
	for _, m := range s.Models() {
		all = append(all, m.describe())
	}
	return map[string]any{"object": "list", "data": all}, nil
}

// describe answers GET /v1/models/ID.
func (s *Server) describe(r *http.Request) (any, *Error) {
	m, failed := s.model(r.PathValue("id"))
	if failed != nil {
		return nil, failed
	}
	return m.describe(), nil
}
