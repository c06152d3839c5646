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

// list tells what models there are.
func (st *studio) list(w http.ResponseWriter, _ *http.Request) error {
	type model struct {
		ID         string                `json:"id"`
		Name       string                `json:"name"`
		Params     int64                 `json:"params"`
		Dims       models.Dims           `json:"dims"`
		Limit      int                   `json:"limit"`     // tokens that are read at once
		Context    int                   `json:"context"`   // positions that a sequence has
		Tokenizer  string                `json:"tokenizer"` // a mark, by which tokens of models are told apart
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

// tokenizerOf marks what tokens of a model mean: models with one mark have the same texts for their ids.
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

// weights counts parameters.
func weights(params *graph.Params) int64 {
	if params == nil {
		return 0
	}
	return params.Count()
}

// token is one of a text.
type token struct {
	ID      int         `json:"id"`
	Text    string      `json:"text"`
	From    int         `json:"from"`
	To      int         `json:"to"`
	LogProb *float64    `json:"logprob"` // null where nothing comes before
	Rank    int         `json:"rank,omitempty"`
	Entropy *float64    `json:"entropy"` // of what was expected here
	Top     []candidate `json:"top,omitempty"`
}

// candidate is a token that may come.
type candidate struct {
	ID   int      `json:"id"`
	Text string   `json:"text"`
	P    *float64 `json:"p"`           // the model's probability
	Q    *float64 `json:"q,omitempty"` // as the sampling has it
}

// reading is a text in tokens.
type reading struct {
	Text    string  `json:"text"`
	Hidden  int     `json:"hidden"`  // tokens in front that are no part of the text
	Start   int     `json:"start"`   // the first that was read: what is before is too far away
	Experts bool    `json:"experts"` // the model sends tokens to experts
	Tokens  []token `json:"tokens"`
}

type readQuestion struct {
	given
	Top int `json:"top,omitempty"` // candidates in the place of each token
}

// window is the end of a text that is read at once.
func (s *spelled) window(r *lens.Reader) (start int, ids []int) {
	start = max(len(s.ids)-r.Limit(), 0)
	return start, s.ids[start:]
}

// read tells of every token of a text how likely it was.
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

// candidatesOf writes candidates out.
func candidatesOf(m *serve.Model, top []generate.Candidate) []candidate {
	var all []candidate
	for _, c := range top {
		all = append(all, candidate{ID: c.ID, Text: written(m, c.ID), P: number(math.Exp(c.LogProb))})
	}
	return all
}

type candidatesQuestion struct {
	given
	At                int     `json:"at"` // tokens that come before
	Count             int     `json:"count"`
	Temperature       float64 `json:"temperature"`
	TopK              int     `json:"top_k"`
	TopP              float64 `json:"top_p"`
	MinP              float64 `json:"min_p"`
	RepetitionPenalty float64 `json:"repetition_penalty"`
}

// options are those that Engine takes.
func (q candidatesQuestion) options() generate.Options {
	o := generate.Options{Temperature: q.Temperature, TopK: q.TopK, TopP: q.TopP, MinP: q.MinP, RepetitionPenalty: q.RepetitionPenalty}
	if o.TopP == 0 { // where generate keeps all, and who asks wants the best alone
		o.TopP = math.SmallestNonzeroFloat64
	}
	return o
}

// distribution is what may come after some tokens, before sampling and after.
type distribution struct {
	Entropy  *float64    `json:"entropy"` // in nats
	Sampled  *float64    `json:"sampled"` // the entropy that sampling leaves
	Kept     int         `json:"kept"`    // tokens that sampling leaves
	Mass     *float64    `json:"mass"`    // the model's probability of these
	List     []candidate `json:"list"`
	Position int         `json:"position"`
}

// candidates tells what may come after the first tokens of a text, and what the options of sampling make of it.
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

// fill describes the distribution of logits.
func (a *distribution) fill(m *serve.Model, logits []float32, before []int, o generate.Options, count int) {
	own := lens.ScoreOf(logits, -1, count)
	a.Entropy = number(own.Entropy)
	// What Engine draws from: tokens that there are.
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

// converse is a conversation as the text that the model is given.
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
