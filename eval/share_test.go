package eval_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/gorgpt/gorgpt/eval"
	"github.com/gorgpt/gorgpt/train"
)

// round is where the ranks, which all run in one process, wait for each other.
type round struct {
	mu    sync.Mutex
	moved *sync.Cond
	size  int
	came  int
	turn  int
	sums  []float64
	told  []float64
	gone  error
}

// seat is a rank in a round. It implements as much of train.Peers as evaluations need.
type seat struct {
	*round
	rank int
}

func seats(size int) (all []train.Peers) {
	at := &round{size: size}
	at.moved = sync.NewCond(&at.mu)
	for rank := range size {
		all = append(all, seat{at, rank})
	}
	return all
}

func (p seat) Rank() int                 { return p.rank }
func (p seat) Size() int                 { return p.size }
func (p seat) Sum(...[]float32) error    { return errors.New("no gradients here") }
func (p seat) Give([]float32, int) error { return errors.New("no weights here") }

func (p seat) Leave(reason error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = fmt.Errorf("rank %d has stopped: %w", p.rank, reason)
	p.moved.Broadcast()
}

func (p seat) SumScalars(x []float64) ([]float64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone != nil {
		return nil, p.gone
	}
	if p.came == 0 {
		p.sums = make([]float64, len(x))
	}
	for i, v := range x {
		p.sums[i] += v
	}
	turn := p.turn
	if p.came++; p.came == p.size {
		p.told, p.came, p.turn = p.sums, 0, p.turn+1
		p.moved.Broadcast()
	}
	for p.turn == turn {
		if p.gone != nil {
			return nil, p.gone
		}
		p.moved.Wait()
	}
	return append([]float64(nil), p.told...), nil
}

// onRanks runs the same evaluation on a number of ranks. A rank that fails calls Leave.
func onRanks(t *testing.T, size int, named eval.Named, o eval.Options, data func(rank int) string) (results []eval.Result, errs []error) {
	t.Helper()
	results, errs = make([]eval.Result, size), make([]error, size)
	var all sync.WaitGroup
	for rank, p := range seats(size) {
		s := open(t, 0)
		s.Peers = p
		all.Go(func() {
			if results[rank], errs[rank] = named.New(o).Evaluate(t.Context(), s, data(rank)); errs[rank] != nil {
				p.Leave(errs[rank])
			}
			errs[rank] = errors.Join(errs[rank], s.Close())
		})
	}
	all.Wait()
	return results, errs
}

// TestShared: when ranks share the work of a measurement, each gets the same result, samples and protocol as a single
// process, bit for bit.
func TestShared(t *testing.T) {
	qa := filepath.Join(t.TempDir(), "qa.jsonl")
	if err := os.WriteFile(qa, []byte(strings.Repeat(`{"question":"q","answer":"a"}`+"\n"+`{"question":"who is r","answer":"b"}`+"\n", 4)), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		on, data string
		o        eval.Options
	}{
		{"perplexity", "testdata/text.txt", eval.Options{Limit: 1500}},
		{"perplexity", "testdata/text.txt", eval.Options{Limit: 700, Stride: 48, FullLast: true}},
		{"perplexity", "testdata/harness/pages.jsonl", eval.Options{Documents: true, BOS: true}},
		{"lambada", "testdata/lambada.jsonl", eval.Options{StopWords: true, Show: 2}},
		{"lambada", "testdata/lambada.jsonl", eval.Options{Shots: 1, Draw: "first", Limit: 5}},
		{"choices", "testdata/choices.jsonl", eval.Options{Shots: 1, Normalizer: "ratio"}},
		{"qa", qa, eval.Options{Tokens: 6, Show: 1}},
		{"golden", "testdata/golden.json", eval.Options{}},
	} {
		named, err := eval.Find(c.on)
		if err != nil {
			t.Fatal(err)
		}
		s := open(t, 0)
		want, err := named.New(c.o).Evaluate(t.Context(), s, c.data)
		if err = errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{2, 3} {
			results, errs := onRanks(t, size, named, c.o, func(int) string { return c.data })
			for rank := range size {
				if errs[rank] != nil || !reflect.DeepEqual(results[rank], want) {
					t.Errorf("%s, rank %d of %d: %v\n%+v, want\n%+v", c.on, rank, size, errs[rank], results[rank], want)
				}
			}
		}
	}
}

// TestSharedFails: an error on one rank is an error on all of them, and so is data whose length differs between ranks.
func TestSharedFails(t *testing.T) {
	dir := t.TempDir()
	line := `{"question":"a","choices":["x","y"],"answer":0}` + "\n"
	for name, text := range map[string]string{"two": line + line, "three": line + line + line, "broken": line + "{"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	named, err := eval.Find("choices")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ first, second, want, other string }{
		{"two", "three", "rank 1 of 2 divides the data into 3 parts, but rank 0 into 2", "rank 0 of 2 divides the data into 2 parts, but rank 1 into 3"},
		{"two", "broken", "rank 0 of 2: rank 1 has stopped: ", "broken:2: "},
	} {
		_, errs := onRanks(t, 2, named, eval.Options{}, func(rank int) string {
			return filepath.Join(dir, []string{c.first, c.second}[rank])
		})
		if errs[0] == nil || !strings.Contains(errs[0].Error(), c.want) || errs[1] == nil || !strings.Contains(errs[1].Error(), c.other) {
			t.Errorf("%s and %s: %v, %v", c.first, c.second, errs[0], errs[1])
		}
	}
}
