package harmony

import (
	"fmt"
	"strings"

	"github.com/gorgpt/gorgpt/tokenizer"
)

// The roles of messages, and the channels of the assistant's messages.
const (
	System    = "system"
	Developer = "developer"
	User      = "user"
	Assistant = "assistant"
	Tool      = "tool"

	Analysis   = "analysis"   // reasoning, which a user is not shown
	Commentary = "commentary" // tool calls, and remarks about them
	Final      = "final"      // the answer
)

// Message is a message of a conversation.
type Message struct {
	Role        string `json:"role"`
	Name        string `json:"name,omitempty"`         // of a tool, such as functions.weather, or of another author
	Channel     string `json:"channel,omitempty"`      // "" for none
	Recipient   string `json:"recipient,omitempty"`    // of a tool call, or of a tool's answer
	ContentType string `json:"content_type,omitempty"` // such as json, or <|constrain|>json if that token precedes it
	Content     string `json:"content"`
}

// Check returns an error if a part of the header is invalid.
func (m Message) Check() error {
	switch m.Role {
	case System, Developer, User, Assistant:
	case Tool:
		switch m.Name {
		case "":
			return fmt.Errorf("a tool's message has no name; want the name of the tool")
		case System, Developer, User, Assistant:
			return fmt.Errorf("a tool is named %s, which would make it a message of that role", m.Name)
		}
	default:
		return fmt.Errorf("role is %q, want %s, %s, %s, %s or %s", m.Role, System, Developer, User, Assistant, Tool)
	}
	for _, part := range []struct{ what, text string }{
		{"name", m.Name}, {"channel", m.Channel}, {"recipient", m.Recipient}, {"content_type", strings.TrimPrefix(m.ContentType, constrain)},
	} {
		if strings.ContainsAny(part.text, " \t\r\n\v\f<>") {
			return fmt.Errorf("%s is %q, want a word", part.what, part.text)
		}
	}
	return nil
}

// constrain is the text of the token before a content type that is enforced.
const constrain = "<|constrain|>"

// Format is harmony in the tokens of a tokenizer. It may be used concurrently.
type Format struct {
	tok                                                       tokenizer.Tokenizer
	start, end, message, channel, constrain, toReturn, toCall int
}

// New returns the format in the tokens of a tokenizer. A tokenizer without harmony's special tokens is an error, and so
// is one from tokenizer.ReadSpecial, with which a user's text could begin a message of another role.
func New(tok tokenizer.Tokenizer) (*Format, error) {
	if tokenizer.ReadsSpecial(tok) {
		return nil, fmt.Errorf("the tokenizer %s encodes special tokens written in messages; want one without tokenizer.ReadSpecial", tok.Name())
	}
	f := &Format{tok: tok}
	ids := make(map[string]int)
	for _, s := range tokenizer.Specials(tok) {
		ids[s.Text] = s.ID
	}
	for _, s := range []struct {
		text string
		id   *int
	}{
		{"<|start|>", &f.start}, {"<|end|>", &f.end}, {"<|message|>", &f.message}, {"<|channel|>", &f.channel},
		{constrain, &f.constrain}, {"<|return|>", &f.toReturn}, {"<|call|>", &f.toCall},
	} {
		id, ok := ids[s.text]
		if !ok {
			return nil, fmt.Errorf("the tokenizer %s has no token %s: conversations need a tokenizer with harmony's tokens, such as gpt-oss's (o200k_harmony)", tok.Name(), s.text)
		}
		*s.id = id
	}
	return f, nil
}

// Stops returns the tokens that end the assistant's turn: <|return|> after an answer, <|call|> after a tool call. After
// <|end|> the assistant continues with another message.
func (f *Format) Stops() []int { return []int{f.toReturn, f.toCall} }
