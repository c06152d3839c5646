// Package clienttest tests package serve with OpenAI's client for Go. It is a separate module, so that building
// gorgpt does not require the client.
package clienttest

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/serve"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// chatML is the template of many models.
const chatML = `{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}`

// client returns OpenAI's client for a server with a small model.
func client(t *testing.T) openai.Client {
	t.Helper()
	tok, err := tokenizer.AddSpecials(tokenizer.Bytes(), "<|im_start|>", "<|im_end|>")
	if err != nil {
		t.Fatal(err)
	}
	c := gpt2.New(tok.Size(), 256, 32, 2, 2)
	params := graph.NewParams(1)
	if err := models.Declare(c, params); err != nil {
		t.Fatal(err)
	}
	config, err := models.JSON(c, 256)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "small")
	if err := checkpoint.Save(dir, checkpoint.Contents{Config: config, Params: params, Tokenizer: tok.Save}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "chat_template.jinja"), []byte(chatML), 0o666); err != nil {
		t.Fatal(err)
	}
	m, err := serve.Open(dir, serve.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := serve.New(serve.Config{Key: "secret"})
	if err := s.Add(m); err != nil {
		t.Fatal(err)
	}
	s.Ready()
	web := httptest.NewServer(s)
	t.Cleanup(func() { s.Close(); web.Close() })
	return openai.NewClient(option.WithBaseURL(web.URL+"/v1"), option.WithAPIKey("secret"), option.WithMaxRetries(0))
}

// TestCompletions checks completions, whole and streamed, with log-probabilities.
func TestCompletions(t *testing.T) {
	c := client(t)
	params := openai.CompletionNewParams{
		Model: "small", Prompt: openai.CompletionNewParamsPromptUnion{OfArrayOfStrings: []string{"one", "two"}},
		MaxTokens: openai.Int(8), N: openai.Int(2), Seed: openai.Int(3), Logprobs: openai.Int(2), Echo: openai.Bool(true),
		LogitBias: map[string]int64{"65": -100},
	}
	whole, err := c.Completions.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	if len(whole.Choices) != 4 || whole.Usage.TotalTokens != 6+32 || len(whole.Choices[1].Logprobs.Tokens) != 11 {
		t.Fatalf("%+v", whole)
	}
	texts := make([]string, 4)
	stream := c.Completions.NewStreaming(t.Context(), params)
	for stream.Next() {
		for _, choice := range stream.Current().Choices {
			texts[choice.Index] += choice.Text
		}
	}
	if stream.Err() != nil {
		t.Fatal(stream.Err())
	}
	for i, choice := range whole.Choices {
		if texts[i] != choice.Text || choice.FinishReason != "length" && choice.FinishReason != "stop" {
			t.Errorf("choice %d streams %q, want %q", i, texts[i], choice.Text)
		}
	}
}

// TestChat checks chat completions, whole and streamed.
func TestChat(t *testing.T) {
	c := client(t)
	params := openai.ChatCompletionNewParams{
		Model: "small", Messages: []openai.ChatCompletionMessageParamUnion{openai.SystemMessage("Be brief."), openai.UserMessage("Hello")},
		MaxCompletionTokens: openai.Int(8), Temperature: openai.Float(0), Logprobs: openai.Bool(true), TopLogprobs: openai.Int(2),
	}
	whole, err := c.Chat.Completions.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	stream := c.Chat.Completions.NewStreaming(t.Context(), params)
	var said openai.ChatCompletionAccumulator
	for stream.Next() {
		if !said.AddChunk(stream.Current()) {
			t.Fatalf("a chunk that does not follow: %s", stream.Current().RawJSON())
		}
	}
	if stream.Err() != nil || said.Choices[0].Message.Content != whole.Choices[0].Message.Content || len(whole.Choices[0].Logprobs.Content) == 0 {
		t.Errorf("streams %q, %v; want %q", said.Choices[0].Message.Content, stream.Err(), whole.Choices[0].Message.Content)
	}
}

// TestOthers checks models, embeddings and errors as the client reports them.
func TestOthers(t *testing.T) {
	c := client(t)
	list, err := c.Models.List(t.Context())
	if err != nil || len(list.Data) != 1 || list.Data[0].ID != "small" {
		t.Errorf("%+v, %v", list, err)
	}
	e, err := c.Embeddings.New(t.Context(), openai.EmbeddingNewParams{Model: "small", Input: openai.EmbeddingNewParamsInputUnion{OfString: openai.String("text")}})
	if err != nil || len(e.Data) != 1 || len(e.Data[0].Embedding) != 32 {
		t.Errorf("%+v, %v", e, err)
	}
	_, err = c.Completions.New(t.Context(), openai.CompletionNewParams{Model: "large", Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("x")}})
	var failed *openai.Error
	if !errors.As(err, &failed) || failed.StatusCode != 404 || failed.Code != "model_not_found" || failed.Param != "model" || !json.Valid([]byte(failed.RawJSON())) {
		t.Errorf("%v", err)
	}
}
