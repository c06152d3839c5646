package serve

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/gorgpt/gorgpt/finetune"
)

// lone waits until no other program than the engine's runs for the model, and reserves the right to run one until
// release is called.
func (m *Model) lone(ctx context.Context) (release func(), failed *Error) {
	if ctx.Err() != nil { // select would choose at random
		return nil, ended(ctx)
	}
	select {
	case m.alone <- struct{}{}:
		return func() { <-m.alone }, nil
	case <-ctx.Done():
		return nil, ended(ctx)
	}
}

// classified is a classifier's answer, in the format of vLLM's server.
type classified struct {
	Index         int                `json:"index"`
	Label         string             `json:"label"` // or the number of a choice, or a score as a string
	Probabilities []float64          `json:"probs"`
	Outputs       int                `json:"num_classes"`
	Named         map[string]float64 `json:"probabilities,omitempty"` // by label
	Score         *float64           `json:"score,omitempty"`         // of a regression
}

// classify answers POST /classify: the classifier's answer for each input. An input is a text or, if the examples of
// the task have several texts, a list of them.
func (s *Server) classify(r *http.Request) (any, *Error) {
	b, failed := ReadBody(r)
	if failed != nil {
		return nil, failed
	}
	m, failed := s.model(b.Text("model", ""))
	common(b)
	value, there := b.take("input")
	if !there {
		b.fail("input", "missing")
	}
	if err := b.Err(); err != nil {
		return nil, err
	}
	if failed != nil {
		return nil, failed
	}
	if m.Trained == nil {
		return nil, &Error{Status: http.StatusBadRequest, Param: "model", Message: m.ID + " is not a classifier: make one with gorgpt finetune"}
	}
	inputs, ok := inputsOf(value, m.Trained.Texts())
	if !ok || len(inputs) == 0 || len(inputs) > mostPrompts {
		return nil, invalid("input", "%s is not a list of 1 to %d examples of %d texts each", short(value), mostPrompts, m.Trained.Texts())
	}
	leave, full := m.seat()
	if full != nil {
		s.metrics.of(m).refused.Inc()
		return nil, full
	}
	defer leave()
	data := []classified{}
	for i, texts := range inputs {
		c, failed := m.classifyOne(r.Context(), i, texts)
		if failed != nil {
			return nil, failed
		}
		data = append(data, c)
	}
	return map[string]any{"object": "list", "model": m.ID, "data": data}, nil
}

// inputsOf reads examples of each texts: one example, which is a text or a list of texts, or a list of examples.
func inputsOf(value json.RawMessage, each int) (inputs [][]string, ok bool) {
	var text *string
	var texts []*string
	var lists [][]*string
	read := func(list []*string) []string {
		out := make([]string, len(list))
		for i, s := range list {
			if ok = ok && s != nil; s != nil {
				out[i] = *s
			}
		}
		return out
	}
	ok = true
	switch {
	case json.Unmarshal(value, &text) == nil:
		return [][]string{read([]*string{text})}, ok && each == 1
	case json.Unmarshal(value, &texts) == nil && each > 1:
		return [][]string{read(texts)}, ok && len(texts) == each
	case json.Unmarshal(value, &texts) == nil:
		for _, s := range read(texts) {
			inputs = append(inputs, []string{s})
		}
		return inputs, ok
	case json.Unmarshal(value, &lists) != nil:
		return nil, false
	}
	for _, list := range lists {
		inputs = append(inputs, read(list))
		ok = ok && len(list) == each
	}
	return inputs, ok
}

// classifyOne runs the classifier on an example.
func (m *Model) classifyOne(ctx context.Context, i int, texts []string) (classified, *Error) {
	release, failed := m.lone(ctx)
	if failed != nil {
		return classified{}, failed
	}
	defer release()
	said, err := m.Trained.Classify(m.predictor, texts)
	var input finetune.InputError
	switch {
	case errors.As(err, &input):
		return classified{}, invalid("input", "%d: %v", i, err)
	case err != nil:
		return classified{}, &Error{Status: http.StatusInternalServerError, Message: err.Error()}
	}
	c := classified{Index: i, Label: said.Answer, Probabilities: said.Probabilities, Outputs: m.Trained.Outputs}
	if m.Trained.Regression {
		c.Score = &said.Value
	}
	if m.Trained.Classifier.Squared {
		c.Probabilities = []float64{}
	}
	if len(m.Trained.Labels) > 0 {
		c.Named = make(map[string]float64)
		for i, label := range m.Trained.Labels {
			c.Named[label] = said.Probabilities[i]
		}
	}
	return c, nil
}
