package serve

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/internal/legible"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// completion reads a request of POST /v1/completions: texts to continue.
func (s *Server) completion(b *Body) (*task, *Error) {
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
	t := &task{model: m, samples: b.Int("n", 1, 1, mostChoices), best: b.Int("logprobs", -1, 0, mostBest)}
	common(b)
	how := sampling(b, m)
	t.seeded = how.seeded
	t.request = generate.Request{
		Options: how.Options, Echo: b.Bool("echo", false), Fits: true,
		Tokens: b.Int("max_tokens", 16, 0, 1<<30),
	}
	t.request.LogProbs = max(0, t.best)
	if t.best == 0 {
		t.request.LogProbs = 1 // for that of the token itself
	}
	t.stops = stops(b)
	t.stream, t.streamUsage = streaming(b)
	form := &completionForm{header: newHeader("cmpl-", "text_completion", m), best: t.best, asIDs: b.Bool("return_tokens_as_token_ids", false), ids: b.Bool("return_token_ids", false), texts: m.texts, usage: t.streamUsage}
	t.form, t.tokens = form, form.ids
	if best, there := b.take("best_of"); there && string(best) != fmt.Sprint(t.samples) {
		b.fail("best_of", "%s, want the value of n, or no best_of: all generated texts are returned", short(best))
	}
	b.Refuse("a suffix is not supported: text is generated only at the end of a prompt", "suffix")
	t.prompts = b.prompts(m, b.Bool("add_special_tokens", true))
	if t.request.Tokens == 0 && !t.request.Echo {
		b.fail("max_tokens", "0 is allowed only with echo: otherwise there would be nothing to return")
	}
	if err := b.Err(); err != nil {
		return nil, err
	}
	if n := t.count(); n > mostPrompts {
		return nil, invalid("n", "%d choices for %d prompts are %d texts, want at most %d", t.samples, len(t.prompts), n, mostPrompts)
	}
	for i, p := range t.prompts {
		if n := len(p.ids); n > m.Context || t.request.Tokens > m.Context-n {
			return nil, tooLong("prompt", m.Context, n, t.request.Tokens)
		}
		form.prompts = append(form.prompts, t.prompts[i].ids)
	}
	form.samples = t.samples
	t.spell = func(p prompt) spell { return spellText(m.Tokenizer, p, t.request.Stop) }
	t.prepare = func(context.Context) *Error { return nil }
	return t, nil
}

// prompts reads the field prompt: a text, a list of texts, a list of tokens, or a list of such lists.
func (b *Body) prompts(m *Model, around bool) []prompt {
	value, there := b.take("prompt")
	if b.err != nil {
		return nil
	}
	var texts []string
	switch {
	case !there:
		texts = []string{""}
	case value[0] == '"':
		texts = []string{""}
		_ = json.Unmarshal(value, &texts[0]) // cannot fail for a string
	case json.Unmarshal(value, &texts) == nil && !hasNull(value):
	default:
		return b.idPrompts(m, value)
	}
	if len(texts) == 0 || len(texts) > mostPrompts {
		b.fail("prompt", "%d texts, want 1 to %d", len(texts), mostPrompts)
		return nil
	}
	all := make([]prompt, len(texts))
	for i, text := range texts {
		ids, hidden, failed := m.encode(b.ctx, "prompt", text, around)
		if failed != nil {
			b.err = failed
			return nil
		}
		if text == "" {
			ids = tokenizer.EmptyPrompt(m.Tokenizer)
			hidden = len(ids)
		}
		all[i] = prompt{ids, hidden}
	}
	return all
}

// hasNull reports whether a list has a null item, which Go would read as "".
func hasNull(list json.RawMessage) bool {
	var items []json.RawMessage
	_ = json.Unmarshal(list, &items) // cannot fail for a list
	for _, item := range items {
		if string(item) == "null" {
			return true
		}
	}
	return false
}

// idPrompts reads prompts of tokens: a list of tokens, or a list of such lists.
func (b *Body) idPrompts(m *Model, value json.RawMessage) []prompt {
	var lists []json.RawMessage
	if _, one := idsOf(value); one {
		lists = []json.RawMessage{value}
	} else if json.Unmarshal(value, &lists) != nil {
		lists = nil
	}
	if len(lists) > mostPrompts {
		b.fail("prompt", "%d lists, want 1 to %d", len(lists), mostPrompts)
		return nil
	}
	var all []prompt
	for _, list := range lists {
		ids, ok := idsOf(list)
		switch {
		case !ok:
			b.fail("prompt", "%s is not a string, a list of strings, a list of tokens, or a list of such lists", short(value))
			return nil
		case len(ids) == 0:
			b.fail("prompt", "an empty list of tokens")
			return nil
		}
		if failed := m.checkIDs("prompt", ids); failed != nil {
			b.err = cmp.Or(b.err, failed)
			return nil
		}
		all = append(all, prompt{ids: ids})
	}
	if len(all) == 0 {
		b.fail("prompt", "%s is not a string, a list of strings, a list of tokens, or a list of such lists", short(value))
	}
	return all
}

// header holds the fields that all answers begin with.
type header struct {
	ID          string `json:"id"`
	Object      string `json:"object"`
	Created     int64  `json:"created"`
	Model       string `json:"model"`
	Fingerprint string `json:"system_fingerprint"`
}

func newHeader(prefix, object string, m *Model) header {
	var id [12]byte
	_, _ = rand.Read(id[:]) // never fails
	return header{prefix + hex.EncodeToString(id[:]), object, time.Now().Unix(), m.ID, "gorgpt"}
}

// completionForm is the form of the answers to POST /v1/completions.
type completionForm struct {
	header
	best       int
	asIDs, ids bool
	usage      bool // each chunk has a null usage
	texts      *tokenTexts
	prompts    [][]int
	samples    int
}

// completionChoice is a generated text, or a part of it.
type completionChoice struct {
	Index    int                 `json:"index"`
	Text     string              `json:"text"`
	LogProbs *completionLogProbs `json:"logprobs"`
	Finish   *string             `json:"finish_reason"`
	Prompt   []int               `json:"prompt_token_ids,omitempty"`
	IDs      []int               `json:"token_ids,omitzero"`
}

// completionLogProbs holds the log-probabilities of a text's tokens, indexed by token.
type completionLogProbs struct {
	Offsets []int                `json:"text_offset"`
	Values  []*float64           `json:"token_logprobs"`
	Tokens  []string             `json:"tokens"`
	Top     []map[string]float64 `json:"top_logprobs"`
}

// choice joins parts of a choice.
func (f *completionForm) choice(index int, parts []part) completionChoice {
	c := completionChoice{Index: index}
	if f.ids {
		c.IDs = []int{}
	}
	var text strings.Builder
	if f.best >= 0 {
		c.LogProbs = &completionLogProbs{Offsets: []int{}, Values: []*float64{}, Tokens: []string{}, Top: []map[string]float64{}}
	}
	for _, p := range parts {
		text.WriteString(legible.Text(p.text))
		if p.finish != "" {
			c.Finish = &p.finish
		}
		for _, t := range p.tokens {
			if f.best >= 0 && t.ID >= 0 {
				f.addLogProb(c.LogProbs, t)
			}
			if f.ids && t.ID >= 0 && !t.Prompt {
				c.IDs = append(c.IDs, t.ID)
			}
		}
	}
	c.Text = text.String()
	return c
}

// addLogProb adds a token's log-probabilities; the first of a prompt has none.
func (f *completionForm) addLogProb(l *completionLogProbs, t placed) {
	l.Offsets = append(l.Offsets, t.offset)
	l.Tokens = append(l.Tokens, f.texts.name(t.ID, f.asIDs))
	if t.Prompt && len(t.Best) == 0 {
		l.Values, l.Top = append(l.Values, nil), append(l.Top, nil)
		return
	}
	value := logProb(t.LogProb)
	l.Values = append(l.Values, &value)
	top := make(map[string]float64)
	for _, c := range likeliest(t.Token, f.best) {
		name := f.texts.name(c.ID, f.asIDs)
		if _, there := top[name]; !there || c.ID == t.ID { // two tokens may have the same name
			top[name] = logProb(c.LogProb)
		}
	}
	l.Top = append(l.Top, top)
}

// whole implements form.
func (f *completionForm) whole(parts []part, u usage) any {
	byChoice := make([][]part, len(f.prompts)*f.samples)
	for _, p := range parts {
		byChoice[p.choice] = append(byChoice[p.choice], p)
	}
	choices := make([]completionChoice, len(byChoice))
	for i, parts := range byChoice {
		choices[i] = f.choice(i, parts)
		if f.ids {
			choices[i].Prompt = f.prompts[i/f.samples]
		}
	}
	return struct {
		header
		Choices []completionChoice `json:"choices"`
		Usage   usage              `json:"usage"`
	}{f.header, choices, u}
}

// first implements form.
func (f *completionForm) first(int) any { return nil }

// completionChunk is an event of a stream.
type completionChunk struct {
	header
	Choices []completionChoice `json:"choices"`
}

// chunk implements form.
func (f *completionForm) chunk(p part) any {
	return withUsage(completionChunk{f.header, []completionChoice{f.choice(p.choice, []part{p})}}, f.usage)
}

// last implements form.
func (f *completionForm) last(u usage) any {
	return struct {
		completionChunk
		Usage usage `json:"usage"`
	}{completionChunk{f.header, []completionChoice{}}, u}
}

// withUsage returns a chunk with a null usage if the usage is wanted, as it comes at the end of the stream.
func withUsage[C any](chunk C, wanted bool) any {
	if !wanted {
		return chunk
	}
	return usageLater[C]{chunk}
}

// usageLater adds a null usage to a chunk.
type usageLater[C any] struct{ chunk C }

// MarshalJSON implements json.Marshaler.
func (u usageLater[C]) MarshalJSON() ([]byte, error) {
	data, err := marshal(u.chunk)
	if err != nil {
		return nil, err
	}
	return append(data[:len(data)-1], `,"usage":null}`...), nil
}
