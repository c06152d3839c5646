package studio

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"net/http"
	"slices"

	"github.com/gorgpt/gorgpt/chat"
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/lens"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/serve"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// list answers with the server's models.
func (st *studio) list(w http.ResponseWriter, _ *http.Request) error {
	type model struct {
		ID         string                `json:"id"`
		Name       string                `json:"name"`
		Params     int64                 `json:"params"`
		Dims       models.Dims           `json:"dims"`
		Limit      int                   `json:"limit"`     // how many tokens are read at once
		Context    int                   `json:"context"`   // how many positions a sequence may have
		Tokenizer  string                `json:"tokenizer"` // a fingerprint, by which tokenizers of models are compared
		Begin      string                `json:"begin"`     // the token that begins a text
		Chat       bool                  `json:"chat"`
		Ends       []int                 `json:"ends"`
		Classifier *finetune.Description `json:"classifier,omitempty"`
	}
	all := []model{}
	for _, m := range st.models() {
		d := models.DimsOf(m.Model)
		one := model{
			ID: m.ID, Name: models.NameOf(m.Model), Dims: d, Params: weights(m.Params), Context: m.Context, Tokenizer: st.tokenizerOf(m),
			Limit: min(d.Context, lens.MostTokens), Chat: m.Chat != nil, Ends: m.Ends,
		}
		for _, id := range tokenizer.EmptyPrompt(m.Tokenizer) {
			one.Begin += written(m, id)
		}
		if m.Trained != nil {
			one.Classifier = &m.Trained.Description
		}
		all = append(all, one)
	}
	return write(w, http.StatusOK, map[string]any{"models": all, "runs": st.config.Runs != "" && there(st.config.Runs)})
}

// tokenizerOf returns a fingerprint of a model's tokenizer. Models with the same one have the same texts for their ids.
func (st *studio) tokenizerOf(m *serve.Model) string {
	if mark, known := st.marks.Load(m); known {
		return mark.(string)
	}
	h := sha256.New()
	for id := range m.Tokenizer.Size() {
		text, err := m.Tokenizer.AppendText(nil, []int{id})
		fmt.Fprintf(h, "%d %t %s ", len(text), err == nil, text)
	}
	mark := m.Tokenizer.Name() + " " + hex.EncodeToString(h.Sum(nil)[:8])
	st.marks.Store(m, mark)
	return mark
}

// weights returns the number of weights.
func weights(params *graph.Params) int64 {
	if params == nil {
		return 0
	}
	return params.Count()
}

// token is a token of a text.
type token struct {
	ID      int         `json:"id"`
	Text    string      `json:"text"`
	From    int         `json:"from"`
	To      int         `json:"to"`
	LogProb *float64    `json:"logprob"` // null if no token comes before it
	Rank    int         `json:"rank,omitempty"`
	Entropy *float64    `json:"entropy"` // of the distribution that predicts it
	Top     []candidate `json:"top,omitempty"`
}

// candidate is a token that the model may predict.
type candidate struct {
	ID   int      `json:"id"`
	Text string   `json:"text"`
	P    *float64 `json:"p"`           // the model's probability
	Q    *float64 `json:"q,omitempty"` // the probability with the sampling options
}

// reading is a tokenized text with the model's scores.
type reading struct {
	Text    string  `json:"text"`
	Hidden  int     `json:"hidden"`  // how many of the first tokens are not part of the text
	Start   int     `json:"start"`   // the first token that was read; those before it exceed the limit
	Experts bool    `json:"experts"` // the model has experts
	Tokens  []token `json:"tokens"`
}

type readQuestion struct {
	given
	Top int `json:"top,omitempty"` // candidates for each token
}

// window returns the end of a text, as long as is read at once.
func (s *spelled) window(r *lens.Reader) (start int, ids []int) {
	start = max(len(s.ids)-r.Limit(), 0)
	return start, s.ids[start:]
}

// read answers with how likely each token of a text was.
func (st *studio) read(r *http.Request, q readQuestion) (*reading, error) {
	m, in, err := st.lensOf(q.Model)
	if err != nil {
		return nil, err
	}
	s, err := q.spell(m)
	if err != nil {
		return nil, err
	}
	start, ids := s.window(in)
	scores, err := in.Scores(r.Context(), ids, q.Top)
	if err != nil {
		return nil, refused("top", err)
	}
	a := &reading{Text: s.text, Hidden: s.hidden, Start: start, Experts: len(in.Routers()) > 0, Tokens: make([]token, len(s.ids))}
	for i, id := range s.ids {
		t := &a.Tokens[i]
		*t = token{ID: id, Text: s.pieces[i], From: s.ranges[i][0], To: s.ranges[i][1]}
		if i <= start {
			continue
		}
		before := scores[i-1-start]
		t.LogProb, t.Rank, t.Entropy = number(before.LogProb), before.Rank, number(before.Entropy)
		t.Top = candidatesOf(m, before.Top)
	}
	return a, nil
}

// candidatesOf converts candidates for an answer.
func candidatesOf(m *serve.Model, top []generate.Candidate) []candidate {
	var all []candidate
	for _, c := range top {
		all = append(all, candidate{ID: c.ID, Text: written(m, c.ID), P: number(math.Exp(c.LogProb))})
	}
	return all
}

type candidatesQuestion struct {
	given
	At                int     `json:"at"` // how many tokens come before
	Count             int     `json:"count"`
	Temperature       float64 `json:"temperature"`
	TopK              int     `json:"top_k"`
	TopP              float64 `json:"top_p"`
	MinP              float64 `json:"min_p"`
	RepetitionPenalty float64 `json:"repetition_penalty"`
}

// options returns the options as package generate takes them.
func (q candidatesQuestion) options() generate.Options {
	o := generate.Options{Temperature: q.Temperature, TopK: q.TopK, TopP: q.TopP, MinP: q.MinP, RepetitionPenalty: q.RepetitionPenalty}
	if o.TopP == 0 { // means only the best token here; package generate keeps all for it
		o.TopP = math.SmallestNonzeroFloat64
	}
	return o
}

// distribution is the distribution of the next token, without and with the sampling options.
type distribution struct {
	Entropy  *float64    `json:"entropy"` // in nats
	Sampled  *float64    `json:"sampled"` // entropy with the sampling options
	Kept     int         `json:"kept"`    // how many tokens the sampling options leave
	Mass     *float64    `json:"mass"`    // the model's probability of these tokens
	List     []candidate `json:"list"`
	Position int         `json:"position"`
}

// candidates answers with the distribution after the first tokens of a text, without and with the sampling options.
func (st *studio) candidates(r *http.Request, q candidatesQuestion) (*distribution, error) {
	m, in, err := st.lensOf(q.Model)
	if err != nil {
		return nil, err
	}
	options := q.options()
	if err := options.Validate(); err != nil {
		return nil, wrong(http.StatusBadRequest, "sampling", "%v", err)
	}
	if q.Count < 1 || q.Count > lens.MostTop {
		return nil, wrong(http.StatusBadRequest, "count", "count is %d; want 1 to %d", q.Count, lens.MostTop)
	}
	s, err := q.spell(m)
	if err != nil {
		return nil, err
	}
	if q.At < 1 || q.At > len(s.ids) {
		return nil, wrong(http.StatusBadRequest, "at", "at is %d; the text has %d tokens", q.At, len(s.ids))
	}
	before := s.ids[max(q.At-in.Limit(), 0):q.At]
	a := &distribution{Position: q.At}
	err = in.After(r.Context(), before, func(logits []float32) { a.fill(m, logits, before, options, q.Count) })
	return a, refused("ids", err)
}

// fill sets the fields from logits.
func (a *distribution) fill(m *serve.Model, logits []float32, before []int, o generate.Options, count int) {
	own := lens.ScoreOf(logits, -1, count)
	a.Entropy = number(own.Entropy)
	// An Engine draws only ids that are tokens.
	real := slices.Clone(logits[:min(len(logits), m.Tokenizer.Size())])
	for _, id := range tokenizer.Vacant(m.Tokenizer) {
		if id < len(real) {
			real[id] = float32(math.Inf(-1))
		}
	}
	kept := o.Distribution(real, before)
	total := lens.ScoreOf(logits, 0, 0).LogProb - float64(logits[0]) // −log Σ exp
	drawn := make(map[int]float64)
	entropy, mass := 0.0, 0.0
	for _, c := range kept {
		p := math.Exp(c.LogProb)
		if p == 0 {
			continue
		}
		a.Kept++
		drawn[c.ID] = p
		entropy -= p * c.LogProb
		mass += math.Exp(float64(logits[c.ID]) + total)
	}
	a.Sampled, a.Mass = number(entropy), number(min(mass, 1))
	a.List = candidatesOf(m, own.Top)
	for i := range a.List {
		a.List[i].Q = number(drawn[a.List[i].ID])
	}
}

type converseQuestion struct {
	Model    string         `json:"model"`
	System   string         `json:"system,omitempty"`
	Messages []chat.Message `json:"messages"`
}

// converse answers with a conversation as the tokens that the model is given.
func (st *studio) converse(_ *http.Request, q converseQuestion) (map[string]any, error) {
	m, err := st.model(q.Model)
	if err != nil {
		return nil, err
	}
	if m.Chat == nil {
		return nil, wrong(http.StatusBadRequest, "model", "%s has no chat template", q.Model)
	}
	ids, err := m.Chat.Prompt(append(m.Chat.Begin(q.System), q.Messages...))
	if err != nil {
		return nil, wrong(http.StatusBadRequest, "messages", "%v", err)
	}
	if len(ids) > mostTokens {
		return nil, wrong(http.StatusBadRequest, "messages", "the conversation has %d tokens; want %d at most", len(ids), mostTokens)
	}
	return map[string]any{"ids": ids}, nil
}
