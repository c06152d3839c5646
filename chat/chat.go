package chat

import (
	"fmt"

	"github.com/gorgpt/gorgpt/harmony"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// Message is one of a conversation. Channel, Recipient and ContentType are harmony's.
type Message = harmony.Message

// The roles of messages.
const (
	System    = harmony.System
	Developer = harmony.Developer
	User      = harmony.User
	Assistant = harmony.Assistant
	Tool      = harmony.Tool
)

// Format is how a model was taught to converse. It may be used from several goroutines.
type Format interface {
	// Begin are the messages that stand before all others, with a system prompt if it is not "".
	Begin(system string) []Message
	// Prompt are the tokens of a conversation for the assistant to go on with.
	Prompt(messages []Message) ([]int, error)
	// AnswerPrompt is Prompt, for the assistant to go on with its answer and nothing before it.
	AnswerPrompt(messages []Message) ([]int, error)
	// Stops are tokens at which it is no longer the assistant's turn, beside those that end any text.
	Stops() []int
	// Parser reads what the assistant writes after a prompt.
	Parser() Parser
}

// Parser makes messages of the tokens that a model writes.
type Parser interface {
	// Next takes a token and returns what it adds for sure to what the message says.
	Next(id int) (text string, err error)
	// End tells that there are no more tokens, and returns the rest of what the message says.
	End() (rest string, err error)
	// Messages are those that are complete.
	Messages() []Message
	// Current is the message that is being read, without what it says, if its header is complete.
	Current() (Message, bool)
}

// For returns the format of a tokenizer: harmony if it has its special tokens, else that of the chat template that
// lies beside it. One that has neither is an error.
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
		return nil, fmt.Errorf("the tokenizer %s has no chat template (chat_template.jinja, or chat_template in tokenizer_config.json), nor harmony's tokens: want one of a model that was taught to converse", tok.Name())
	}
	return NewTemplate(tok, source, special)
}

// inHarmony is harmony as a Format.
type inHarmony struct {
	*harmony.Format
	tok tokenizer.Tokenizer
}

// Begin implements Format: OpenAI's system message but for the date, and the prompt as the developer's instructions.
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
