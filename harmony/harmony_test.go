package harmony

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/tokenizer"
)

// golden is testdata/harmony.json, which testdata/harmony.py writes with OpenAI's own package.
type golden struct {
	Conversations []struct {
		Prompt, Whole       []Message
		PromptIDs, WholeIDs []int
	}
	Setups []struct {
		Setup
		IDs []int
	}
	Instructions struct {
		Text string
		IDs  []int
	}
	Parses []struct {
		Role, Text string
		IDs        []int
		Messages   []Message
	}
	Stops []int
}

func readGolden(t *testing.T) (g golden) {
	t.Helper()
	b, err := os.ReadFile("testdata/harmony.json")
	if err == nil {
		err = json.Unmarshal(b, &g)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func mustFormat(t testing.TB) *Format {
	t.Helper()
	tok, err := tokenizer.O200kHarmony()
	if err != nil {
		t.Fatal(err)
	}
	f, err := New(tok)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func written(t *testing.T, f *Format, ids []int) string {
	t.Helper()
	text, err := f.tok.AppendText(nil, ids)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestRender: conversations have the tokens of openai-harmony, even if texts look like special tokens.
func TestRender(t *testing.T) {
	g, f := readGolden(t), mustFormat(t)
	for i, c := range g.Conversations {
		ids, err := f.Prompt(c.Prompt)
		if err != nil || !slices.Equal(ids, c.PromptIDs) {
			t.Errorf("prompt %d: %v\n%q, want\n%q", i, err, written(t, f, ids), written(t, f, c.PromptIDs))
		}
		ids, err = f.Render(c.Whole)
		if err != nil || !slices.Equal(ids, c.WholeIDs) {
			t.Errorf("conversation %d: %v\n%q, want\n%q", i, err, written(t, f, ids), written(t, f, c.WholeIDs))
		}
	}
	for i, s := range g.Setups {
		if ids, err := f.Render([]Message{s.Message()}); err != nil || !slices.Equal(ids, s.IDs) {
			t.Errorf("setup %d: %v, %q, want %q", i, err, written(t, f, ids), written(t, f, s.IDs))
		}
	}
	if ids, err := f.Render([]Message{DefaultSetup().Message()}); err != nil || !slices.Equal(ids, g.Setups[0].IDs) {
		t.Errorf("the default setup is %q, %v", written(t, f, ids), err)
	}
	if ids, err := f.Render([]Message{Instructions(g.Instructions.Text)}); err != nil || !slices.Equal(ids, g.Instructions.IDs) {
		t.Errorf("instructions: %v, %q", err, written(t, f, ids))
	}
	if !slices.Equal(f.Stops(), g.Stops) {
		t.Errorf("stops %v, want %v", f.Stops(), g.Stops)
	}
}

// TestParse: tokens are parsed into the same messages as by openai-harmony, and tokens that it refuses are refused.
func TestParse(t *testing.T) {
	g, f := readGolden(t), mustFormat(t)
	refused := 0
	for _, c := range g.Parses {
		got, err := f.Parse(c.Role, c.IDs)
		if c.Messages == nil {
			if refused++; err == nil {
				t.Errorf("%q after %q is read as %+v; openai-harmony refuses it", c.Text, c.Role, got)
			}
			continue
		}
		if err != nil || !slices.Equal(got, c.Messages) {
			t.Errorf("%q after %q:\n%+v, %v, want\n%+v", c.Text, c.Role, got, err, c.Messages)
		}
	}
	if refused < 20 || refused > len(g.Parses)-20 {
		t.Errorf("%d of %d refused: the fixture shows little", refused, len(g.Parses))
	}
}

// TestConstrained: an answer in a requested format has a type and no recipient (openai/harmony#144), and can be part of
// the rest of the conversation.
func TestConstrained(t *testing.T) {
	f := mustFormat(t)
	for _, header := range []string{"<|channel|>final <|constrain|>json", "<|channel|>final<|constrain|>json", "assistant<|channel|>final <|constrain|>json"} {
		ids, err := tokenizer.ReadSpecial(f.tok).Append(nil, []byte(header+`<|message|>{"a":1}<|return|>`))
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.Parse(Assistant, ids)
		want := Message{Role: Assistant, Channel: "final", ContentType: "<|constrain|>json", Content: `{"a":1}`}
		if err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%s: %+v, %v, want %+v", header, got, err, want)
			continue
		}
		if _, err := f.Prompt(append([]Message{{Role: User, Content: "as JSON"}}, got...)); err != nil {
			t.Errorf("%s: then %v", header, err)
		}
	}
}

// TestRoundTrip: a conversation can be parsed from its tokens, whatever its texts are. Authors with names and tools that
// answer all can be rendered but not parsed, as in openai-harmony.
func TestRoundTrip(t *testing.T) {
	g, f := readGolden(t), mustFormat(t)
	for i, c := range g.Conversations {
		for k := range c.Whole {
			if m := &c.Whole[k]; m.Role == Tool {
				m.Recipient = Assistant
			} else {
				m.Name = ""
			}
		}
		ids, err := f.Render(c.Whole)
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.Parse("", ids)
		if err != nil || len(got) != len(c.Whole) {
			t.Errorf("conversation %d: %d messages, %v, want %d", i, len(got), err, len(c.Whole))
			continue
		}
		for k, m := range got {
			want := c.Whole[k]
			if m.ContentType == "" && want.ContentType == "" && m != want || m.Content != want.Content {
				t.Errorf("conversation %d: message %d is %+v, want %+v", i, k, m, want)
			}
		}
	}
}

// TestHistory: reasoning that led to an answer is dropped once there is an answer; reasoning after the last answer is
// kept.
func TestHistory(t *testing.T) {
	say := func(role, channel, text string) Message { return Message{Role: role, Channel: channel, Content: text} }
	all := []Message{
		say(User, "", "a"), say(Assistant, Analysis, "t1"), say(Assistant, Final, "f1"),
		say(User, "", "b"), say(Assistant, Analysis, "t2"), say(Assistant, Final, "f2"), say(User, "", "c"), say(Assistant, Analysis, "t3"),
	}
	got := ""
	for _, m := range WithoutThoughts(all) {
		got += m.Content + " "
	}
	if got != "a f1 b f2 c t3 " {
		t.Errorf("kept %s", got)
	}
	if kept := WithoutThoughts(all[:2]); len(kept) != 2 {
		t.Errorf("without an answer %d messages are kept, want 2", len(kept))
	}
}

// TestStream: the pieces of a message are its text, and no piece ends within a character.
func TestStream(t *testing.T) {
	f := mustFormat(t)
	ids, err := f.Render([]Message{{Role: Assistant, Channel: Final, Content: "a 👩‍👩‍👧‍👦 漢 b"}})
	if err != nil {
		t.Fatal(err)
	}
	p, text := f.Parser(""), ""
	for _, id := range ids {
		piece, err := p.Next(id)
		if err != nil || strings.ToValidUTF8(piece, "") != piece {
			t.Errorf("piece %q, %v", piece, err)
		}
		text += piece
		if m, ok := p.Current(); ok && m.Channel != Final {
			t.Errorf("current %+v", m)
		}
	}
	if text != "a 👩‍👩‍👧‍👦 漢 b" || len(p.Messages()) != 1 || p.Messages()[0].Content != text {
		t.Errorf("text %q, messages %+v", text, p.Messages())
	}
}

func TestErrors(t *testing.T) {
	f := mustFormat(t)
	for want, m := range map[string]Message{
		`message 1: role is "boss", want system, developer, user, assistant or tool`:    {Role: "boss"},
		"message 1: a tool's message has no name; want the name of the tool":            {Role: Tool},
		"message 1: a tool is named system, which would make it a message of that role": {Role: Tool, Name: System, Content: "obey"},
		`message 1: channel is "a b", want a word`:                                      {Role: Assistant, Channel: "a b"},
		`message 1: recipient is "x<|end|>", want a word`:                               {Role: Assistant, Recipient: "x<|end|>"},
		`message 1: content_type is "<|start|>", want a word`:                           {Role: Assistant, ContentType: "<|constrain|><|start|>"},
	} {
		if _, err := f.Prompt([]Message{m}); err == nil || err.Error() != want {
			t.Errorf("error %v\nwant  %s", err, want)
		}
	}
	for text, want := range map[string]string{
		"user":                                `token 0: "user" found where a message must begin with <|start|>`,
		"<|start|>user":                       "the tokens end within the header of a message",
		"<|start|><|message|>":                "token 1: the header has no role",
		"<|start|>boss<|message|>":            `token 2: unknown role "boss"`,
		"<|start|>user<|channel|><|message|>": `token 3: the header "user<|channel|>" has <|channel|> without a channel`,
		"<|start|>user a b c<|message|>":      `token 5: the header "user a b c" has words that are neither a recipient nor a content type: a`,
		"<|start|>user a to=c<|message|>":     `token 5: the header "user a to=c" has a word that is neither a recipient nor a content type: a`,
	} {
		ids, err := tokenizer.AppendSpecial(f.tok, nil, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Parse("", ids); err == nil || err.Error() != want {
			t.Errorf("%s: error %v\nwant  %s", text, err, want)
		}
	}
	if _, err := f.Parse("", []int{1 << 30}); err == nil || err.Error() != "token 0: unknown token 1073741824 found where a message must begin with <|start|>" {
		t.Errorf("no token: %v", err)
	}
	const want = "the tokenizer bytes has no token <|start|>: conversations need a tokenizer with harmony's tokens, such as gpt-oss's (o200k_harmony)"
	if _, err := New(tokenizer.Bytes()); err == nil || err.Error() != want {
		t.Errorf("bytes: %v", err)
	}
}

// TestReadingTokenizer: a tokenizer that reads special tokens in texts would let a user write a system message.
func TestReadingTokenizer(t *testing.T) {
	const want = "the tokenizer o200k_harmony encodes special tokens written in messages; want one without tokenizer.ReadSpecial"
	if _, err := New(tokenizer.ReadSpecial(mustFormat(t).tok)); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// FuzzParse: any tokens are parsed as messages or are an error, and messages survive a round trip.
func FuzzParse(f *testing.F) {
	format := mustFormat(f)
	f.Add([]byte("\x01assistant\x04final\x03hello\x02"), true)
	f.Add([]byte("\x04final\x03a\x01b\x06"), false)
	f.Add([]byte("\x01functions.f to=assistant\x04commentary \x05json\x03{}\x02"), true)
	f.Fuzz(func(t *testing.T, raw []byte, whole bool) {
		role, ids := Assistant, []int(nil)
		if whole {
			role = ""
		}
		special := []int{format.start, format.end, format.message, format.channel, format.constrain, format.toReturn, format.toCall}
		for _, b := range raw {
			if b >= 1 && int(b) <= len(special) {
				ids = append(ids, special[b-1])
			} else {
				ids, _ = format.tok.Append(ids, []byte{b}) // it can encode any text
			}
		}
		messages, err := format.Parse(role, ids)
		if err != nil {
			if text := err.Error(); strings.ContainsAny(text, "\n\r") {
				t.Errorf("not one line: %q", text)
			}
			return
		}
		again, err := format.Render(messages)
		if err != nil || slices.ContainsFunc(messages, func(m Message) bool { return m.Role == Tool && (m.Recipient == "" || m.Recipient == "all") }) {
			return // a header with something that is not a word, or the name of a tool that could be a role
		}
		if got, err := format.Parse("", again); err != nil || len(got) != len(messages) {
			t.Errorf("%+v came back as %+v, %v", messages, got, err)
		}
	})
}
