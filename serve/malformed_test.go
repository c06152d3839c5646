package serve_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/serve"
)

// malformed is a body that is refused, with the parameter at fault, or "" if it is the body as a whole.
type malformed struct{ path, body, param string }

// malformedBodies returns at least 200 malformed bodies of all kinds.
func malformedBodies() (all []malformed) {
	const completions, chat = "/v1/completions", "/v1/chat/completions"
	add := func(path, param, body string) { all = append(all, malformed{path, body, param}) }
	// Numbers of the wrong type or out of range, and values that are not numbers.
	for param, out := range map[string][]string{
		"temperature": {"-0.1", "1e3"}, "top_p": {"-1", "1.01"}, "min_p": {"-1e-3", "2"}, "presence_penalty": {"-2.1", "3"},
		"frequency_penalty": {"-3", "2.5"}, "repetition_penalty": {"0", "-1", "1e-39", "101"}, "top_k": {"-2", "0.5"}, "n": {"0", "129", "-1", "1e9", "1.5"},
		"max_tokens": {"-1", "1.5", "1e20"}, "logprobs": {"-1", "21", "1.1"}, "seed": {"0.5", "1e30", "18446744073709551616", "-9223372036854775809"},
	} {
		for _, value := range append(out, `"x"`, `"1"`, "[]", "{}", "NaN", "1e400", "-1e400", "Infinity", "true", "0x10", "01", "[[[[1]]]]") {
			add(completions, param, fmt.Sprintf(`{"prompt": "x", %q: %s}`, param, value))
		}
	}
	for _, param := range []string{"stream", "echo", "ignore_eos", "return_token_ids", "return_tokens_as_token_ids", "add_special_tokens"} {
		for _, value := range []string{"1", `"true"`, "[]", "nul"} {
			add(completions, param, fmt.Sprintf(`{"prompt": "x", %q: %s}`, param, value))
		}
	}
	for _, value := range []string{
		"5", "true", "{}", "[]", "[[]]", `["a", 1]`, `["a", null]`, "[1, null]", "[1, 2.5]", "[-1]", "[259]", "[1e30]", "[[1], [259]]", `[[1], "a"]`, "[[[1]]]", `"\ud800"`, `"\udc00\ud800"`, `"\ud83d\u0041"`, "\"\xff\"", "\"\xc3\"", `"a`, `"\x"`,
		"[" + strings.Repeat(`"x",`, 3000) + `"x"]`, strings.Repeat("[", 20000), strings.Repeat("[", 9000) + strings.Repeat("]", 9000), `"` + strings.Repeat("x", 200) + `"`,
	} {
		add(completions, "prompt", `{"prompt": `+value+`}`)
	}
	add("/v1/embeddings", "input", `{"input": null}`)
	add("/v1/embeddings", "prompt", `{"input": "x", "prompt": "x"}`)
	for _, value := range []string{`["audio"]`, `["text", "audio"]`, `"audio"`, "5"} {
		add(chat, "modalities", `{"messages": [{"role": "user", "content": "x"}], "modalities": `+value+`}`)
	}
	add(chat, "verbosity", `{"messages": [{"role": "user", "content": "x"}], "verbosity": "high"}`)
	for _, value := range []string{"1", "true", "{}", `[1]`, `[["a"]]`, `""`, `["a", ""]`, `["a", null]`, "[" + strings.Repeat(`"x",`, 99) + `"x"]`, `"\udfff"`} {
		add(completions, "stop", `{"prompt": "x", "stop": `+value+`}`)
	}
	for _, value := range []string{"1", "[]", `"x"`, `{"x": 1}`, `{"259": 1}`, `{"-1": 1}`, `{"1.5": 1}`, `{"1": "x"}`, `{"1": 101}`, `{"1": -1e3}`, `{"1": null}`, `{"1": 1e400}`, `{"99999999999999999999": 1}`, `{"1": NaN}`, `{"1": 1, "1": 2}`, `{"1": 1, "01": 2}`} {
		add(completions, "logit_bias", `{"prompt": "x", "logit_bias": `+value+`}`)
	}
	for _, value := range []string{"1", `"x"`, "[300]", "[-1]", "[null]", "[0.5]"} {
		add(completions, "stop_token_ids", `{"prompt": "x", "stop_token_ids": `+value+`}`)
	}
	add(completions, "stream_options", `{"prompt": "x", "stream": true, "stream_options": 1}`)
	add(completions, "stream_options", `{"prompt": "x", "stream_options": {"include_usage": true}}`)
	add(completions, "stream_options.include_usage", `{"prompt": "x", "stream": true, "stream_options": {"include_usage": 1}}`)
	add(completions, "stream_options.more", `{"prompt": "x", "stream": true, "stream_options": {"more": 1}}`)
	add(completions, "best_of", `{"prompt": "x", "best_of": 5}`)
	add(completions, "suffix", `{"prompt": "x", "suffix": "y"}`)
	add(completions, "suffix", `{"prompt": "x", "suffix": "none"}`)
	add(completions, "suffix", `{"prompt": "x", "suffix": 1}`)
	add(completions, "max_tokens", `{"prompt": "x", "max_tokens": 0}`)
	add(completions, "prompt", `{"prompt": "x", "max_tokens": 1000}`)
	add(completions, "n", `{"prompt": [`+strings.Repeat(`"x",`, 99)+`"x"], "n": 100}`)
	add(completions, "model", `{"prompt": "x", "model": "large"}`)
	add(completions, "model", `{"prompt": "x", "model": 1}`)
	add(completions, "temprature", `{"prompt": "x", "temprature": 1}`)
	add(completions, "prompt", `{"prompt": "x", "prompt": "y"}`)
	for _, body := range []string{"", "null", "[]", "1", `"x"`, "{", "}", `{"a"`, `{"prompt": "x"} {}`, `{"prompt": "x"}x`, "\x00", "{,}", `{1: 2}`, `{"prompt": "x",}`, "\xef\xbb\xbf{}", "prompt=x"} {
		add(completions, "", body)
	}
	for _, c := range [][2]string{
		{"messages", `{}`}, {"messages", `{"messages": []}`}, {"messages", `{"messages": "x"}`}, {"messages", `{"messages": null}`},
		{"messages.0", `{"messages": [1]}`}, {"messages.0.content", `{"messages": [{"role": "user"}]}`}, {"messages.0.content", `{"messages": [{"role": "user", "content": 1}]}`},
		{"messages.0.role", `{"messages": [{"content": "x"}]}`}, {"messages.0.role", `{"messages": [{"role": "king", "content": "x"}]}`}, {"messages.0.role", `{"messages": [{"role": 1, "content": "x"}]}`},
		{"messages.1.mood", `{"messages": [{"role": "user", "content": "x"}, {"role": "user", "content": "x", "mood": 1}]}`},
		{"messages.0.content.0.type", `{"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}`},
		{"messages.0.content.0", `{"messages": [{"role": "user", "content": ["x"]}]}`}, {"messages.0.content.0.text", `{"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]}`},
		{"messages", `{"messages": [{"role": "user", "content": "\ud800"}]}`}, {"messages.0.name", `{"messages": [{"role": "tool", "content": "x", "tool_call_id": "a"}]}`},
		{"messages.0.content.0.text", `{"messages": [{"role": "user", "content": [{"type": "text"}]}]}`},
		{"response_format.x", `{"messages": [{"role": "user", "content": "x"}], "response_format": {"type": "text", "x": 1}}`},
		{"tool_choice", `{"messages": [{"role": "user", "content": "x"}], "tool_choice": "required"}`},
		{"tools", `{"messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function"}]}`}, {"response_format", `{"messages": [{"role": "user", "content": "x"}], "response_format": {"type": "json_object"}}`},
		{"response_format", `{"messages": [{"role": "user", "content": "x"}], "response_format": "text"}`}, {"top_logprobs", `{"messages": [{"role": "user", "content": "x"}], "top_logprobs": 2}`},
		{"top_logprobs", `{"messages": [{"role": "user", "content": "x"}], "logprobs": true, "top_logprobs": 21}`}, {"logprobs", `{"messages": [{"role": "user", "content": "x"}], "logprobs": 1}`},
		{"max_tokens", `{"messages": [{"role": "user", "content": "x"}], "max_tokens": 0}`}, {"max_completion_tokens", `{"messages": [{"role": "user", "content": "x"}], "max_completion_tokens": "many"}`},
		{"messages", `{"messages": [{"role": "user", "content": "x"}], "max_tokens": 5000}`}, {"reasoning_effort", `{"messages": [{"role": "user", "content": "x"}], "reasoning_effort": "high"}`},
		{"messages", `{"messages": [{"role": "user", "content": "` + strings.Repeat("x", 600) + `"}]}`}, {"audio", `{"messages": [{"role": "user", "content": "x"}], "audio": {"voice": "x"}}`},
		{"messages.0.tool_calls", `{"messages": [{"role": "assistant", "content": "x", "tool_calls": [{}]}]}`},
	} {
		add(chat, c[0], c[1])
	}
	for _, c := range [][3]string{
		{"/v1/embeddings", "input", `{}`}, {"/v1/embeddings", "input", `{"input": 1}`}, {"/v1/embeddings", "input", `{"input": [[300]]}`}, {"/v1/embeddings", "input", `{"input": []}`},
		{"/v1/embeddings", "dimensions", `{"input": "x", "dimensions": 3}`}, {"/v1/embeddings", "encoding_format", `{"input": "x", "encoding_format": "int8"}`}, {"/v1/embeddings", "encoding_format", `{"input": "x", "encoding_format": 1}`},
		{"/tokenize", "prompt", `{}`}, {"/tokenize", "prompt", `{"prompt": 1}`}, {"/tokenize", "content", `{"prompt": "x", "content": "x"}`}, {"/tokenize", "content", `{"content": ["x"]}`}, {"/tokenize", "add_special_tokens", `{"prompt": "x", "add_special_tokens": 1}`},
		{"/detokenize", "tokens", `{}`}, {"/detokenize", "tokens", `{"tokens": "x"}`}, {"/detokenize", "tokens", `{"tokens": [1000]}`}, {"/detokenize", "tokens", `{"tokens": [-1]}`}, {"/detokenize", "tokens", `{"tokens": [1.5]}`}, {"/detokenize", "tokens", `{"tokens": [null]}`},
		{"/classify", "input", `{}`}, {"/classify", "model", `{"input": "x"}`},
	} {
		add(c[0], c[1], c[2])
	}
	return all
}

// TestMalformed: each body is refused with a 4xx status and the name of the parameter at fault, and the server keeps
// running.
func TestMalformed(t *testing.T) {
	web := startTalking(t)
	all := malformedBodies()
	if len(all) < 200 {
		t.Fatalf("only %d bodies", len(all))
	}
	for _, c := range all {
		status, header, text := post(t, web.URL+c.path, c.body)
		var a struct {
			Error *struct {
				Message, Type string
				Param, Code   *string
			}
		}
		if err := json.Unmarshal([]byte(text), &a); err != nil || a.Error == nil || header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %.200s: %d %s", c.path, c.body, status, text)
			continue
		}
		param := ""
		if a.Error.Param != nil {
			param = *a.Error.Param
		}
		if status < 400 || status > 499 || param != c.param && !(c.param == "" && status == http.StatusBadRequest) || a.Error.Message == "" || a.Error.Type != "invalid_request_error" {
			t.Errorf("%s %.200s: %d %s\nwant the parameter %q", c.path, c.body, status, text, c.param)
		}
	}
	if a := ask(t, web.URL+"/v1/completions", `{"prompt": "x", "max_tokens": 2}`); a.Usage.Completion == 0 {
		t.Errorf("then %+v", a)
	}
}

// TestHugeBody: a body is read only up to the limit.
func TestHugeBody(t *testing.T) {
	web := startSmall(t, serve.Config{}, serve.Options{})
	status, _, text := post(t, web.URL+"/v1/completions", `{"prompt": "`+strings.Repeat("x", 100<<20)+`"}`)
	if status != http.StatusRequestEntityTooLarge || !strings.Contains(text, "the body has more than 16777216 bytes") {
		t.Errorf("%d %s", status, text)
	}
}

// FuzzBody: no body makes the server fail, and every answer is JSON.
func FuzzBody(f *testing.F) {
	web := startTalking(f)
	for i, c := range malformedBodies() {
		if len(c.body) < 1000 && i%3 == 0 {
			f.Add(c.path, c.body)
		}
	}
	f.Fuzz(func(t *testing.T, path, body string) {
		switch path {
		case "/v1/completions", "/v1/chat/completions", "/v1/embeddings", "/tokenize", "/detokenize", "/classify":
		default:
			return
		}
		status, _, text := post(t, web.URL+path, body)
		if status >= 500 || !json.Valid([]byte(text)) && !strings.HasPrefix(text, "data: ") {
			t.Errorf("%s %q: %d %s", path, body, status, text)
		}
	})
}
