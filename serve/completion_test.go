package serve_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/run"
	"github.com/gorgpt/gorgpt/serve"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// TestCompletion: the text, its finish reason and its log-probabilities are the same as those that package generate
// gives for the same tokens.
func TestCompletion(t *testing.T) {
	dir := save(t, small(128), tokenizer.Bytes(), 1)
	_, web := start(t, serve.Config{}, open(t, dir, serve.Options{}))
	m, err := run.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	g := generate.New(models.Graphs(m.Model), m.Params, 128)
	defer g.Close()
	const prompt = "In the beginning"
	ids := []int{}
	for _, c := range []byte(prompt) {
		ids = append(ids, int(c))
	}
	for _, c := range []struct {
		body string
		o    generate.Options
	}{
		{`"temperature": 0`, generate.Options{}},
		{`"temperature": 0.7, "top_k": 20, "seed": 5`, generate.Options{Temperature: 0.7, TopK: 20, Seed: 5}},
		{`"seed": -1, "top_p": 0.9, "min_p": 0.01`, generate.Options{Temperature: 1, TopP: 0.9, MinP: 0.01, Seed: math.MaxUint64}},
		{`"temperature": 1e0, "seed": 2.0, "logit_bias": {"65": 5, "66": -100.0}, "presence_penalty": 0.5, "frequency_penalty": -0.25, "repetition_penalty": 1.5`,
			generate.Options{Temperature: 1, Seed: 2, Bias: map[int]float64{65: 5, 66: -100}, PresencePenalty: 0.5, FrequencyPenalty: -0.25, RepetitionPenalty: 1.5}},
		{`"temperature": 1, "top_p": 0, "seed": 1`, generate.Options{}},
	} {
		c.o.LogProbs, c.o.Stop = 3, []int{256}
		var want []generate.Token
		for token, err := range g.Stream(t.Context(), ids, 40, c.o) {
			if err != nil {
				t.Fatal(err)
			}
			token.Best = slices.Clone(token.Best)
			want = append(want, token)
		}
		a := ask(t, web.URL+"/v1/completions", fmt.Sprintf(`{"model": "small", "prompt": %q, "max_tokens": 40, "logprobs": 3, "return_tokens_as_token_ids": true, "return_token_ids": true, %s}`, prompt, c.body))
		got := a.Choices[0]
		if len(got.LogProbs.Tokens) != len(want) || len(got.IDs) != len(want) || a.Usage.Completion != len(want) || a.Usage.Prompt != len(ids) {
			t.Fatalf("%s: %d tokens of %d, usage %+v", c.body, len(got.LogProbs.Tokens), len(want), a.Usage)
		}
		for i, token := range want {
			name := fmt.Sprintf("token_id:%d", token.ID)
			top := got.LogProbs.Top[i]
			// For the prompt, the server sums in a different order than the generator.
			if got.IDs[i] != token.ID || got.LogProbs.Tokens[i] != name || math.Abs(*got.LogProbs.Values[i]-token.LogProb) > 1e-4 {
				t.Fatalf("%s: token %d is %s with %v, want %d with %v", c.body, i, got.LogProbs.Tokens[i], *got.LogProbs.Values[i], token.ID, token.LogProb)
			}
			if value, there := top[name]; !there || value != *got.LogProbs.Values[i] || len(top) > 4 || len(top) < 3 {
				t.Errorf("%s: token %s is not among %v", c.body, name, top)
			}
		}
		if finish := string(want[len(want)-1].Finish); got.Finish != finish {
			t.Errorf("%s: ends with %q, want %q", c.body, got.Finish, finish)
		}
	}
}

// TestPrompts: a prompt may be a text, texts, tokens or lists of them, and choices are numbered prompt by prompt.
func TestPrompts(t *testing.T) {
	web := startSmall(t, serve.Config{}, serve.Options{})
	url := web.URL + "/v1/completions"
	one := func(prompt string) string {
		return ask(t, url, `{"prompt": `+prompt+`, "max_tokens": 9, "temperature": 0}`).Choices[0].Text
	}
	a, b := one(`"one"`), one(`"two"`)
	if a == b {
		t.Fatal("both prompts are gone on with alike")
	}
	for prompts, want := range map[string][]string{
		`["one"]`: {a}, `["one", "two"]`: {a, b}, `[111, 110, 101]`: {a}, `[[116, 119, 111], [111, 110, 101]]`: {b, a},
	} {
		for _, n := range []int{1, 3} {
			got := ask(t, url, fmt.Sprintf(`{"prompt": %s, "max_tokens": 9, "temperature": 0, "n": %d}`, prompts, n))
			if len(got.Choices) != n*len(want) || got.Usage.Prompt != 3*len(want) {
				t.Fatalf("%s, %d each: %d choices, %+v", prompts, n, len(got.Choices), got.Usage)
			}
			for i, c := range got.Choices {
				if c.Index != i || c.Text != want[i/n] {
					t.Errorf("%s, %d each: choice %d is %d, %q, want %q", prompts, n, i, c.Index, c.Text, want[i/n])
				}
			}
		}
	}
	got := ask(t, url, `{"prompt": "one", "max_tokens": 9, "n": 3, "seed": 4}`)
	again := ask(t, url, `{"prompt": ["two", "one"], "max_tokens": 9, "n": 2, "seed": 4}`)
	if got.Choices[0].Text != again.Choices[2].Text || got.Choices[1].Text != again.Choices[3].Text || got.Choices[0].Text == got.Choices[1].Text {
		t.Errorf("samples of a seed: %+v, and then %+v", got.Choices, again.Choices)
	}
	if got := ask(t, url, `{"max_tokens": 2}`); got.Usage.Prompt != 1 { // the end-of-text token
		t.Errorf("no prompt: %+v", got.Usage)
	}
}

// TestEcho: the prompt comes first, and all of its tokens except the first have log-probabilities, as
// lm-evaluation-harness requires.
func TestEcho(t *testing.T) {
	web := startSmall(t, serve.Config{}, serve.Options{})
	url := web.URL + "/v1/completions"
	const prompt = "aé😀b" // 1, 2, 4 and 1 bytes; each byte is a token
	begins := []int{0, 1, 1, 2, 2, 2, 2, 3}
	for tokens, count := range map[int]int{0: 8, 1: 9, 5: 13} {
		a := ask(t, url, fmt.Sprintf(`{"prompt": %q, "max_tokens": %d, "temperature": 0, "logprobs": 1, "echo": true}`, prompt, tokens))
		c := a.Choices[0]
		l := c.LogProbs
		if !strings.HasPrefix(c.Text, prompt) || len(l.Values) != count || len(l.Top) != count || len(l.Tokens) != count || len(l.Offsets) != count || a.Usage.Completion != tokens {
			t.Fatalf("%d tokens: %+v, %+v", tokens, c, a.Usage)
		}
		if l.Values[0] != nil || l.Top[0] != nil || !slices.Equal(l.Offsets[:8], begins) {
			t.Errorf("begins with %v, %v at %v", l.Values[0], l.Top[0], l.Offsets)
		}
		if l.Tokens[0] != "a" || l.Tokens[1] != `bytes:\xc3` || l.Tokens[7] != "b" {
			t.Errorf("tokens %q", l.Tokens)
		}
		for i := 1; i < count; i++ {
			if got, there := l.Top[i][l.Tokens[i]]; !there || got != *l.Values[i] || i >= 8 && l.Offsets[i] < 4 {
				t.Errorf("token %d, %q at %d with %v, is not among %v", i, l.Tokens[i], l.Offsets[i], *l.Values[i], l.Top[i])
			}
		}
		if tokens == 0 && (c.Text != prompt || c.Finish != "length") {
			t.Errorf("%q, %s", c.Text, c.Finish)
		}
	}
	zero := ask(t, url, `{"prompt": "ab", "max_tokens": 1, "ignore_eos": true, "logprobs": 0, "echo": true}`).Choices[0].LogProbs
	if len(zero.Values) != 3 || len(zero.Top[1]) != 1 || zero.Top[1]["b"] != *zero.Values[1] {
		t.Errorf("logprobs of 0 are those of the tokens alone: %+v", zero)
	}
	if c := ask(t, url, `{"prompt": "ab", "max_tokens": 1}`).Choices[0]; c.LogProbs != nil {
		t.Errorf("nobody asked for %+v", c.LogProbs)
	}
}

// TestStops: a text ends before the stop text that is complete first, even one that spans several tokens, in a stream
// too; the answer has the tokens that begin before it. Text that may still become part of a stop text is held back.
func TestStops(t *testing.T) {
	web := startSmall(t, serve.Config{}, serve.Options{})
	url := web.URL + "/v1/completions"
	const plain = `{"prompt": "one", "max_tokens": 40, "temperature": 0, "logprobs": 1`
	text := ask(t, url, plain+`}`).Choices[0].Text
	valid := strings.ToValidUTF8(text, "")
	if len(valid) < 10 {
		t.Fatalf("the model writes %q", text)
	}
	runes := []rune(text)
	for at := 1; at+2 < len(runes); at += 3 {
		stop := string(runes[at : at+2])
		if strings.ContainsRune(stop, '\ufffd') {
			continue
		}
		want := text[:strings.Index(text, stop)]
		stops, err := json.Marshal([]string{"no such text", stop, stop + "longer"})
		if err != nil {
			t.Fatal(err)
		}
		body := fmt.Sprintf(`%s, "stop": %s`, plain, stops)
		c := ask(t, url, body+`}`).Choices[0]
		if c.Text != want || c.Finish != "stop" {
			t.Errorf("stop %q: %q, %s, want %q", stop, c.Text, c.Finish, want)
		}
		var streamed strings.Builder
		offsets, finish := []int{}, ""
		for _, e := range askStream(t, url, body+`, "stream": true}`) {
			streamed.WriteString(e.Choices[0].Text)
			offsets = append(offsets, e.Choices[0].LogProbs.Offsets...)
			if finish != "" {
				t.Errorf("stop %q: goes on after %s", stop, finish)
			}
			finish = e.Choices[0].Finish
		}
		if streamed.String() != want || finish != "stop" || !slices.Equal(offsets, c.LogProbs.Offsets) {
			t.Errorf("stop %q: streams %q, %s, tokens at %v; want %q, at %v", stop, streamed.String(), finish, offsets, want, c.LogProbs.Offsets)
		}
		if n := len(offsets); n > 0 && offsets[n-1] >= len([]rune(want)) {
			t.Errorf("stop %q: a token at %d of %d characters", stop, offsets[n-1], len([]rune(want)))
		}
	}
}

// TestStream: a stream has the same content as the whole answer, and the usage at its end if it is requested.
func TestStream(t *testing.T) {
	web := startSmall(t, serve.Config{}, serve.Options{Slots: 2})
	url := web.URL + "/v1/completions"
	const body = `{"prompt": ["one", "two"], "n": 2, "max_tokens": 30, "seed": 3, "logprobs": 2, "echo": true`
	want := ask(t, url, body+"}")
	events := askStream(t, url, body+`, "stream": true, "stream_options": {"include_usage": true}}`)
	last := events[len(events)-1]
	if len(last.Choices) != 0 || last.Usage == nil || *last.Usage != *want.Usage {
		t.Errorf("ends with %+v, want usage %+v", last, want.Usage)
	}
	texts, tokens, finish := make([]string, 4), make([][]string, 4), make([]string, 4)
	for _, e := range events[:len(events)-1] {
		if e.Usage != nil || len(e.Choices) != 1 {
			t.Fatalf("event %+v", e)
		}
		c := e.Choices[0]
		texts[c.Index] += c.Text
		tokens[c.Index] = append(tokens[c.Index], c.LogProbs.Tokens...)
		finish[c.Index] += c.Finish
	}
	for i, c := range want.Choices {
		if texts[i] != c.Text || !slices.Equal(tokens[i], c.LogProbs.Tokens) || finish[i] != c.Finish {
			t.Errorf("choice %d streams %q, %s; want %q, %s", i, texts[i], finish[i], c.Text, c.Finish)
		}
	}
}

// TestSamplesDiffer: without a seed, the same prompt several times gives samples that are independent of each other; with a
// seed, each prompt has the samples that it would have alone.
func TestSamplesDiffer(t *testing.T) {
	web := startSmall(t, serve.Config{}, serve.Options{})
	texts := func(more string) map[string]bool {
		all := make(map[string]bool)
		for _, c := range ask(t, web.URL+"/v1/completions", `{"prompt": ["x", "x", "x"], "n": 2, "max_tokens": 30, "ignore_eos": true`+more+`}`).Choices {
			all[c.Text] = true
		}
		return all
	}
	if n := len(texts("")); n != 6 {
		t.Errorf("%d different texts without a seed, want 6", n)
	}
	if n := len(texts(`, "seed": 18446744073709551615`)); n != 2 {
		t.Errorf("%d different texts with a seed, want 2", n)
	}
}

// TestNoTokens: a choice that a stop text leaves without tokens has an empty list of them.
func TestNoTokens(t *testing.T) {
	web := startSmall(t, serve.Config{}, serve.Options{})
	_, _, text := post(t, web.URL+"/v1/completions", `{"prompt": "x", "max_tokens": 3, "ignore_eos": true, "logit_bias": {"97": 100}, "return_token_ids": true, "stop": "a"}`)
	if !strings.Contains(text, `"token_ids":[]`) {
		t.Error(text)
	}
}
