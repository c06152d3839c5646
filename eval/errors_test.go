package eval_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/eval"
)

// TestIDsOutside: ids outside the vocabulary are an error, whether they are inputs or only targets.
func TestIDsOutside(t *testing.T) {
	s := open(t, 8)
	for _, ids := range [][]int{{1, 999}, {999, 1}, {1, 2, 257, 3}} {
		if r, err := (eval.Perplexity{}).IDs(t.Context(), s, ids); err == nil || !strings.Contains(err.Error(), "outside the vocabulary of 257") {
			t.Errorf("%v: %v, %v", ids, r.Value, err)
		}
	}
	if _, err := s.Score([]int{999, 1}, 1); err == nil || !strings.Contains(err.Error(), "outside the vocabulary of 257") {
		t.Errorf("Score: %v", err)
	}
	if _, err := s.Greedy(t.Context(), []int{999}, 1, nil); err == nil {
		t.Error("Greedy goes on from an id that there is not")
	}
	if _, err := s.Score([]int{1, -1}, 1); err == nil || err.Error() != "eval: token -1 is not in the vocabulary of 257" {
		t.Errorf("Score: %v", err)
	}
}

// TestStops: Greedy ends before the token for which stop returns true.
func TestStops(t *testing.T) {
	s := open(t, 0)
	ids := []int{'A', 'n', 'n'}
	all, err := s.Greedy(t.Context(), ids, 6, nil)
	if err != nil || len(all) != 6 {
		t.Fatal(all, err)
	}
	at := 0
	for at < 5 && all[at] != all[5] { // its first occurrence
		at++
	}
	got, err := s.Greedy(t.Context(), ids, 6, func(id int) bool { return id == all[5] })
	if err != nil || len(got) != at {
		t.Errorf("%v until %d: %v, %v", all, all[5], got, err)
	}
	if got, err := s.Greedy(t.Context(), ids, 0, nil); err != nil || len(got) != 0 {
		t.Errorf("no tokens: %v, %v", got, err)
	}
}

// TestLongLine: the error for a line that is too long names the limit.
func TestLongLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "long.jsonl")
	if err := os.WriteFile(path, []byte("{\"text\":\"a b\"}\n\n{\"text\":\""+strings.Repeat("x", 17<<20)), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, on := range []string{"winograd", "lambada", "perplexity"} {
		named, err := eval.Find(on)
		if err != nil {
			t.Fatal(err)
		}
		want := path + ":3: a line of more than 16 MB"
		if on == "winograd" {
			want = path + ":1: want the keys sentence, option1, option2"
		}
		if _, err := named.New(eval.Options{Documents: true, BOS: true}).Evaluate(t.Context(), open(t, 0), path); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", on, err, want)
		}
	}
}
