package serve_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/harmony"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/serve"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// saveByHeart saves a GPT-2 with harmony's tokens that always writes text after the conversation: its weights map each
// position to the token that comes next.
func saveByHeart(t *testing.T, conversation []harmony.Message, text string) string {
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
	script, err := tokenizer.AppendSpecial(tok, prompt, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	const context = 512
	m, params := gpt2.New(tok.Size(), context, context, 1, 1), graph.NewParams(1)
	m.Tied = false
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
	dir := filepath.Join(t.TempDir(), "heart")
	if err := checkpoint.Save(dir, checkpoint.Contents{Config: config, Params: params, Tokenizer: tok.Save}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestHarmony: a model's reasoning is separated from its answer, and the log-probabilities are those of the answer. A
// system prompt becomes the developer's, and earlier answers are on the final channel.
func TestHarmony(t *testing.T) {
	setup := harmony.DefaultSetup()
	setup.Reasoning = "low"
	conversation := []harmony.Message{
		setup.Message(), harmony.Instructions("Be brief."), {Role: harmony.User, Content: "What is 1+1?"},
		{Role: harmony.Assistant, Channel: harmony.Final, Content: "2"}, {Role: harmony.User, Content: "And 2+2?"},
	}
	const body = `{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 1+1?"}, {"role": "assistant", "content": "2"}, {"role": "user", "content": "And 2+2?"}],
		"reasoning_effort": "low", "temperature": 0, "logprobs": true, "max_tokens": `
	_, web := start(t, serve.Config{}, open(t, saveByHeart(t, conversation, "<|channel|>analysis<|message|>Easy, é.<|end|><|start|>assistant<|channel|>final<|message|>It is 4.<|return|>"), serve.Options{}))
	url := web.URL + "/v1/chat/completions"
	for _, c := range []struct{ tokens, thought, said, finish string }{
		{"100", "Easy, é.", "It is 4.", "stop"},
		{"25", "Easy, é.", "", "length"}, // it ends within a header
		{"17", "Easy, \ufffd", "", "length"},
		{`100, "stop": ["is"]`, "Easy, é.", "It ", "stop"},
		{`100, "stop": ["Easy"]`, "Easy, é.", "It is 4.", "stop"}, // a stop text does not apply to the reasoning
	} {
		_, _, text := post(t, url, body+c.tokens+"}")
		var a struct {
			Choices []struct {
				Message struct {
					Content   string
					Reasoning string `json:"reasoning_content"`
				}
				LogProbs struct{ Content []struct{ Token string } }
				Finish   string `json:"finish_reason"`
			}
		}
		if err := json.Unmarshal([]byte(text), &a); err != nil || len(a.Choices) != 1 {
			t.Fatal(text)
		}
		got := a.Choices[0]
		if got.Message.Reasoning != c.thought || got.Message.Content != c.said || got.Finish != c.finish {
			t.Errorf("%s: %s\nwant %q, %q, %s", c.tokens, text, c.thought, c.said, c.finish)
		}
		var tokens strings.Builder
		for _, l := range got.LogProbs.Content {
			tokens.WriteString(l.Token)
		}
		if tokens.String() != c.said {
			t.Errorf("%s: log-probabilities of %q, want of %q", c.tokens, tokens.String(), c.said)
		}
		var said, thought strings.Builder
		_, _, events := post(t, url, body+c.tokens+`, "stream": true}`)
		for event := range strings.SplitSeq(events, "\n\n") {
			var e struct {
				Choices []struct {
					Delta struct {
						Content   string
						Reasoning string `json:"reasoning_content"`
					}
				}
			}
			if json.Unmarshal([]byte(strings.TrimPrefix(event, "data: ")), &e) == nil && len(e.Choices) > 0 {
				said.WriteString(e.Choices[0].Delta.Content)
				thought.WriteString(e.Choices[0].Delta.Reasoning)
			}
		}
		if said.String() != c.said || thought.String() != c.thought {
			t.Errorf("%s: streams %q, %q, want %q, %q", c.tokens, thought.String(), said.String(), c.thought, c.said)
		}
	}
}

// TestNoMessage: if a model does not write a message where its format requires one, that is an error of the server, in
// a stream too.
func TestNoMessage(t *testing.T) {
	_, web := start(t, serve.Config{}, open(t, saveByHeart(t, []harmony.Message{harmony.DefaultSetup().Message(), {Role: harmony.User, Content: "x"}}, "<|channel|><|message|>"), serve.Options{}))
	for _, stream := range []string{"false", "true"} {
		status, _, text := post(t, web.URL+"/v1/chat/completions", `{"messages": [{"role": "user", "content": "x"}], "temperature": 0, "stream": `+stream+`}`)
		if !strings.Contains(text, "the model's output is not a valid message") || !strings.Contains(text, `"type":"server_error"`) {
			t.Errorf("stream %s: %d %s", stream, status, text)
		}
	}
}
