package harmony

import (
	"fmt"
	"strings"
)

// Prompt returns the tokens of a conversation for the assistant to continue: its messages, without the assistant's
// reasoning before an answer that it has given, and the beginning of the assistant's next message, after which
// [Parser] continues.
func (f *Format) Prompt(messages []Message) ([]int, error) {
	ids, err := f.render(WithoutThoughts(messages))
	if err != nil {
		return nil, err
	}
	return f.text(append(ids, f.start), Assistant)
}

// Render returns the tokens of a whole conversation, to train on. If its last message is an answer of the
// assistant, on the final channel, it ends with <|return|>, as it did when the assistant gave it.
func (f *Format) Render(messages []Message) ([]int, error) {
	ids, err := f.render(messages)
	if n := len(messages); err == nil && n > 0 && messages[n-1].Role == Assistant && messages[n-1].Channel == Final && ids[len(ids)-1] == f.end {
		ids[len(ids)-1] = f.toReturn
	}
	return ids, err
}

// WithoutThoughts returns the messages without those on the analysis channel before the last answer, which is one on
// the final channel: the history has answers, but not the reasoning that led to them.
func WithoutThoughts(messages []Message) []Message {
	last := -1
	for i, m := range messages {
		if m.Role == Assistant && m.Channel == Final {
			last = i
		}
	}
	var kept []Message
	for i, m := range messages {
		if i >= last || m.Role != Assistant || m.Channel != Analysis {
			kept = append(kept, m)
		}
	}
	return kept
}

func (f *Format) render(messages []Message) (ids []int, err error) {
	for i, m := range messages {
		if ids, err = f.one(ids, m); err != nil {
			return nil, fmt.Errorf("message %d: %w", i+1, err)
		}
	}
	return ids, nil
}

// one appends the tokens of a message. Each text is encoded separately, and none is searched for special tokens.
func (f *Format) one(ids []int, m Message) ([]int, error) {
	if err := m.Check(); err != nil {
		return nil, err
	}
	author := m.Role
	switch {
	case m.Role == Tool:
		author = m.Name
	case m.Name != "":
		author += ":" + m.Name
	}
	ids, err := f.text(append(ids, f.start), author)
	if m.Recipient != "" && m.Recipient != "all" && err == nil {
		ids, err = f.text(ids, " to="+m.Recipient)
	}
	if m.Channel != "" && err == nil {
		ids, err = f.text(append(ids, f.channel), m.Channel)
	}
	if kind, constrained := strings.CutPrefix(m.ContentType, constrain); m.ContentType != "" && err == nil {
		if constrained {
			if ids, err = f.text(ids, " "); err == nil {
				ids, err = f.text(append(ids, f.constrain), kind)
			}
		} else {
			ids, err = f.text(ids, " "+kind)
		}
	}
	if err == nil {
		ids, err = f.text(append(ids, f.message), m.Content)
	}
	if m.Role == Assistant && m.Recipient != "" { // also "all", which the header omits
		return append(ids, f.toCall), err
	}
	return append(ids, f.end), err
}

// text appends the tokens of a text.
func (f *Format) text(ids []int, text string) ([]int, error) {
	return f.tok.Append(ids, []byte(text))
}
