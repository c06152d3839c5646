package eval_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/datasets/pairs"
	"github.com/gorgpt/gorgpt/eval"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// TestChoiceValue: the value of a result is the accuracy under its normalizer. The test computes it, the samples and
// the number of tokens from the likelihoods of the choices. The normalizers disagree on these questions.
func TestChoiceValue(t *testing.T) {
	s := open(t, 0)
	path := filepath.Join(t.TempDir(), "q.jsonl")
	var lines []string
	for i, q := range []struct {
		question string
		choices  []string
		answer   int
	}{
		{"Ann has a dog. The dog", []string{"barks", "barks all day long by the pond"}, 1},
		{"Tom has a cat. The cat", []string{"x", "purrs and sleeps"}, 0},
		{"Ann walks to the", []string{"hill", "é", "hill every day"}, 2},
		{"It lives by the", []string{"pond", "zz"}, 0},
	} {
		line, err := json.Marshal(map[string]any{"question": q.question, "choices": q.choices, "answer": q.answer})
		if err != nil {
			t.Fatal(i, err)
		}
		lines = append(lines, string(line))
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o666); err != nil {
		t.Fatal(err)
	}
	questions, err := eval.ReadChoices(path)
	if err != nil || len(questions) != 4 {
		t.Fatal(questions, err)
	}
	values := map[float64]bool{}
	for _, by := range eval.Normalizers() {
		r, err := eval.MultipleChoice{Read: eval.ReadChoices, Normalizer: by}.Evaluate(t.Context(), s, path)
		if err != nil {
			t.Fatal(err)
		}
		right, tokens := 0, 0
		for i, q := range questions {
			best, most := -1, 0.0
			for k, c := range q.Choices {
				score, err := s.Continuation(c.Before, c.Text)
				if err != nil {
					t.Fatal(err)
				}
				own := c.Text[1:] // without the space
				n := map[string]int{"sum": 1, "tokens": len(c.Text), "bytes": len(own), "chars": len([]rune(own))}[by]
				if x := score.LogLikelihood / float64(n); best < 0 || x > most {
					best, most = k, x
				}
				tokens += len(c.Text) // a byte is a token
				if got := r.Samples[i].LogLikelihoods[k]; got != score.LogLikelihood {
					t.Errorf("%s: question %d: %v, want %v", by, i, got, score.LogLikelihood)
				}
			}
			if best == q.Answer {
				right++
			}
			if got := *r.Samples[i].Right; got != (best == q.Answer) {
				t.Errorf("%s: question %d is right: %v", by, i, got)
			}
		}
		if r.Metric != "accuracy_"+by || r.Value != float64(right)/4 || r.Value != metric(t, r, r.Metric) || r.Tokens != int64(tokens) {
			t.Errorf("%s: %s %v of %d tokens, want %d of 4, %d tokens", by, r.Metric, r.Value, r.Tokens, right, tokens)
		}
		values[r.Value] = true
		near(t, "chance", metric(t, r, "chance"), (3./2+1./3)/4, 1e-15)
	}
	if len(values) < 2 {
		t.Errorf("all normalisers agree: %v", values)
	}
	r, err := eval.MultipleChoice{Read: eval.ReadChoices, Limit: 3}.Evaluate(t.Context(), s, path)
	if err != nil || len(r.Samples) != 3 || r.Metric != "accuracy_sum" {
		t.Errorf("%d samples, %s, %v", len(r.Samples), r.Metric, err)
	}
}

// fixed is a tokenizer that decodes each token to the whole answer a test wants.
type fixed struct {
	tokenizer.Tokenizer
	answers []string
	n       int
}

// AppendText appends the next answer and the newline that ends it.
func (f *fixed) AppendText(text []byte, ids []int) ([]byte, error) {
	f.n++
	return append(append(text, f.answers[f.n-1]...), '\n'), nil
}

// TestGenerationMetrics: every metric of generated texts is the mean over the pairs, except BLEU, which is computed over
// the whole corpus.
func TestGenerationMetrics(t *testing.T) {
	answers := []string{"white house", " a red house ", "The White House.", "no"}
	right := [][]string{{"the white house", "house", "red house"}, {"red house"}, {"The White House."}, {"yes", "maybe"}}
	g := eval.Generation{Metric: "f1_leave_one_out", Tokens: 4, Template: pairs.Templates()[0], Read: func(string) (set []pairs.Pair, err error) {
		for i, r := range right {
			set = append(set, pairs.Pair{Prompt: fmt.Sprint("question ", i), Responses: r})
		}
		return set, nil
	}}
	s := open(t, 64)
	s.Tokenizer = &fixed{Tokenizer: s.Tokenizer, answers: answers}
	r, err := g.Evaluate(t.Context(), s, "testdata/one.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{"exact": 0.75, "verbatim": 0.25} // three are equal if articles are ignored
	var texts []string
	for i, a := range answers {
		rouge := eval.ROUGE(a, right[i])
		_, f1 := eval.AnswerF1(a, right[i])
		for name, x := range map[string]float64{"rouge1": rouge.One, "rouge2": rouge.Two, "rougeL": rouge.L, "f1": f1, "f1_leave_one_out": eval.LeaveOneOut(a, right[i])} {
			want[name] += x / 4
		}
		texts = append(texts, strings.TrimSpace(a))
		if got := r.Samples[i]; *got.Right != (i < 3) || got.Tokens != 1 || strings.TrimSpace(got.Text) != texts[i] {
			t.Errorf("sample %d: %+v, right %v", i, got, *got.Right)
		}
	}
	want["bleu"] = eval.BLEU(texts, right)
	if len(r.Metrics) != len(want) || r.Tokens != 4 {
		t.Errorf("%v, %d tokens", r.Metrics, r.Tokens)
	}
	for name, x := range want {
		near(t, name, metric(t, r, name), x, 1e-12)
	}
	near(t, "value", r.Value, want["f1_leave_one_out"], 1e-12)
	if want["f1"] == want["f1_leave_one_out"] || want["rouge1"] == want["rougeL"] && want["rouge1"] == want["rouge2"] {
		t.Error("the answers tell no metrics apart")
	}
	g.Metric = "f2"
	s.Tokenizer.(*fixed).n = 0
	if _, err := g.Evaluate(t.Context(), s, "testdata/one.jsonl"); err == nil || err.Error() != `eval: no metric "f2" of written text` {
		t.Errorf("error %v", err)
	}
}

// TestLAMBADAStopWords: stop words are not taken as the best token, even if a padding token of the vocabulary is the
// likeliest of all.
func TestLAMBADAStopWords(t *testing.T) {
	// Each word is one token, so the texts given to the ids determine which word the model thinks best.
	path := filepath.Join(t.TempDir(), "passages.txt")
	if err := os.WriteFile(path, []byte("ab c\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	s := open(t, 0)
	logits, err := s.Score([]int{1, 2, 3}, 2)
	if err != nil {
		t.Fatal(err)
	}
	best := logits[0].Best
	second := func() int { // the second-best token after 1, 2
		g, err := s.Score([]int{1, 2, 0}, 2)
		if err != nil {
			t.Fatal(err)
		}
		top, at := g[0].LogProb-1e9, -1
		for id := range 257 {
			if id == best {
				continue
			}
			if x, err := s.Score([]int{1, 2, id}, 2); err != nil {
				t.Fatal(err)
			} else if x[0].LogProb > top {
				top, at = x[0].LogProb, id
			}
		}
		return at
	}()
	for _, c := range []struct {
		name  string
		texts map[int]string
		size  int
		stop  bool
		want  float64
	}{
		{"the best is a stop word", map[int]string{best: " The", second: " c"}, 257, true, 1},
		{"the best is none", map[int]string{best: " cat", second: " c"}, 257, true, 0},
		{"the best is within a word", map[int]string{best: "the", second: " c"}, 257, true, 0},
		{"without the filter", map[int]string{best: " the", second: " c"}, 257, false, 0},
		{"the best is padding", map[int]string{second: " c"}, best, true, 0},
	} {
		s.Tokenizer = &named{tokenizer.Bytes(), c.texts, second, c.size}
		r, err := eval.LAMBADA{StopWords: c.stop}.Evaluate(t.Context(), s, path)
		if err != nil || r.Value != c.want || *r.Samples[0].Right != (c.want == 1) {
			t.Errorf("%s: %v, %v; want %v", c.name, r.Value, err, c.want)
		}
	}
}

// named is a tokenizer of the passage "ab c", whose tokens are 1, 2 and last. Some ids have texts.
type named struct {
	tokenizer.Tokenizer
	texts map[int]string
	last  int
	size  int
}

func (n *named) Append(ids []int, text []byte) ([]int, error) {
	ids = append(ids, 1, 2)
	if strings.HasSuffix(string(text), " c") {
		ids = append(ids, n.last)
	}
	return ids, nil
}

func (n *named) AppendText(text []byte, ids []int) ([]byte, error) {
	for _, id := range ids {
		if id >= n.size {
			return text, fmt.Errorf("no token %d", id)
		}
		text = append(text, n.texts[id]...)
	}
	return text, nil
}

func (n *named) Size() int { return n.size }

// TestResponseEnds: a response ends before the end-of-text token, at a stop text, at the end of its first line that is
// not blank, or after a number of tokens. A prompt that leaves too little room loses its beginning, and is counted.
func TestResponseEnds(t *testing.T) {
	const end = 256 // the end-of-text token
	for _, c := range []struct {
		chain  []int // each token is followed by the next, beginning with the prompt's last byte
		stop   string
		tokens int // the maximum
		want   string
		count  int
	}{
		{[]int{'P', '\n', ' ', 'o', 'n', 'e', '\n'}, "", 8, "one", 6}, // after a blank line
		{[]int{'P', 'o', 'n', 'e', '\n'}, "", 8, "one", 4},
		{[]int{'P', 'a', 'b', 'c', 'd', 'e'}, "", 4, "abcd", 4},
		{[]int{'P', 'a', 'b', 'E', 'N', 'D', 'e'}, "END", 8, "ab", 5},
		{[]int{'P', 'a', '\n', 'b', 'E', 'N', 'D', 'e'}, "END", 8, "a\nb", 6},
		{[]int{'P', 'a', 'b', end, 'c', 'd'}, "", 8, "ab", 3},
		{[]int{'P', end, 'c'}, "", 8, "", 1},
	} {
		s := eval.NewSubject(table{}, graph.NewParams(1), tokenizer.Bytes(), 16)
		w, err := s.Params.Declare("table", graph.Zeros(), 257, 257)
		if err != nil {
			t.Fatal(err)
		}
		for i, id := range c.chain[1:] {
			w.Data()[c.chain[i]*257+id] = 9
		}
		g := eval.Generation{Metric: "f1", Tokens: c.tokens, Stop: c.stop, Template: pairs.Templates()[0], Read: func(string) ([]pairs.Pair, error) {
			return []pairs.Pair{{Prompt: "a prompt longer than the windowP", Responses: []string{"x"}}, {Prompt: strings.Repeat("P", 16-c.tokens), Responses: []string{"x"}}}, nil
		}}
		for _, g.Beams = range []int{0, 1, 2, 4} {
			r, err := g.Evaluate(t.Context(), s, "testdata/one.jsonl")
			if err != nil {
				t.Fatal(err)
			}
			for _, got := range r.Samples {
				if got.Text != c.want || got.Tokens != c.count {
					t.Errorf("%v until %q, %d beams: %q of %d tokens, want %q of %d", c.chain, c.stop, g.Beams, got.Text, got.Tokens, c.want, c.count)
				}
			}
			if p := r.Protocol.String(); !strings.Contains(p, "prompts_cut 1,") || !strings.Contains(p, fmt.Sprintf("at most %d tokens", c.tokens)) {
				t.Errorf("protocol %s", p)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// table is a model whose logits depend only on the last token.
type table struct{}

func (table) GraphAt(s *graph.Scope, tokens, rows *G.Node) *G.Node {
	return ops.Embed(s.At("rows"), rows, ops.Embed(s, tokens, s.Param("table", graph.Zeros(), 257, 257)))
}

func (table) Loss(s *graph.Scope, tokens, targets *G.Node) *G.Node {
	return s.Fail("table", nil, "has no loss")
}
