package chat

import (
	"fmt"

	"github.com/gorgpt/gorgpt/harmony"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// Message is a message of a conversation. Only harmony has Channel, Recipient and ContentType.
type Message = harmony.Message

// The roles of messages.
const (
	System    = harmony.System
	Developer = harmony.Developer
	User      = harmony.User
	Assistant = harmony.Assistant
	Tool      = harmony.Tool
)

// Format is the form of conversations that a model was trained on. It may be used concurrently.
type Format interface {
	// Begin returns the messages that precede all others, with a system prompt if it is not "".
	Begin(system string) []Message
	// Prompt returns the tokens of a conversation for the assistant to continue.
	Prompt(messages []Message) ([]int, error)
	// AnswerPrompt is Prompt for the assistant to continue with its answer and nothing before it.
	AnswerPrompt(messages []Message) ([]int, error)
	// Stops returns the tokens that end the assistant's turn, in addition to those that end any text.
	Stops() []int
	// Parser returns a parser for what the assistant writes after a prompt.
	Parser() Parser
}

// Parser turns the tokens that a model generates into messages.
type Parser interface {
	// Next takes a token and returns the text that the message's content has certainly gained.
	Next(id int) (text string, err error)
	// End says that there are no more tokens, and returns the rest of the message's content.
	End() (rest string, err error)
	// Messages returns the complete messages.
	Messages() []Message
	// Current returns the message that is being read, without its content, if its header is complete.
	Current() (Message, bool)
}

// For returns the format of a tokenizer: harmony if it has harmony's special tokens, else that of its chat template.
// A tokenizer that has neither is an error.
func For(tok tokenizer.Tokenizer) (Format, error) {
	f, err := harmony.New(tok)
	if err == nil {
		return inHarmony{f, tok}, nil
	}
	source, special, there := tokenizer.ChatTemplate(tok)
	switch {
	case !there && tokenizer.ReadsSpecial(tok):
		return nil, err
	case !there:
		return nil, fmt.Errorf("the tokenizer %s has no chat template (chat_template.jinja, or chat_template in tokenizer_config.json), and no harmony tokens: want the tokenizer of a chat model", tok.Name())
	}
	return NewTemplate(tok, source, special)
}

// inHarmony is harmony as a Format.
type inHarmony struct {
	*harmony.Format
	tok tokenizer.Tokenizer
}

// Begin implements Format: OpenAI's system message without the date, and the prompt as the developer's instructions.
func (inHarmony) Begin(system string) []Message {
	messages := []Message{harmony.DefaultSetup().Message()}
	if system != "" {
		messages = append(messages, harmony.Instructions(system))
	}
	return messages
}

// AnswerPrompt implements Format.
func (h inHarmony) AnswerPrompt(messages []Message) ([]int, error) {
	ids, err := h.Prompt(messages)
	if err != nil {
		return nil, err
	}
	return tokenizer.AppendSpecial(h.tok, ids, []byte("<|channel|>final<|message|>"))
}

// Parser implements Format.
func (h inHarmony) Parser() Parser { return h.Format.Parser(harmony.Assistant) }
