package serve

import (
	"fmt"
	"slices"

	"github.com/gorgpt/gorgpt/chat"
	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/harmony"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// spell returns the text that a token adds to a choice, after the tokens before it, and the kind of that text.
type spell func(t generate.Token) (string, kind, error)

// spellText returns a spell for a text that continues a prompt. The first p.hidden tokens of the prompt, such as a
// beginning of text, have no text, nor have stop tokens.
func spellText(tok tokenizer.Tokenizer, p prompt, stop []int) spell {
	after, within := tokenizer.Following(tok, p.ids), tokenizer.Following(tok, p.ids[:p.hidden])
	seen := 0
	return func(t generate.Token) (string, kind, error) {
		decoder, k := after, said
		if t.Prompt {
			seen++
			decoder, k = within, echoed
		}
		if t.Prompt && seen <= p.hidden || t.ID < 0 || t.ID >= tok.Size() || !t.Prompt && slices.Contains(stop, t.ID) {
			return "", k, nil
		}
		text, err := decoder.AppendText(nil, []int{t.ID})
		if err != nil {
			err = fmt.Errorf("token %d: %w", t.ID, err)
		}
		return string(text), k, err
	}
}

// spellReply returns a spell for an assistant's message. What harmony's models write on the analysis channel or to
// tools is of kind thought. Tokens in silent have no text and end nothing.
func spellReply(f chat.Format, stop, silent []int) spell {
	parser := f.Parser()
	return func(t generate.Token) (text string, k kind, err error) {
		m, begun := parser.Current()
		if m.Channel == harmony.Analysis || m.Recipient != "" {
			k = thought
		}
		if t.ID >= 0 && !slices.Contains(silent, t.ID) && (slices.Contains(f.Stops(), t.ID) || !slices.Contains(stop, t.ID)) {
			if text, err = parser.Next(t.ID); err != nil {
				return "", k, fmt.Errorf("the model's output is not a valid message: %w", err)
			}
		}
		if t.Last {
			rest, err := parser.End()
			if err != nil && t.Finish != generate.Length { // a message cut within its header has no text
				return "", k, fmt.Errorf("the model's output is not a valid message: %w", err)
			}
			text += rest
		}
		if !begun {
			return "", between, nil
		}
		return text, k, nil
	}
}
