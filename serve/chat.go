package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorgpt/gorgpt/chat"
	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/harmony"
	"github.com/gorgpt/gorgpt/internal/legible"
)

// conversation reads a request of POST /v1/chat/completions.
func (s *Server) conversation(b *Body) (*task, *Error) {
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
	if m.Chat == nil {
		return nil, &Error{Status: http.StatusBadRequest, Param: "model", Message: fmt.Sprintf("%s does not support chat: %v; POST /v1/completions continues texts", m.ID, m.noChat)}
	}
	t := &task{model: m, samples: b.Int("n", 1, 1, mostChoices), best: -1}
	common(b)
	how := sampling(b, m)
	var silent []int
	t.request, t.seeded = generate.Request{Options: how.Options, Fits: true}, how.seeded
	switch {
	case !how.endless:
		t.request.Stop = append(t.request.Stop, m.Chat.Stops()...)
	case len(m.Chat.Begin("")) > 0:
		b.fail("ignore_eos", "this model's messages end with these tokens, and nothing can follow them")
	default:
		silent = slices.Concat(m.Chat.Stops(), m.Ends)
	}
	tokens := b.Int("max_tokens", 0, 1, 1<<30)
	tokens = b.Int("max_completion_tokens", tokens, 1, 1<<30)
	best := b.Int("top_logprobs", 0, 0, mostBest)
	if b.Bool("logprobs", false) {
		t.best, t.request.LogProbs = best, max(1, best)
	} else if best > 0 {
		b.fail("top_logprobs", "only with logprobs")
	}
	t.stops = stops(b)
	t.stream, t.streamUsage = streaming(b)
	t.form = &chatForm{header: newHeader("chatcmpl-", "chat.completion", m), best: t.best, texts: m.texts, usage: t.streamUsage, samples: t.samples}
	b.refuseTools()
	b.Refuse("only text answers are supported", "audio", "prediction")
	b.Unless("modalities", "only text answers are supported", "text")
	b.Unless("verbosity", "only medium is supported", "medium")
	if in, there := b.Within("response_format"); there {
		if kind := in.Text("type", ""); kind != "text" {
			b.fail("response_format", "%q, want \"text\": no other response format is supported", kind)
		} else if err := in.Err(); err != nil && b.err == nil {
			b.err = err
		}
	}
	effort := b.Text("reasoning_effort", "")
	messages := b.messages(m, effort)
	if err := b.Err(); err != nil {
		return nil, err
	}
	t.prepare = func(ctx context.Context) *Error { return t.converse(ctx, messages, tokens) }
	t.spell = func(prompt) spell { return spellReply(m.Chat, t.request.Stop, silent) }
	return t, nil
}

// refuseTools refuses fields that ask for tools.
func (b *Body) refuseTools() {
	const why = "tools are not supported"
	b.Refuse(why, "tools", "functions", "web_search_options")
	b.Unless("tool_choice", why, "none", "auto")
	b.Unless("function_call", why, "none", "auto")
	b.Bool("parallel_tool_calls", false) // says nothing without tools
}

// renderTime is how long a chat template may take for a conversation.
const renderTime = 5 * time.Second

// converse makes the prompt of a conversation. A template that takes longer than renderTime is left running; package
// chat limits how many do.
func (t *task) converse(ctx context.Context, messages []chat.Message, tokens int) *Error {
	ctx, cancel := context.WithTimeoutCause(ctx, renderTime, fmt.Errorf("the chat template did not finish within %v", renderTime))
	defer cancel()
	type made struct {
		ids []int
		err error
	}
	done := make(chan made, 1)
	go func() {
		ids, err := t.model.Chat.Prompt(messages)
		done <- made{ids, err}
	}()
	var ids []int
	select {
	case m := <-done:
		if m.err != nil {
			return invalid("messages", "%v", m.err)
		}
		ids = m.ids
	case <-ctx.Done():
		return ended(ctx)
	}
	room := t.model.Context - len(ids)
	if tokens == 0 {
		tokens = max(1, room)
	}
	if tokens > room {
		return tooLong("messages", t.model.Context, len(ids), tokens)
	}
	t.prompts, t.request.Tokens = []prompt{{ids: ids}}, tokens
	return nil
}

// messages reads a conversation. For harmony's models, a system prompt becomes the developer's instructions.
func (b *Body) messages(m *Model, effort string) []chat.Message {
	value, there := b.take("messages")
	var list []json.RawMessage
	if !there || json.Unmarshal(value, &list) != nil || len(list) == 0 {
		b.fail("messages", "want a list of messages")
		return nil
	}
	all := m.Chat.Begin("")
	inHarmony := len(all) > 0
	if inHarmony && effort != "" {
		setup := harmony.DefaultSetup()
		if setup.Reasoning = effort; effort != "low" && effort != "medium" && effort != "high" {
			b.fail("reasoning_effort", "%q, want low, medium or high", effort)
		}
		all[0] = setup.Message()
	} else if effort != "" && effort != "none" {
		b.fail("reasoning_effort", "this model has no reasoning effort setting")
	}
	for i, item := range list {
		message, failed := parseMessage(item, fmt.Sprintf("messages.%d.", i))
		if failed != nil {
			if b.err == nil {
				b.err = failed
			}
			return nil
		}
		all = append(all, forFormat(message, inHarmony))
	}
	return all
}

// forFormat converts a message of the API to a model's format.
func forFormat(m chat.Message, inHarmony bool) chat.Message {
	system := m.Role == chat.System || m.Role == chat.Developer
	switch {
	case system && inHarmony:
		return harmony.Instructions(m.Content)
	case system:
		m.Role = chat.System
	case m.Role == chat.Assistant && inHarmony:
		m.Channel = harmony.Final
	}
	return m
}

// parseMessage reads a message, whose content is a text or a list of text parts.
func parseMessage(value json.RawMessage, prefix string) (m chat.Message, failed *Error) {
	b, failed := parseBody(value, prefix)
	if failed != nil {
		return m, failed
	}
	m.Role, m.Name = b.Text("role", ""), b.Text("name", "")
	content, there := b.take("content")
	switch {
	case !there:
		b.fail("content", "missing")
	case content[0] == '[':
		m.Content = b.contentParts(content)
	default:
		m.Content = b.Text("content", "")
	}
	b.Refuse("only text messages are supported, not tool calls", "tool_calls", "function_call", "refusal", "audio")
	b.Ignore("reasoning_content", "annotations", "tool_call_id")
	if failed := b.Err(); failed != nil {
		return m, failed
	}
	if m.Role == chat.Tool && m.Name == "" {
		return m, invalid(prefix+"name", "missing: the name of the tool; tool_call_id is not used")
	}
	if err := m.Check(); err != nil {
		return m, invalid(prefix+"role", "%v", err)
	}
	return m, nil
}

// contentParts reads a content that is a list of parts.
func (b *Body) contentParts(value json.RawMessage) string {
	var list []json.RawMessage
	_ = json.Unmarshal(value, &list) // cannot fail for a list
	var text strings.Builder
	for i, item := range list {
		in, failed := parseBody(item, fmt.Sprintf("%scontent.%d.", b.prefix, i))
		if failed == nil {
			kind := in.Text("type", "")
			if kind != "text" {
				in.fail("type", "%q, want \"text\"", kind)
			}
			if _, there := in.take("text"); !there {
				in.fail("text", "missing")
			}
			text.WriteString(in.Text("text", ""))
			failed = in.Err()
		}
		if failed != nil {
			if b.err == nil {
				b.err = failed
			}
			return ""
		}
	}
	return text.String()
}

// chatForm is the form of the answers to POST /v1/chat/completions.
type chatForm struct {
	header
	best    int
	usage   bool
	texts   *tokenTexts
	samples int
}

// chatLogProbs holds the log-probabilities of a message's tokens.
type chatLogProbs struct {
	Content []chatLogProb `json:"content"`
	Refusal *string       `json:"refusal"`
}

// chatLogProb is the log-probability of a token.
type chatLogProb struct {
	Token   string        `json:"token"`
	LogProb float64       `json:"logprob"`
	Bytes   []int         `json:"bytes"`
	Top     []chatLogProb `json:"top_logprobs,omitzero"`
}

func (f *chatForm) logProb(id int, value float64) chatLogProb {
	l := chatLogProb{Token: f.texts.name(id, false), LogProb: logProb(value), Bytes: []int{}}
	for _, c := range f.texts.raw(id) {
		l.Bytes = append(l.Bytes, int(c))
	}
	return l
}

// logProbs returns the log-probabilities of parts, or nil if none are wanted.
func (f *chatForm) logProbs(parts []part) *chatLogProbs {
	if f.best < 0 {
		return nil
	}
	all := &chatLogProbs{Content: []chatLogProb{}}
	for _, p := range parts {
		for _, t := range p.tokens {
			if p.kind != said || t.ID < 0 || t.Finish == generate.StopToken {
				continue
			}
			l := f.logProb(t.ID, t.LogProb)
			l.Top = []chatLogProb{}
			if f.best > 0 {
				for _, c := range likeliest(t.Token, f.best) {
					l.Top = append(l.Top, f.logProb(c.ID, c.LogProb))
				}
			}
			all.Content = append(all.Content, l)
		}
	}
	return all
}

// chatMessage is the message of a choice.
type chatMessage struct {
	Role      string  `json:"role"`
	Content   string  `json:"content"`
	Reasoning string  `json:"reasoning_content,omitempty"`
	Refusal   *string `json:"refusal"`
}

// whole implements form.
func (f *chatForm) whole(parts []part, u usage) any {
	type choice struct {
		Index    int           `json:"index"`
		Message  chatMessage   `json:"message"`
		LogProbs *chatLogProbs `json:"logprobs"`
		Finish   string        `json:"finish_reason"`
	}
	choices := make([]choice, f.samples)
	byChoice := make([][]part, f.samples)
	for _, p := range parts {
		byChoice[p.choice] = append(byChoice[p.choice], p)
	}
	for i, parts := range byChoice {
		c := choice{Index: i, Message: chatMessage{Role: chat.Assistant}, LogProbs: f.logProbs(parts)}
		for _, p := range parts {
			if p.kind == thought {
				c.Message.Reasoning += legible.Text(p.text)
			} else {
				c.Message.Content += legible.Text(p.text)
			}
			if p.finish != "" {
				c.Finish = p.finish
			}
		}
		choices[i] = c
	}
	return struct {
		header
		Choices []choice `json:"choices"`
		Usage   usage    `json:"usage"`
	}{f.header, choices, u}
}

// chatDelta is what a chunk adds to a message.
type chatDelta struct {
	Role      string  `json:"role,omitempty"`
	Content   *string `json:"content,omitempty"`
	Reasoning string  `json:"reasoning_content,omitempty"`
}

// chatChoice is a part of a choice in a stream.
type chatChoice struct {
	Index    int           `json:"index"`
	Delta    chatDelta     `json:"delta"`
	LogProbs *chatLogProbs `json:"logprobs"`
	Finish   *string       `json:"finish_reason"`
}

// chatChunk is an event of a stream.
type chatChunk struct {
	header
	Choices []chatChoice `json:"choices"`
}

func (f *chatForm) event(choices ...chatChoice) chatChunk {
	h := f.header
	h.Object = "chat.completion.chunk"
	return chatChunk{h, choices}
}

// first implements form: it gives the role of the message.
func (f *chatForm) first(index int) any {
	empty := ""
	return withUsage(f.event(chatChoice{Index: index, Delta: chatDelta{Role: chat.Assistant, Content: &empty}}), f.usage)
}

// chunk implements form.
func (f *chatForm) chunk(p part) any {
	c := chatChoice{Index: p.choice, LogProbs: f.logProbs([]part{p})}
	switch {
	case p.kind == thought:
		c.Delta.Reasoning = legible.Text(p.text)
	case p.text != "":
		text := legible.Text(p.text)
		c.Delta.Content = &text
	}
	if p.finish != "" {
		c.Finish = &p.finish
	}
	return withUsage(f.event(c), f.usage)
}

// last implements form.
func (f *chatForm) last(u usage) any {
	chunk := f.event()
	chunk.Choices = []chatChoice{}
	return struct {
		chatChunk
		Usage usage `json:"usage"`
	}{chunk, u}
}
