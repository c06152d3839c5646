package harmony

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/generate"
)

// Parser reads messages token by token, as a model generates them.
type Parser struct {
	f        *Format
	role     string // of the first message, if the tokens begin after it
	state    state
	header   []int
	text     *generate.Text
	current  Message
	messages []Message
}

// state is what a parser waits for.
type state int

const (
	forStart   state = iota // a <|start|>
	forMessage              // the end of a header, <|message|>
	forEnd                  // the end of a message's content
)

// Parser returns a parser for tokens that begin within the header of a message, after its role; or, if role is "",
// before a <|start|>.
func (f *Format) Parser(role string) *Parser {
	p := &Parser{f: f, role: role}
	if role != "" {
		p.state = forMessage
	}
	return p
}

// Parse reads messages from tokens. The last message may lack its end.
func (f *Format) Parse(role string, ids []int) ([]Message, error) {
	p := f.Parser(role)
	for i, id := range ids {
		if _, err := p.Next(id); err != nil {
			return p.messages, fmt.Errorf("token %d: %w", i, err)
		}
	}
	_, err := p.End()
	return p.messages, err
}

// Next takes a token and returns the text that the message's content has certainly gained. Within the content,
// special tokens are text, except those that end it.
func (p *Parser) Next(id int) (text string, err error) {
	switch p.state {
	case forStart:
		if id != p.f.start {
			return "", fmt.Errorf("%s found where a message must begin with <|start|>", p.f.spelled(id))
		}
		p.state, p.header = forMessage, nil
		return "", nil
	case forMessage:
		if id != p.f.message {
			p.header = append(p.header, id)
			return "", nil
		}
		if p.current, err = p.f.parseHeader(p.role, p.header); err != nil {
			return "", err
		}
		p.role, p.state, p.text = "", forEnd, generate.NewText(p.f.tok)
		return "", nil
	}
	if id == p.f.end || slices.Contains(p.f.Stops(), id) {
		return p.finish(), nil
	}
	return p.text.Add(id)
}

// finish ends the message and returns the rest of its content.
func (p *Parser) finish() string {
	rest := p.text.Rest()
	p.current.Content = p.text.String()
	p.messages, p.state = append(p.messages, p.current), forStart
	return rest
}

// End says that there are no more tokens, which ends a message's content, and returns the rest of it: an incomplete
// character that the last tokens began. Within a header it is an error.
func (p *Parser) End() (rest string, err error) {
	switch p.state {
	case forMessage:
		return "", errors.New("the tokens end within the header of a message")
	case forEnd:
		rest = p.finish()
	}
	return rest, nil
}

// Messages returns the complete messages.
func (p *Parser) Messages() []Message { return p.messages }

// Current returns the message that is being read, without its content, if there is one whose header is complete.
func (p *Parser) Current() (Message, bool) { return p.current, p.state == forEnd }

// spelled formats a token for an error.
func (f *Format) spelled(id int) string {
	text, err := f.tok.AppendText(nil, []int{id})
	if err != nil {
		return fmt.Sprintf("unknown token %d", id)
	}
	return fmt.Sprintf("%q", text)
}

// parseHeader parses the header of a message, as openai-harmony 0.0.8 does:
//
//	role[ to=recipient]<|channel|>channel[ to=recipient][ type]
//
// An unknown role with a recipient is the name of a tool.
func (f *Format) parseHeader(role string, ids []int) (Message, error) {
	raw, err := f.tok.AppendText(nil, ids)
	if err != nil {
		return Message{}, fmt.Errorf("header: %w", err)
	}
	header := strings.ToValidUTF8(string(raw), "\ufffd")
	m := Message{Role: role}
	if before, after, is := strings.Cut(header, "<|channel|>"); is {
		end := strings.IndexFunc(after, func(r rune) bool { return r == '<' || strings.ContainsRune(" \t\r\n\v\f", r) })
		if end < 0 {
			end = len(after)
		}
		if m.Channel = after[:end]; m.Channel == "" {
			return m, fmt.Errorf("the header %q has <|channel|> without a channel", header)
		}
		header = before + after[end:]
	}
	words := strings.Fields(strings.ReplaceAll(header, constrain, " "+constrain))
	if role == "" {
		if len(words) == 0 {
			return m, errors.New("the header has no role")
		}
		m.Role = words[0]
		words = words[1:]
		if known := slices.Contains([]string{System, Developer, User, Assistant}, m.Role); !known {
			if m.Role != Tool && len(words) == 0 {
				return m, fmt.Errorf("unknown role %q", m.Role)
			}
			m.Role, m.Name = Tool, m.Role
		}
	}
	if role != "" && len(words) > 0 && words[0] == role { // said again
		words = words[1:]
	}
	to := func(word string) string { return strings.TrimPrefix(word, "to=") }
	switch n := len(words); {
	case n > 2:
		return m, fmt.Errorf("the header %q has words that are neither a recipient nor a content type: %s", header, strings.Join(words[:n-2], " "))
	case n == 2 && strings.HasPrefix(words[1], "to="):
		return m, fmt.Errorf("the header %q has a word that is neither a recipient nor a content type: %s", header, words[0])
	case n == 2:
		m.Recipient, m.ContentType = to(words[0]), words[1]
	case n == 1 && strings.HasPrefix(words[0], constrain): // only a type, of an answer in a requested format
		m.ContentType = words[0]
	case n == 1:
		m.Recipient = to(words[0])
	}
	return m, nil
}
