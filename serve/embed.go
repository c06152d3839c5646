package serve

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"net/http"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
)

// embedder holds the output and input of a program for the final states of a sequence.
type embedder struct {
	states *G.Node // (T, C)
	tokens []int   // (1, T)
}

// buildEmbedder makes the program for sequences of up to shape[0] tokens.
func (m *Model) buildEmbedder(shape ...int) (*graph.Program, *embedder, error) {
	s := graph.New(m.Params)
	states, _ := models.Body(m.Model, s, s.Ints("tokens", 1, shape[0])) // (T, C)
	program, err := s.Compile(states)
	return program, &embedder{states, make([]int, shape[0])}, err
}

// embedOne returns the mean over a sequence of the final states, which the model's head reads.
func (m *Model) embedOne(ctx context.Context, ids []int) ([]float32, *Error) {
	release, late := m.lone(ctx)
	if late != nil {
		return nil, late
	}
	defer release()
	length := len(ids)
	if m.Engine.Whole() == nil { // in a model that works row by row, padding does not change the states before it
		length = min((length+63)/64*64, m.Context)
	}
	program, e, err := m.embedding.For(length)
	if err != nil {
		return nil, failed(err)
	}
	clear(e.tokens[copy(e.tokens, ids):])
	if err := errors.Join(program.SetInts("tokens", e.tokens), program.Run()); err != nil {
		return nil, failed(err)
	}
	width := e.states.Shape()[1]
	mean := make([]float64, width)
	for i, x := range program.Value(e.states)[:len(ids)*width] {
		mean[i%width] += float64(x) / float64(len(ids))
	}
	values := make([]float32, width)
	for i, x := range mean {
		if values[i] = float32(x); math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, &Error{Status: http.StatusInternalServerError, Message: "the model's states are not finite: its weights are not finite or too large"}
		}
	}
	return values, nil
}

// embed answers POST /v1/embeddings: for each input the mean of the states after the last block and the final norm.
// Language models are not trained for this use of them.
func (s *Server) embed(r *http.Request) (any, *Error) {
	b, failed := ReadBody(r)
	if failed != nil {
		return nil, failed
	}
	m, failed := s.model(b.Text("model", ""))
	if b.err != nil {
		return nil, b.err
	}
	if failed == nil {
		failed = m.writes()
	}
	if failed != nil {
		return nil, failed
	}
	common(b)
	width := models.DimsOf(m.Model).Width
	if b.Int("dimensions", width, 1, math.MaxInt32) != width {
		b.fail("dimensions", "this model has %d, and the number cannot be reduced", width)
	}
	form := b.Text("encoding_format", "float")
	if form != "float" && form != "base64" {
		b.fail("encoding_format", "%q, want float or base64", form)
	}
	if _, there := b.take("prompt"); there {
		return nil, invalid("prompt", "unknown parameter; give the texts as input")
	}
	value, there := b.take("input")
	if !there {
		b.fail("input", "missing")
	}
	b.fields["prompt"] = value // to be read like a prompt
	inputs := b.prompts(m, b.Bool("add_special_tokens", true))
	if err := b.Err(); err != nil {
		if err.Param == "prompt" {
			err = invalid("input", "%s", err.Message[len("prompt: "):])
		}
		return nil, err
	}
	for _, p := range inputs {
		if len(p.ids) > m.Context {
			return nil, tooLong("input", m.Context, len(p.ids), 0)
		}
	}
	leave, full := m.seat()
	if full != nil {
		s.metrics.of(m).refused.Inc()
		return nil, full
	}
	defer leave()
	return m.embedAll(r.Context(), inputs, form == "base64")
}

// embedAll answers with the embedding of each input.
func (m *Model) embedAll(ctx context.Context, inputs []prompt, packed bool) (any, *Error) {
	type embedding struct {
		Object string `json:"object"`
		Index  int    `json:"index"`
		Values any    `json:"embedding"`
	}
	data, tokens := []embedding{}, 0
	for i, p := range inputs {
		mean, failed := m.embedOne(ctx, p.ids)
		if failed != nil {
			return nil, failed
		}
		e := embedding{"embedding", i, mean}
		if packed {
			var bytes []byte
			for _, x := range mean {
				bytes = binary.LittleEndian.AppendUint32(bytes, math.Float32bits(x))
			}
			e.Values = base64.StdEncoding.EncodeToString(bytes)
		}
		data, tokens = append(data, e), tokens+len(p.ids)
	}
	return map[string]any{
		"object": "list", "model": m.ID, "data": data,
		"usage": map[string]int{"prompt_tokens": tokens, "total_tokens": tokens},
	}, nil
}
