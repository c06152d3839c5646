package using

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/term"

	"github.com/gorgpt/gorgpt/chat"
	"github.com/gorgpt/gorgpt/cli/internal/command"
	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/harmony"
	"github.com/gorgpt/gorgpt/internal/plainjson"
	"github.com/gorgpt/gorgpt/internal/plaintext"
	"github.com/gorgpt/gorgpt/run"
)

// chat answers each line of in: the text of a user's message or, with --json, a message.
func (w *generation) chat(ctx context.Context, in io.Reader) error {
	c, err := w.conversation()
	if err != nil {
		return fmt.Errorf("--chat: %w", err)
	}
	f, ok := in.(interface{ Fd() uintptr })
	terminal := ok && term.IsTerminal(int(f.Fd())) && !w.asJSON
	lines := command.NewLines(in)
	for first := true; ; first = false {
		if terminal {
			fmt.Fprint(w.stderr, "> ")
		}
		line, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		m := chat.Message{Role: chat.User, Content: line}
		if w.asJSON {
			if m, err = readMessage(line); err != nil {
				return fmt.Errorf("line %d: %w", lines.N, err)
			}
		}
		if m.Role == chat.System { // which replaces the one there is
			if !first {
				return fmt.Errorf("line %d: a system message must come before all others", lines.N)
			}
			c.Messages = nil
		}
		c.Messages = append(c.Messages, m)
		if m.Role != chat.User && m.Role != chat.Tool {
			continue
		}
		if err := w.reply(ctx, c); err != nil {
			return err
		}
	}
}

// conversation begins a conversation, with the template of --chat-template if it is given.
func (w *generation) conversation() (*run.Chat, error) {
	var template []byte
	if w.template != "" {
		var err error
		if template, err = plaintext.Read(w.template); err != nil {
			return nil, err
		}
		if len(template) == 0 {
			return nil, fmt.Errorf("%s: empty, want a chat template", w.template)
		}
	}
	return w.Chat(string(template), w.system)
}

// readMessage parses a message in JSON.
func readMessage(line string) (m chat.Message, err error) {
	d := json.NewDecoder(strings.NewReader(line))
	d.DisallowUnknownFields()
	if err = plainjson.Unmarshal([]byte(line), &m); err == nil {
		err = d.Decode(new(chat.Message))
	}
	if err != nil {
		return m, fmt.Errorf("want a message such as {\"role\":\"user\",\"content\":\"…\"}: %w", err)
	}
	var given map[string]any
	if err := json.Unmarshal([]byte(line), &given); err != nil {
		return m, err
	}
	if content, there := given["content"]; there && content == nil {
		return m, errors.New("content is null, want a string")
	}
	return m, m.Check()
}

// reply prints the assistant's reply: its messages as JSON, or its text as it is generated. Text that is not meant
// for the user goes to standard error.
func (w *generation) reply(ctx context.Context, c *run.Chat) error {
	last := io.Writer(nil)
	said, finish, err := c.Reply(ctx, func(m chat.Message, text string) error {
		if w.asJSON {
			return nil
		}
		to := w.out
		if m.Channel == harmony.Analysis || m.Recipient != "" {
			to = w.stderr
		}
		if last != nil && last != to {
			fmt.Fprintln(last)
		}
		last = to
		_, err := io.WriteString(to, text)
		return err
	})
	if last != nil {
		fmt.Fprintln(last)
	}
	if err != nil {
		return err
	}
	switch finish {
	case string(generate.Length):
		fmt.Fprintf(w.stderr, "the reply was cut off here by --tokens %d\n", w.writing.Tokens)
	case run.Full:
		fmt.Fprintln(w.stderr, "the reply was cut off here: the model's context is full")
	}
	if !w.asJSON {
		return nil
	}
	encoder := json.NewEncoder(w.out)
	encoder.SetEscapeHTML(false)
	for _, m := range said {
		if err := encoder.Encode(m); err != nil {
			return err
		}
	}
	return nil
}
