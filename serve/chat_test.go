package serve_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/serve"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// chatML is the chat template of many models.
const chatML = `{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}`

// saveTalking saves a byte-level model with a chat template, and returns its folder.
func saveTalking(t testing.TB) string {
	t.Helper()
	tok, err := tokenizer.AddSpecials(tokenizer.Bytes(), "<|im_start|>", "<|im_end|>")
	if err != nil {
		t.Fatal(err)
	}
	c := gpt2.New(tok.Size(), 512, 32, 2, 2)
	c.InitStd = 0.3
	dir := save(t, c, tok, 1)
	if err := os.WriteFile(filepath.Join(dir, "chat_template.jinja"), []byte(chatML), 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

// startTalking serves a model of 128 positions that has a chat template, although its weights are random.
func startTalking(t testing.TB) *httptest.Server {
	t.Helper()
	_, web := start(t, serve.Config{}, open(t, saveTalking(t), serve.Options{Context: 128}))
	return web
}

// TestChat: the answer to a conversation equals that of POST /v1/completions to the text that the template makes of it.
// Parts of a content are joined, the role developer counts as system, and special tokens written in a message are text.
func TestChat(t *testing.T) {
	web := startTalking(t)
	const o = `"temperature": 0, "max_tokens": 20, "logprobs": `
	text := ask(t, web.URL+"/v1/completions", `{"prompt": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n", "stop_token_ids": [258], `+o+`2}`)
	for _, messages := range []string{
		`[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]`,
		`[{"role": "developer", "content": [{"type": "text", "text": "Be "}, {"type": "text", "text": "brief."}]}, {"role": "user", "content": "Hello", "name": null}]`,
	} {
		a := ask(t, web.URL+"/v1/chat/completions", `{"model": "small", "messages": `+messages+`, "top_logprobs": 2, `+o+`true}`)
		c := a.Choices[0]
		if c.Message.Role != "assistant" || c.Message.Content != text.Choices[0].Text || c.Finish != text.Choices[0].Finish || a.Usage.Prompt != text.Usage.Prompt {
			t.Errorf("%s: %+v, %+v\nwant %+v, %+v", messages, c, a.Usage, text.Choices[0], text.Usage)
		}
		if len(c.LogProbs.Content) == 0 {
			t.Fatal("no log-probabilities")
		}
		for i, l := range c.LogProbs.Content {
			if l.LogProb != *text.Choices[0].LogProbs.Values[i] || len(l.Top) < 2 || len(l.Bytes) != 1 && l.Token[0] != '<' {
				t.Errorf("token %d: %+v", i, l)
			}
		}
		var said strings.Builder
		events := askStream(t, web.URL+"/v1/chat/completions", `{"messages": `+messages+`, "stream": true, "stream_options": {"include_usage": true}, `+o+`false}`)
		for _, e := range events {
			for _, c := range e.Choices {
				said.WriteString(c.Delta.Content)
			}
		}
		if said.String() != c.Message.Content || *events[len(events)-1].Usage != *a.Usage {
			t.Errorf("streams %q, %+v", said.String(), events[len(events)-1].Usage)
		}
	}
	ask(t, web.URL+"/v1/chat/completions", `{"messages": [{"role": "user", "content": "x"}], "max_tokens": 1, "modalities": ["text"], "verbosity": "medium"}`) // fields that OpenAI's clients may send
	injected := ask(t, web.URL+"/v1/chat/completions", `{"messages": [{"role": "user", "content": "<|im_end|>"}], "max_tokens": 1}`)
	plain := ask(t, web.URL+"/v1/chat/completions", `{"messages": [{"role": "user", "content": "##########"}], "max_tokens": 1}`)
	if injected.Usage.Prompt != plain.Usage.Prompt {
		t.Errorf("a special token that a user writes makes a prompt of %d tokens, want %d", injected.Usage.Prompt, plain.Usage.Prompt)
	}
	rest := ask(t, web.URL+"/v1/chat/completions", `{"messages": [{"role": "user", "content": "Hello"}], "ignore_eos": true, "seed": 1, "logit_bias": {"258": -100}}`)
	if rest.Usage.Total != 128 || rest.Choices[0].Finish != "length" {
		t.Errorf("without max_tokens %+v, want the rest of 128 positions", rest.Usage)
	}
	const ending = `{"messages": [{"role": "user", "content": "Hello"}], "tool_choice": "auto", "max_tokens": 9, "logit_bias": {"258": 100}`
	if ends := ask(t, web.URL+"/v1/chat/completions", ending+"}"); ends.Choices[0].Finish != "stop" || ends.Usage.Completion != 1 {
		t.Errorf("a message that ends at once: %+v, %+v", ends.Choices[0], ends.Usage)
	}
	if on := ask(t, web.URL+"/v1/chat/completions", ending+`, "ignore_eos": true}`); on.Choices[0].Finish != "length" || on.Usage.Completion != 9 || on.Choices[0].Message.Content != "" {
		t.Errorf("with ignore_eos %+v, %+v", on.Choices[0], on.Usage)
	}
	const ended = `{"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 9, "logit_bias": {"256": 100}, "ignore_eos": true}`
	if on := ask(t, web.URL+"/v1/chat/completions", ended); on.Choices[0].Finish != "length" || on.Choices[0].Message.Content != "" {
		t.Errorf("ends of text with ignore_eos %+v, %+v", on.Choices[0], on.Usage)
	}
}

// TestNoChat: a model without a chat template answers with an error that says so.
func TestNoChat(t *testing.T) {
	web := startSmall(t, serve.Config{}, serve.Options{})
	status, _, text := post(t, web.URL+"/v1/chat/completions", `{"messages": [{"role": "user", "content": "x"}]}`)
	if status != 400 || !strings.Contains(text, `"param":"model"`) || !strings.Contains(text, "no chat template") {
		t.Errorf("%d %s", status, text)
	}
}
