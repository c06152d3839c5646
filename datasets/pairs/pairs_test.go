package pairs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/datasets/pairs"
	"github.com/gorgpt/gorgpt/tokenizer"
)

var _ datasets.Stream = (*pairs.Stream)(nil)

func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRead(t *testing.T) {
	jsonl := write(t, "a.jsonl", `{"dialogue":"A: hi","summary":"They meet."}`+"\n\n"+`{"dialogue":"B","summary1":"x","summary2":["y","z"]}`)
	got, err := pairs.ReadJSONL(jsonl, "text|dialogue", "summary|summary1|summary2")
	if s := fmt.Sprint(got); err != nil || s != "[{A: hi [They meet.] 1} {B [x y z] 3}]" {
		t.Errorf("%s, %v", s, err)
	}
	got, err = pairs.ReadParallel(write(t, "a.en", "one\u00a0dog\ntwo\n"), write(t, "a.de", "ein Hund\nzwei\n"))
	if s := fmt.Sprint(got); err != nil || s != "[{one\u00a0dog [ein Hund] 1} {two [zwei] 2}]" {
		t.Errorf("%s, %v", s, err)
	}
	// Windows line ends are read as in Python's text mode; a "\r" elsewhere is text.
	got, err = pairs.ReadParallel(write(t, "a.en", "one\r\n\r two\r\n"), write(t, "a.de", "eins\r\nzwei\r"))
	if s := fmt.Sprintf("%+q", fmt.Sprint(got)); err != nil || s != `"[{one [eins] 1} {\r two [zwei] 2}]"` {
		t.Errorf("%s, %v", s, err)
	}
	coqa := write(t, "coqa.json", `{"data":[{"id":"x","story":"A story.","questions":[{"input_text":"Who?"},{"input_text":"Why?"}],
		"answers":[{"input_text":"Ann"},{"input_text":"so"}],"additional_answers":{"0":[{"input_text":"She"},{"input_text":"thus"}]}}]}`)
	got, err = pairs.ReadCoQA(coqa)
	var lines []string
	for _, p := range got {
		lines = append(lines, fmt.Sprintf("%q %q", p.Prompt, p.Responses))
	}
	want := []string{`"A story.\n\nQ: Who?\nA:" ["Ann" "She"]`, `"A story.\n\nQ: Who?\nA: Ann\nQ: Why?\nA:" ["so" "thus"]`}
	if err != nil || !slices.Equal(lines, want) {
		t.Errorf("%q, %v", lines, err)
	}
}

func TestReadErrors(t *testing.T) {
	jsonl := func(text string) (string, error) {
		path := write(t, "f.jsonl", text)
		_, err := pairs.ReadJSONL(path, "prompt", "response")
		return path, err
	}
	for text, want := range map[string]string{
		"\n{":                            ":2: not a JSON object with prompt and response; plain text lines need a separate file of responses: unexpected end of JSON input",
		`{"response":"x"}`:               ":1: no text under prompt",
		`{"prompt":"x"}`:                 ":1: no text under response",
		`{"prompt":"x","response":" "}`:  ":1: an empty text under response",
		`{"prompt":1,"response":"y"}`:    ":1: key prompt: want a string, got a number",
		`{"prompt":"x","response":true}`: ":1: key response: want a string, got true or false",
		"":                               ": no pairs",
	} {
		if path, err := jsonl(text); err == nil || err.Error() != path+want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	a, b := write(t, "a", "1\n2\n"), write(t, "b", "1\n")
	if _, err := pairs.ReadParallel(a, b); err == nil || err.Error() != a+" has 2 lines, "+b+" 1" {
		t.Errorf("%v", err)
	}
	c := write(t, "c", "1\n\n")
	if _, err := pairs.ReadParallel(a, c); err == nil || err.Error() != a+":2: a line of the pair is empty" {
		t.Errorf("%v", err)
	}
	d := write(t, "d", `{"data":[{"id":"x","story":"s","questions":[{"input_text":"q"}]}]}`)
	if _, err := pairs.ReadCoQA(d); err == nil || err.Error() != d+": conversation 1 (x): want a story and as many answers as questions; there are 0 and 1" {
		t.Errorf("%v", err)
	}
}

func TestTemplates(t *testing.T) {
	set := []pairs.Pair{{Prompt: "a dog ", Responses: []string{"ein Hund", "\nline"}}}
	for name, want := range map[string]string{
		"plain": `"a dog" [" ein Hund" "\nline"]`, "tldr": `"a dog\nTL;DR:" [" ein Hund" "\nline"]`,
		"equals": `"a dog =" [" ein Hund" "\nline"]`, "question": `"Q: a dog\nA:" [" ein Hund" "\nline"]`,
	} {
		f, err := pairs.FindTemplate(name)
		if err != nil {
			t.Fatal(err)
		}
		got := f.Apply(set)[0]
		if s := fmt.Sprintf("%q %q", got.Prompt, got.Responses); s != want {
			t.Errorf("%s: %s, want %s", name, s, want)
		}
	}
	if _, err := pairs.FindTemplate("tlrd"); err == nil || err.Error() != `unknown template "tlrd"; did you mean "tldr"?` {
		t.Errorf("%v", err)
	}
}

// text returns a row of ids as text: bytes as they are, the end-of-text token as $, and no target as a dot.
func text(ids []int) string {
	var b strings.Builder
	for _, id := range ids {
		switch id {
		case 256:
			b.WriteByte('$')
		case datasets.Ignore:
			b.WriteByte('.')
		default:
			b.WriteByte(byte(id))
		}
	}
	return b.String()
}

// TestStream: only the tokens of the response and the end-of-text token are targets.
func TestStream(t *testing.T) {
	set := []pairs.Pair{
		{Prompt: "ab", Responses: []string{"CD", "other"}},
		{Prompt: "a long prompt", Responses: []string{"XYZ"}},
		{Prompt: "", Responses: []string{"Q"}},
	}
	s, err := pairs.NewStream(set, tokenizer.Bytes(), pairs.Config{Batch: 2, Context: 6, Once: true})
	if err != nil {
		t.Fatal(err)
	}
	if s.Cut() != 1 || s.Len() != 3 {
		t.Errorf("%d cut of %d", s.Cut(), s.Len())
	}
	var got []string
	for {
		b, err := s.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for r := range b.Size {
			row := func(ids []int) string { return text(ids[r*b.Context : (r+1)*b.Context]) }
			got = append(got, row(b.Tokens)+" "+row(b.Targets))
		}
	}
	want := []string{"abCD$$ .CD$..", "mptXYZ ..XYZ$", "$Q$$$$ Q$....", "$$$$$$ ......"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestBeginning: a prompt begins with the tokens that generation puts before a text, and keeps them when it is cut.
func TestBeginning(t *testing.T) {
	m := tokenizer.Merged{Tokens: []string{"<s>", "</s>", "a", "b", "c", "Ġ"}, Types: []int{3, 3, 1, 1, 1, 1}, Pre: "gpt-2", BOS: 0, EOS: 1, UNK: -1, Pad: -1, AddBOS: true}
	tokenizerJSON, configJSON, err := tokenizer.FromMerges(m)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.LoadFS(fstest.MapFS{"tokenizer.json": {Data: tokenizerJSON}, "tokenizer_config.json": {Data: configJSON}}, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		prompt, response string
		want             []int
	}{
		{"ab", "c", []int{0, 2, 3, 4, 1, 1}}, {"abcabc", "c", []int{0, 2, 3, 4, 4, 1}}, {"", "c", []int{0, 4, 1, 1, 1, 1}},
		{"", "cccc", []int{0, 4, 4, 4, 4, 1}}, {"ab", "cccc", []int{3, 4, 4, 4, 4, 1}},
	} {
		prompt, want := c.prompt, c.want
		s, err := pairs.NewStream([]pairs.Pair{{Prompt: prompt, Responses: []string{c.response}}}, tok, pairs.Config{Batch: 1, Context: 5, Once: true})
		if err != nil {
			t.Fatal(err)
		}
		b, err := s.Next(t.Context())
		if err != nil || !slices.Equal(append(b.Tokens, 1), want) {
			t.Errorf("%q: tokens %v, %v, want %v", prompt, b.Tokens, err, want[:5])
		}
	}
}

// TestPrompt: Config.Prompt encodes the prompts.
func TestPrompt(t *testing.T) {
	said := func(text string) ([]int, error) {
		if text == "" {
			return nil, errors.New("nothing said")
		}
		return tokenizer.Bytes().Append([]int{256}, []byte(text+":"))
	}
	c := pairs.Config{Batch: 1, Context: 6, Once: true, Ends: []int{33}, Prompt: said}
	s, err := pairs.NewStream([]pairs.Pair{{Prompt: "a", Responses: []string{"BC"}}}, tokenizer.Bytes(), c)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Next(t.Context())
	if got := text(b.Tokens) + " " + text(b.Targets); err != nil || got != "$a:BC! ..BC!." {
		t.Errorf("%v, %q", err, got)
	}
	_, err = pairs.NewStream([]pairs.Pair{{Responses: []string{"B"}, Line: 3}}, tokenizer.Bytes(), c)
	if want := "pair on line 3: prompt: nothing said"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// TestEpochs: each epoch has every pair once, in a different order, and a stream can be restored to any position.
func TestEpochs(t *testing.T) {
	var set []pairs.Pair
	for i := range 10 {
		set = append(set, pairs.Pair{Prompt: "p", Responses: []string{string(rune('a' + i))}})
	}
	open := func(seed uint64) *pairs.Stream {
		s, err := pairs.NewStream(set, tokenizer.Bytes(), pairs.Config{Batch: 5, Context: 3, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	next := func(s *pairs.Stream) string {
		b, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var answers []byte
		for r := range b.Size {
			answers = append(answers, byte(b.Tokens[r*b.Context+1]))
		}
		return string(answers)
	}
	s := open(1)
	var epochs []string
	for range 3 {
		epoch := next(s) + next(s)
		sorted := []byte(epoch)
		slices.Sort(sorted)
		if string(sorted) != "abcdefghij" {
			t.Errorf("epoch %s", epoch)
		}
		epochs = append(epochs, epoch)
	}
	if epochs[0] == epochs[1] || epochs[1] == epochs[2] {
		t.Errorf("epochs %v", epochs)
	}
	next(s)
	state, err := s.State()
	if err != nil {
		t.Fatal(err)
	}
	want := next(s) + next(s)
	other := open(1)
	if err := other.Restore(state); err != nil {
		t.Fatal(err)
	}
	if got := next(other) + next(other); got != want {
		t.Errorf("restored %s, want %s", got, want)
	}
	for _, c := range []struct {
		s     *pairs.Stream
		state string
		want  string
	}{
		{open(2), string(state), "pairs: the position belongs to different pairs, or to a different batch, context, seed or tokenizer"},
		{other, "{}", `pairs: not a position in a stream of pairs ("gorgpt pairs 1")`},
		{other, strings.Replace(string(state), `"taken":5`, `"taken":11`, 1), "pairs: position 11 of epoch 3 is outside of 10 pairs"},
	} {
		if err := c.s.Restore([]byte(c.state)); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	s.Close()
	if _, err := s.Next(context.Background()); err == nil {
		t.Error("a batch after Close")
	}
}

func TestStreamErrors(t *testing.T) {
	chars, err := tokenizer.NewChars(strings.NewReader("abc"))
	if err != nil {
		t.Fatal(err)
	}
	one := []pairs.Pair{{Prompt: "a", Responses: []string{"abc"}, Line: 7}}
	for _, c := range []struct {
		set  []pairs.Pair
		tok  tokenizer.Tokenizer
		c    pairs.Config
		want string
	}{
		{one, tokenizer.Bytes(), pairs.Config{Batch: 1}, "pairs: a batch of 1 × 0, want 1 or more of each"},
		{nil, tokenizer.Bytes(), pairs.Config{Batch: 1, Context: 8}, "pairs: the set is empty"},
		{one, chars, pairs.Config{Batch: 1, Context: 8}, "pairs: the tokenizer chars has no end-of-text token, which must end a response"},
		{one, tokenizer.Bytes(), pairs.Config{Batch: 1, Context: 3}, "pair on line 7: the response takes 4 tokens, more than the context of 3"},
	} {
		if _, err := pairs.NewStream(c.set, c.tok, c.c); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

// TestCustomary: every key that belongs to the prompt is used: Alpaca's instruction and input become one prompt.
func TestCustomary(t *testing.T) {
	for line, want := range map[string]string{
		`{"instruction":"i","input":"k","output":"o"}`:          "i\n\nk",
		`{"instruction":"i","input":"","output":"o"}`:           "i",
		`{"instruction":"i","output":"o"}`:                      "i",
		`{"input":"k","output":"o"}`:                            "k",
		`{"document":"d","summary":"s","text":null}`:            "d",
		`{"question":"q","document":"d","answer":"a"}`:          "f:1: question and document could each be the prompt or part of it: put the whole prompt under one key, such as prompt",
		`{"question":"q","context":"c","answers":["a"]}`:        "f:1: question and context could each be the prompt or part of it: put the whole prompt under one key, such as prompt",
		`{"instruction":"i","context":"c","response":"r"}`:      "f:1: context and instruction could each be the prompt or part of it: put the whole prompt under one key, such as prompt",
		`{"question":"q","passage":"p","answer":"a"}`:           "f:1: question and passage could each be the prompt or part of it: put the whole prompt under one key, such as prompt",
		`{"prompt":"p","system":"s","response":"r"}`:            "f:1: prompt and system could each be the prompt or part of it: put the whole prompt under one key, such as prompt",
		`{"prompt":"p","history":[["a","b"]],"response":"r"}`:   "f:1: prompt and history could each be the prompt or part of it: put the whole prompt under one key, such as prompt",
		`{"prompt":"p","system":" ","history":[],"output":"r"}`: "p",
		`{"prompt":"p","input":["not a text"],"response":"r"}`:  "f:1: prompt and input could each be the prompt or part of it: put the whole prompt under one key, such as prompt",
	} {
		path := write(t, "f", line)
		set, err := pairs.Read(path)
		got := ""
		if err != nil {
			got = strings.TrimPrefix(err.Error(), filepath.Dir(path)+string(filepath.Separator))
		} else {
			got = set[0].Prompt
		}
		if got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

func FuzzReadJSONL(f *testing.F) {
	f.Add(`{"prompt":"a","response":["b","c"]}`)
	f.Add(`{"prompt":null}`)
	f.Fuzz(func(t *testing.T, text string) {
		set, err := pairs.ReadJSONL(write(t, "f", text), "prompt|question", "response|answers")
		for _, p := range set {
			if err != nil || p.Prompt == "" || len(p.Responses) == 0 || p.Line < 1 {
				t.Fatalf("%+v, %v", p, err)
			}
		}
	})
}

func ExampleNewStream() {
	translate, err := pairs.FindTemplate("equals")
	if err != nil {
		fmt.Println(err)
		return
	}
	set := translate.Apply([]pairs.Pair{{Prompt: "a dog", Responses: []string{"ein Hund"}}})
	s, err := pairs.NewStream(set, tokenizer.Bytes(), pairs.Config{Batch: 1, Context: 16, Once: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	b, err := s.Next(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(text(b.Tokens))
	fmt.Println(text(b.Targets))
	// Output:
	// a dog = ein Hund
	// ...... ein Hund$
}
