package chat

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ardanlabs/jinja"

	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/internal/legible"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// Template is a [Format]: a chat template in the tokens of a tokenizer.
type Template struct {
	tok     tokenizer.Tokenizer
	program *jinja.Template
	watch   string            // name of the function that bounds it
	special map[string]string // bos_token and the like
	tokens  []string          // special tokens, the longest first
	ids     map[string]int
	stops   []int

	most    time.Duration // that a prompt may take
	renders chan struct{} // has an element for each prompt being rendered
}

// NewTemplate returns the format of a template in Jinja. The special tokens that it can refer to, such as bos_token, are
// those returned by [tokenizer.ChatTemplate]. A template that does not parse is an error with the line; so is one that
// cannot render an assistant's answer to a user.
//
// The assistant's turn ends at the special token that the template writes after the assistant's content, if there is one.
func NewTemplate(tok tokenizer.Tokenizer, source string, special map[string]string) (*Template, error) {
	if tokenizer.ReadsSpecial(tok) {
		return nil, fmt.Errorf("the tokenizer %s encodes special tokens written in messages; want one without tokenizer.ReadSpecial", tok.Name())
	}
	t := &Template{tok: tok, special: special, watch: fmt.Sprintf("_%x", rand.Uint64()), ids: make(map[string]int), most: maxTime, renders: make(chan struct{}, mostRenders)}
	source, err := normalize(source, t.watch)
	if err != nil {
		return nil, fmt.Errorf("chat template: %w", err)
	}
	if t.program, err = jinja.Compile(source); err != nil {
		return nil, fmt.Errorf("chat template: %w", errors.Unwrap(err))
	}
	for _, s := range tokenizer.Specials(tok) {
		t.ids[s.Text] = s.ID
		t.tokens = append(t.tokens, s.Text)
	}
	slices.SortFunc(t.tokens, func(a, b string) int { return len(b) - len(a) })
	if err := t.findStop(); err != nil {
		return nil, err
	}
	return t, nil
}

// findStop finds the token that ends the assistant's turn.
func (t *Template) findStop() error {
	const answer = "said-by-the-assistant"
	question := Message{Role: User, Content: "said-by-the-user"}
	text, err := t.render([]Message{question, {Role: Assistant, Content: answer}, question}, true)
	if err != nil {
		return err
	}
	_, after, there := strings.Cut(text, answer)
	if !there {
		return errors.New("chat template: omits the assistant's messages")
	}
	if end := t.tokenAt(strings.TrimLeftFunc(after, unicode.IsSpace)); end != "" {
		t.stops = []int{t.ids[end]}
	}
	return nil
}

// tokenAt returns the special token that a text begins with, or "".
func (t *Template) tokenAt(text string) string {
	for _, token := range t.tokens {
		if strings.HasPrefix(text, token) {
			return token
		}
	}
	return ""
}

// Begin implements Format. The system prompt is a message; a template adds its own default, if any.
func (t *Template) Begin(system string) []Message {
	if system == "" {
		return nil
	}
	return []Message{{Role: System, Content: system}}
}

// Stops implements Format.
func (t *Template) Stops() []int { return t.stops }

// Prompt implements Format. Roles that the template does not accept, or not in this order, are errors from the template.
func (t *Template) Prompt(messages []Message) ([]int, error) {
	if len(messages) == 0 {
		return nil, errors.New("a conversation without messages")
	}
	mark, err := unusedMark(messages)
	if err != nil {
		return nil, err
	}
	marked := slices.Clone(messages)
	for i, m := range messages {
		if err := check(m); err != nil {
			return nil, fmt.Errorf("message %d: %w", i+1, err)
		}
		for _, text := range []*string{&marked[i].Content, &marked[i].Name} {
			if *text, err = t.part(*text, mark); err != nil {
				return nil, fmt.Errorf("message %d: %w", i+1, err)
			}
		}
	}
	text, err := t.render(marked, true)
	if err != nil {
		return nil, err
	}
	for i, m := range marked {
		if m.Role == User && !strings.Contains(text, strings.TrimSpace(m.Content)) {
			return nil, fmt.Errorf("chat template: omits the content of message %d, the user's: it may be a template for messages that are not plain text", i+1)
		}
	}
	return tokenizer.AppendSpecialBut(t.tok, nil, []byte(text), mark)
}

// AnswerPrompt implements Format. With a template, the assistant answers at once.
func (t *Template) AnswerPrompt(messages []Message) ([]int, error) { return t.Prompt(messages) }

// check refuses fields that templates do not have.
func check(m Message) error {
	if m.Channel != "" || m.Recipient != "" || m.ContentType != "" {
		return errors.New("channel, recipient and content_type belong to harmony: a chat template has none")
	}
	return m.Check()
}

// unusedMark returns a character that occurs in no message: one of the noncharacters, which Unicode reserves for
// internal use.
func unusedMark(messages []Message) (string, error) {
	for r := '\ufdd0'; r <= '\ufdef'; r++ {
		if !slices.ContainsFunc(messages, func(m Message) bool { return strings.ContainsRune(m.Content+m.Name, r) }) {
			return string(r), nil
		}
	}
	return "", errors.New("the messages have all of Unicode's noncharacters U+FDD0 to U+FDEF; want at least one unused")
}

// part inserts a mark into each special token in a text, after its first character.
func (t *Template) part(text, mark string) (string, error) {
	for i, r := range text {
		if _, size := utf8.DecodeRuneInString(text[i:]); r == utf8.RuneError && size == 1 {
			return "", fmt.Errorf("byte %d of %d is not UTF-8", i+1, len(text))
		}
	}
	var b strings.Builder
	for i, r := range text {
		b.WriteRune(r)
		switch token := t.tokenAt(text[i:]); token {
		case "":
		case string(r):
			return "", fmt.Errorf("%q is a special token of the model, and as a single character cannot be told from text: leave it out", token)
		default:
			b.WriteString(mark)
		}
	}
	return b.String(), nil
}

// Parser implements Format.
func (t *Template) Parser() Parser {
	return &plainly{stops: t.stops, text: generate.NewText(t.tok)}
}

// plainly is a parser of a single message without a header.
type plainly struct {
	stops    []int
	text     *generate.Text
	complete []Message
}

func (p *plainly) Next(id int) (string, error) {
	if slices.Contains(p.stops, id) {
		return p.End()
	}
	return p.text.Add(id)
}

func (p *plainly) End() (rest string, err error) {
	if p.complete == nil {
		rest = p.text.Rest()
		p.complete = []Message{{Role: Assistant, Content: legible.Text(p.text.String())}} // it may end within a character
	}
	return rest, nil
}

func (p *plainly) Messages() []Message { return p.complete }

func (p *plainly) Current() (Message, bool) { return Message{Role: Assistant}, p.complete == nil }
