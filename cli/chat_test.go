package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/chat"
	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/harmony"
	"github.com/gorgpt/gorgpt/internal/smollm2"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// saysByHeart saves a GPT-2 that writes a fixed text after the end of a conversation, whatever was said: its head predicts
// the next token from the position alone.
func saysByHeart(t *testing.T, dir string, conversation []harmony.Message, text string) {
	t.Helper()
	tok, err := tokenizer.AddSpecials(tokenizer.Bytes(), "<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|constrain|>", "<|return|>", "<|call|>")
	if err != nil {
		t.Fatal(err)
	}
	f, err := harmony.New(tok)
	if err != nil {
		t.Fatal(err)
	}
	prompt, err := f.Prompt(conversation)
	if err != nil {
		t.Fatal(err)
	}
	writesByHeart(t, dir, tok, prompt, text)
}

// writesByHeart is saysByHeart for the tokens of a prompt.
func writesByHeart(t *testing.T, dir string, tok tokenizer.Tokenizer, prompt []int, text string) {
	t.Helper()
	script, err := tokenizer.AppendSpecial(tok, prompt, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	const context = 512
	m := gpt2.New(tok.Size(), context, context, 1, 1)
	m.Tied = false
	params := graph.NewParams(1)
	if err := models.Declare(m, params); err != nil {
		t.Fatal(err)
	}
	for _, p := range params.All() {
		clear(p.Data())
	}
	for i := range context {
		params.Get("wpe.weight").Data()[i*context+i] = 1
		params.Get("ln_f.weight").Data()[i] = 1
		if i+1 < len(script) {
			params.Get("lm_head.weight").Data()[script[i+1]*context+i] = 1
		}
	}
	config, err := models.JSON(m, 256)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkpoint.Save(dir, checkpoint.Contents{Config: config, Params: params, Tokenizer: tok.Save}); err != nil {
		t.Fatal(err)
	}
}

// converse runs gorgpt generate --chat with said on standard input.
func converse(t *testing.T, said string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	root := newRoot()
	var out, errs bytes.Buffer
	root.SetIn(strings.NewReader(said))
	root.SetOut(&out)
	root.SetErr(&errs)
	root.SetArgs(append([]string{"generate", "--chat", "--greedy"}, args...))
	err = root.ExecuteContext(t.Context())
	return out.String(), errs.String(), err
}

// TestChat: the answer is printed, the reasoning goes to standard error, and with --json both are messages.
func TestChat(t *testing.T) {
	t.Chdir(t.TempDir())
	system := harmony.DefaultSetup().Message()
	user := harmony.Message{Role: harmony.User, Content: "<|end|> Hi"}
	saysByHeart(t, "model", []harmony.Message{system, user}, "<|channel|>analysis<|message|>Greet.<|end|><|start|>assistant<|channel|>final<|message|>Hello, you!<|return|>x")
	out, errs, err := converse(t, user.Content+"\n", "--from", "model")
	if err != nil || out != "Hello, you!\n" || errs != "Greet.\n" {
		t.Errorf("%v: %q, %q", err, out, errs)
	}
	out, errs, err = converse(t, `{"role":"user","content":"<|end|> Hi"}`, "--from", "model", "--json")
	want := `{"role":"assistant","channel":"analysis","content":"Greet."}` + "\n" + `{"role":"assistant","channel":"final","content":"Hello, you!"}` + "\n"
	if err != nil || out != want || errs != "" {
		t.Errorf("%v: %q, %q", err, out, errs)
	}
	out, errs, err = converse(t, user.Content+"\n", "--from", "model", "--tokens", "43")
	if err != nil || out != "Hello, yo\n" || errs != "Greet.\nthe reply was cut off here by --tokens 43\n" {
		t.Errorf("%v: %q, %q", err, out, errs)
	}

	saysByHeart(t, "model", []harmony.Message{system, user}, "<|channel|>analysis<|message|>Greet.<|end|><|start|>assistant<|channel|>final<|message|>Hello, yéou!<|return|>x")
	if out, _, err = converse(t, user.Content+"\n", "--from", "model", "--tokens", "43"); err != nil || out != "Hello, y\xc3\n" { // cut within the é, as generate prints it
		t.Errorf("%v: %q", err, out)
	}

	saysByHeart(t, "call", []harmony.Message{{Role: harmony.System, Content: "S"}, {Role: harmony.Developer, Content: "D"}, user}, " to=functions.f<|channel|>commentary<|message|>{}<|call|>x")
	out, _, err = converse(t, `{"role":"system","content":"S"}`+"\n"+`{"role":"developer","content":"D"}`+"\n"+`{"role":"user","content":"<|end|> Hi"}`, "--from", "call", "--json")
	if want := `{"role":"assistant","channel":"commentary","recipient":"functions.f","content":"{}"}` + "\n"; err != nil || out != want {
		t.Errorf("%v: %q", err, out)
	}
	for _, c := range []struct {
		said, want string
		args       []string
	}{
		{"Hi\n", "the model did not complete a message within 3 tokens: the tokens end within the header of a message", []string{"--tokens", "3"}},
		{strings.Repeat("Hi", 300), "the conversation has 821 tokens, but the model's context is 512: start another, or use a model with a larger context", nil},
		{"{\"role\":\"boss\"}", `line 1: role is "boss", want system, developer, user, assistant or tool`, []string{"--json"}},
		{"Hi", `line 1: want a message such as {"role":"user","content":"…"}: invalid character 'H' looking for beginning of value (byte 1)`, []string{"--json"}},
		{`{"role":"user","text":"x"}`, `line 1: want a message such as {"role":"user","content":"…"}: json: unknown field "text"`, []string{"--json"}},
		{`{"role":"user","content":null}`, "line 1: content is null, want a string", []string{"--json"}},
		{`{"role":"system","content":"x"}` + "\n" + `{"role":"system","content":"y"}`, "line 2: a system message must come before all others", []string{"--json"}},
		{`{"role":"developer","content":"x"}` + "\n" + `{"role":"system","content":"x"}`, "line 2: a system message must come before all others", []string{"--json"}},
		{"Hi", "--samples has no meaning with --chat, which reads the user's messages from standard input and answers each once", []string{"--samples", "2"}},
	} {
		if _, _, err := converse(t, c.said, append(c.args, "--from", "model")...); err == nil || err.Error() != c.want {
			t.Errorf("%q: error %v\nwant  %s", c.said, err, c.want)
		}
	}
}

// TestChatTemplate: a model uses its chat template, and its end-of-turn token ends a reply; --chat-template names another template.
func TestChatTemplate(t *testing.T) {
	t.Chdir(t.TempDir())
	const template = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
	tok, err := tokenizer.AddSpecials(tokenizer.Bytes(), "<|im_start|>", "<|im_end|>")
	if err != nil {
		t.Fatal(err)
	}
	f, err := chat.NewTemplate(tok, template, nil)
	if err != nil {
		t.Fatal(err)
	}
	user, answer := chat.Message{Role: chat.User, Content: "<|im_end|> Hi"}, chat.Message{Role: chat.Assistant, Content: "Hello, yéou!"}
	for name, c := range map[string]struct {
		said     string
		messages []chat.Message
		args     []string
		out      string
	}{
		"plain":  {"<|im_end|> Hi\n", []chat.Message{user}, nil, "Hello, yéou!\n"},
		"system": {"<|im_end|> Hi\n", []chat.Message{{Role: chat.System, Content: "Brief."}, user}, []string{"--system", "Brief."}, "Hello, yéou!\n"},
		"history": {`{"role":"system","content":"S"}` + "\n" + `{"role":"assistant","content":"Hello, yéou!"}` + "\n" + `{"role":"user","content":"<|im_end|> Hi"}`,
			[]chat.Message{{Role: chat.System, Content: "S"}, answer, user}, []string{"--json"}, `{"role":"assistant","content":"Hello, yéou!"}` + "\n"},
		"cut": {"<|im_end|> Hi\n", []chat.Message{user}, []string{"--tokens", "9"}, "Hello, y\xc3\n"},
	} {
		prompt, err := f.Prompt(c.messages)
		if err != nil {
			t.Fatal(err)
		}
		writesByHeart(t, name, tok, prompt, "Hello, yéou!<|im_end|>x")
		if err := os.WriteFile(filepath.Join(name, "chat_template.jinja"), []byte(template), 0o666); err != nil {
			t.Fatal(err)
		}
		if out, errs, err := converse(t, c.said, append(c.args, "--from", name)...); err != nil || out != c.out {
			t.Errorf("%s: %v: %q, %q", name, err, out, errs)
		}
	}
	const context = 512 // of writesByHeart
	prompt, err := f.Prompt([]chat.Message{user})
	if err != nil {
		t.Fatal(err)
	}
	writesByHeart(t, "long", tok, prompt, strings.Repeat("a", context))
	if err := os.WriteFile("long/chat_template.jinja", []byte(template), 0o666); err != nil {
		t.Fatal(err)
	}
	out, errs, err := converse(t, user.Content+"\n", "--from", "long", "--tokens", "1000")
	if n := context - len(prompt); err != nil || out != strings.Repeat("a", n)+"\n" || !strings.Contains(errs, "the reply was cut off here: the model's context is full\n") {
		t.Errorf("%v: %d bytes, want %d; %q", err, len(out), n+1, errs)
	}
	for name, text := range map[string]string{"other.jinja": "{{ messages", "empty.jinja": ""} {
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--chat-template", "other.jinja"}, "--chat: chat template: line 1: unterminated tag {{"},
		{[]string{"--chat-template", "empty.jinja"}, "--chat: empty.jinja: empty, want a chat template"},
		{[]string{"--chat-template", "none.jinja"}, "--chat: open none.jinja: no such file or directory"},
		{[]string{"--json", "--system", "x"}, "--system has no meaning with --json: send a message with the role system instead"},
		{[]string{"--chat=false", "--system", "x"}, "--system has no meaning with plain prompts: it is for --chat"},
	} {
		if _, _, err := converse(t, "Hi", append(c.args, "--from", "plain")...); err == nil || err.Error() != c.want {
			t.Errorf("error %v\nwant  %s", err, c.want)
		}
	}
}

// TestChatSmolLM2: a real model answers, read from its file.
func TestChatSmolLM2(t *testing.T) {
	path := smollm2.Path(t)
	out, errs, err := converse(t, "What is the capital of France?\nAnd of Italy?\n", "--from", path)
	if want := "The capital of France is Paris.\nThe capital of Italy is Rome.\n"; err != nil || out != want {
		t.Errorf("%v: %q, %q; want %q", err, out, errs, want)
	}
}

// TestChatNeedsForm: a model without a format for conversations is an error.
func TestChatNeedsForm(t *testing.T) {
	t.Chdir(t.TempDir())
	m := gpt2.New(257, 32, 16, 1, 1)
	params := graph.NewParams(1)
	config, err := models.JSON(m, 256)
	if err == nil {
		err = models.Declare(m, params)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := checkpoint.Save("model", checkpoint.Contents{Config: config, Params: params, Tokenizer: tokenizer.Bytes().Save}); err != nil {
		t.Fatal(err)
	}
	const want = "--chat: the tokenizer bytes has no chat template (chat_template.jinja, or chat_template in tokenizer_config.json), and no harmony tokens: want the tokenizer of a chat model"
	if _, _, err := converse(t, "Hi", "--from", "model"); err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
}
