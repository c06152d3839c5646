package run

import (
	"context"
	"fmt"
	"slices"

	"github.com/gorgpt/gorgpt/chat"
	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// Chat is a conversation with a model. Messages is what was said so far; the caller appends what
// anyone other than the assistant says.
type Chat struct {
	Messages []chat.Message

	format chat.Format
	writer *Writer
}

// Chat begins a conversation in the chat format of the model, as found by [chat.For], or in that of
// another chat template if one is given. A system prompt, if it is not "", comes before everything
// else.
func (w *Writer) Chat(template, system string) (*Chat, error) {
	f, err := chat.For(w.model.Tokenizer)
	if template != "" {
		_, special, _ := tokenizer.ChatTemplate(w.model.Tokenizer)
		f, err = chat.NewTemplate(w.model.Tokenizer, template, special)
	}
	if err != nil {
		return nil, err
	}
	return &Chat{f.Begin(system), f, w}, nil
}

// Full is why a reply ends that leaves no room in the model's context.
const Full = "context"

// Reply generates the assistant's next messages, which are appended to Messages and returned. As
// the text arrives, piece is called with each piece of it and the message's header. Reply also
// returns why the reply ends: "length" if it has as many tokens as a text may have, and [Full] if the context is full.
func (c *Chat) Reply(ctx context.Context, piece func(m chat.Message, text string) error) (said []chat.Message, finish string, err error) {
	prompt, err := c.format.Prompt(c.Messages)
	if err != nil {
		return nil, "", err
	}
	context := models.DimsOf(c.writer.model.Model).Context
	if len(prompt) >= context {
		return nil, "", fmt.Errorf("the conversation has %d tokens, but the model's context is %d: start another, or use a model with a larger context", len(prompt), context)
	}
	most := min(c.writer.writing.Tokens, context-len(prompt)) // beyond the context, the beginning would be forgotten
	o := c.writer.options
	o.Stop = slices.Concat(o.Stop, c.format.Stops())
	p := c.format.Parser()
	for token, err := range c.writer.Generator.Stream(ctx, prompt, most, o) {
		if err != nil {
			return nil, "", err
		}
		finish = string(token.Finish)
		if token.ID < 0 || slices.Contains(o.Stop, token.ID) && !slices.Contains(c.format.Stops(), token.ID) {
			break
		}
		m, begun := p.Current()
		text, err := p.Next(token.ID)
		if err != nil {
			return nil, "", fmt.Errorf("the model's output is not a valid message: %w", err)
		}
		if begun && text != "" {
			if err := piece(m, text); err != nil {
				return nil, "", err
			}
		}
	}
	m, _ := p.Current()
	rest, err := p.End()
	if err != nil {
		return nil, "", fmt.Errorf("the model did not complete a message within %d tokens: %w", most, err)
	}
	if rest != "" {
		if err := piece(m, rest); err != nil {
			return nil, "", err
		}
	}
	if finish == string(generate.Length) && most < c.writer.writing.Tokens {
		finish = Full
	}
	c.Messages = append(c.Messages, p.Messages()...)
	return p.Messages(), finish, nil
}
