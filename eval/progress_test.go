package eval_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/gorgpt/gorgpt/eval"
	"github.com/gorgpt/gorgpt/graph"
)

// TestProgress: every measurement reports its progress to the end, stops at any step when its context
// ends, and leaves no program open.
func TestProgress(t *testing.T) {
	qa := filepath.Join(t.TempDir(), "qa.jsonl")
	if err := os.WriteFile(qa, []byte(`{"question":"q","answer":"a"}`+"\n"+`{"question":"r","answer":"b"}`), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		on, data string
		o        eval.Options
		total    int
	}{
		{"perplexity", "testdata/text.txt", eval.Options{Limit: 1500}, 1499},
		{"perplexity", "testdata/harness/pages.jsonl", eval.Options{Documents: true, BOS: true, Limit: 3}, 3},
		{"lambada", "testdata/lambada.jsonl", eval.Options{Limit: 3}, 3},
		{"choices", "testdata/choices.jsonl", eval.Options{Limit: 3}, 3},
		{"qa", qa, eval.Options{Tokens: 2}, 2},
		{"golden", "testdata/golden.json", eval.Options{}, 24},
	} {
		named, err := eval.Find(c.on)
		if err != nil {
			t.Fatal(err)
		}
		before := graph.Running()
		s := open(t, 0)
		steps, last := 0, -1
		s.Progress = func(done, total int) {
			if steps++; total != c.total || done < last || done > total {
				t.Errorf("%s: %d of %d after %d, want %d in all", c.on, done, total, last, c.total)
			}
			last = done
		}
		r, err := named.New(c.o).Evaluate(t.Context(), s, c.data)
		if err != nil || last != c.total {
			t.Errorf("%s: %d of %d, %v", c.on, last, c.total, err)
		}
		if got := r.Protocol[0]; got != (eval.Setting{Name: "data", Value: c.data}) {
			t.Errorf("%s: protocol begins with %v", c.on, got)
		}
		for at := 1; at <= steps; at += 1 + steps/7 {
			ctx, cancel := context.WithCancel(t.Context())
			left := max(1, at)
			s.Progress = func(int, int) {
				if left--; left == 0 {
					cancel()
				}
			}
			if _, err := named.New(c.o).Evaluate(ctx, s, c.data); !errors.Is(err, context.Canceled) {
				t.Errorf("%s, step %d: %v", c.on, at, err)
			}
			cancel()
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if n := graph.Running(); n != before {
			t.Errorf("%s: %d programs are left open", c.on, n-before)
		}
	}
}

// TestWindowErrors: in every measurement, input that the model cannot be run on is an error that names the
// place in the data.
func TestWindowErrors(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ on, text, want string }{
		{"perplexity", "abc", ""},
		{"perplexity --documents", `{"text":"abc"}`, "document 1: "},
		{"lambada", "ab c", "passage 1: "},
		{"choices", `{"question":"a","choices":["x","y"],"answer":0}`, "question 1, choice 1: "},
		{"qa", `{"question":"a","answer":"x"}`, ""},
		{"golden", `{"next":[{"name":"n","prompt":[1],"ids":[2]}]}`, "n: "},
		{"golden", `{"continuations":[{"name":"c","prompt":[1],"ids":[2]}]}`, "c: "},
		{"golden", `{"runs":[{"name":"r","losses":[1],"tolerance":1}],"batch":{"size":1,"context":2,"ids":[1,2,3]}}`, "r: train: "},
	} {
		path := filepath.Join(dir, "f")
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		on, o := c.on, eval.Options{Tokens: 2}
		if on == "perplexity --documents" {
			on, o = "perplexity", eval.Options{Documents: true, BOS: true}
		}
		named, err := eval.Find(on)
		if err != nil {
			t.Fatal(err)
		}
		s := open(t, 0)
		s.Model = broken{}
		_, err = named.New(o).Evaluate(t.Context(), s, path)
		want := path + ": " + c.want + "core: Broken: no such model"
		if on == "golden" {
			want = c.want + "core: Broken: no such model"
		}
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", c.on, err, want)
		}
	}
	s := open(t, 0)
	s.Model = broken{}
	if _, err := s.Greedy(t.Context(), []int{1}, 2, nil); err == nil {
		t.Error("Greedy of a model that cannot be compiled")
	}
	if _, err := (eval.Perplexity{}).IDs(t.Context(), s, []int{1, 2}); err == nil {
		t.Error("IDs of a model that cannot be compiled")
	}
	if _, err := (eval.LAMBADA{}).Evaluate(t.Context(), s, "nosuch"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	for on, o := range map[string]eval.Options{"choices": {Shots: 1, Examples: "nosuch"}, "qa": {Tokens: 2, Shots: 1, Examples: "nosuch"}} {
		named, err := eval.Find(on)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "g")
		if err := os.WriteFile(path, []byte(`{"question":"a","choices":["x","y"],"answer":"x"}`), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := named.New(o).Evaluate(t.Context(), s, path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", on, fmt.Sprint(err))
		}
	}
}

// TestProtocols: the protocol lists everything that a number depends on, and the number of tokens is right.
func TestProtocols(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("a\x00b\x00 c\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		on, data string
		o        eval.Options
		tokens   int64
		want     string // after the data and its hash
	}{
		{"perplexity", text, eval.Options{}, 6, "detokenizer none, tokenizer bytes, words 3 of the original text, line ends included, bytes 7 of the original text, " +
			"window 160, stride 160, last_window what is left, bos none; the first token is not predicted, tokens 6"},
		{"perplexity", text, eval.Options{Stride: 5, BOS: true, FullLast: true, Words: "split", Detokenizer: "ptb"}, 7,
			"detokenizer ptb, tokenizer bytes, words 3 of the original text, split at white space, empty ends included, bytes 7 of the original text, " +
				"window 160, stride 5, last_window full, reaching back, bos end of text, tokens 7"},
		{"perplexity", text, eval.Options{Limit: 4}, 3, "detokenizer none, tokenizer bytes, limit 4 tokens, window 160, stride 160, last_window what is left, " +
			"bos none; the first token is not predicted, tokens 3"},
		{"perplexity", text, eval.Options{Limit: 7}, 6, "detokenizer none, tokenizer bytes, words 3 of the original text, line ends included, bytes 7 of the original text, " +
			"window 160, stride 160, last_window what is left, bos none; the first token is not predicted, tokens 6"},
		{"lambada", "testdata/lambada.jsonl", eval.Options{Limit: 1, StopWords: true}, 5, "protocol plain, passages 1, target last word with the space before it, all its tokens, " +
			"stop_words 126 words, detokenizer none, shots 0, window 160, bos none, tokenizer bytes"},
		{"lambada", "testdata/lambada.jsonl", eval.Options{Limit: 1, BOS: true, Detokenizer: "wikitext"}, 5, "protocol plain, passages 1, target last word with the space before it, all its tokens, " +
			"stop_words none, detokenizer wikitext, shots 0, window 160, bos end of text, tokenizer bytes"},
		{"choices", "testdata/one.jsonl", eval.Options{Normalizer: "chars"}, 0, "protocol plain, format choices, questions 1, normalizer chars, shots 0, detokenizer none, window 160, " +
			"bos end of text where nothing stands before a choice, tokenizer bytes"},
		{"golden", "testdata/golden.json", eval.Options{}, 2 + 2*24 + 20*4*32, ""},
	} {
		named, err := eval.Find(c.on)
		if err != nil {
			t.Fatal(err)
		}
		r, err := named.New(c.o).Evaluate(t.Context(), open(t, 0), c.data)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Protocol[2:].String(); c.want != "" && got != c.want {
			t.Errorf("%s: %s\nwant %s", c.on, got, c.want)
		}
		if c.tokens != 0 && r.Tokens != c.tokens {
			t.Errorf("%s: %d tokens, want %d", c.on, r.Tokens, c.tokens)
		}
	}
}
