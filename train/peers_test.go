package train

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/graph"
)

// patience bounds tests in which ranks could wait for one another forever.
const patience = time.Minute

// runRanks runs one trainer per rank and returns their errors.
func runRanks(t *testing.T, trainers []*Trainer) []error {
	t.Helper()
	errs := make([]error, len(trainers))
	done := make(chan struct{})
	go func() {
		defer close(done)
		var all sync.WaitGroup
		for i, tr := range trainers {
			all.Go(func() { errs[i] = tr.Run(t.Context()) })
		}
		all.Wait()
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("the ranks hang")
	}
	return errs
}

// breakingAfter is a stream that fails after the given number of sequences.
type breakingAfter struct {
	*toyStream
	sequences int
}

func (s *breakingAfter) Next(ctx context.Context) (datasets.Batch, error) {
	if s.next >= s.sequences {
		return datasets.Batch{}, errTest
	}
	return s.toyStream.Next(ctx)
}

// poison sets a weight of its rank to NaN after five steps.
type poison struct{}

func (poison) BeforeUpdate(u *Update) error {
	if u.Step == 5 {
		for _, p := range u.Model {
			if p := p.(*graph.Param); p.Name() == "head.bias" {
				p.Data()[2] = float32(math.NaN())
			}
		}
	}
	return nil
}

// newToyRank returns a rank of a run in which an update has the given number of micro-batches.
func newToyRank(micro int, prompts bool) (*Trainer, *recorder) {
	tr, r := newToy()
	lm(tr).Model = toyModel{dropout: 0.1}
	lm(tr).Train = &toyStream{size: 4, context: 8, seed: 1, prompts: prompts}
	lm(tr).Accumulate = micro
	tr.Steps, tr.EvalEvery, tr.Tree, tr.Guard = 12, 4, true, Guard{Deviations: 1, Window: 3}
	lm(tr).Validation = func() (datasets.Stream, error) {
		return &toyStream{size: 4, context: 8, seed: 2, end: 18, prompts: prompts}, nil
	}
	return tr, r
}

func newToyRanks(ranks, micro int, prompts bool) (trainers []*Trainer, recorders []*recorder) {
	for _, p := range localPeers(ranks) {
		tr, r := newToyRank(micro, prompts)
		tr.Peers = p
		trainers, recorders = append(trainers, tr), append(recorders, r)
	}
	return trainers, recorders
}

// TestPeersEqualOneProcess: any number of ranks computes bit for bit what one process does with as many
// micro-batches, also if some ranks have none; only rank 0 reports and saves.
func TestPeersEqualOneProcess(t *testing.T) {
	defer func(size int) { bucketSize = size }(bucketSize)
	bucketSize = 30 // small, so that there are several buckets of sums that overlap with computation
	for _, c := range []struct{ ranks, micro int }{{2, 2}, {2, 4}, {4, 4}, {4, 8}, {2, 6}, {3, 3}, {3, 6}, {4, 5}, {3, 7}} {
		for _, prompts := range []bool{false, true} {
			name := fmt.Sprintf("%d ranks of %d, prompts %v", c.ranks, c.micro, prompts)
			one, want := newToyRank(c.micro, prompts)
			var kept saved
			one.Save = kept.keep(one)
			mustRun(t, one)
			ranks, got := newToyRanks(c.ranks, c.micro, prompts)
			for _, tr := range ranks {
				tr.Overlap = prompts == (c.micro > 3)
			}
			var saves [4]saved
			for i, tr := range ranks {
				tr.Save = saves[i].keep(tr)
			}
			for i, err := range runRanks(t, ranks) {
				if err != nil {
					t.Fatalf("%s: rank %d: %v", name, i, err)
				}
			}
			for i, s := range got[0].steps {
				w := want.steps[i]
				if s.Loss != w.Loss || s.GradNorm != w.GradNorm || s.Skipped != w.Skipped || s.Tokens != w.Tokens {
					t.Errorf("%s, step %d: %+v, want %+v", name, i+1, s, w)
				}
			}
			for i, e := range got[0].evals {
				if e.Loss != want.evals[i].Loss {
					t.Errorf("%s: %+v, want %+v", name, e, want.evals[i])
				}
			}
			if len(got[0].steps) != 12 || len(got[0].evals) != 4 {
				t.Errorf("%s: %d steps and %d evaluations", name, len(got[0].steps), len(got[0].evals))
			}
			for i, tr := range ranks {
				w := weights(tr.Params)
				if !maps.EqualFunc(w, weights(one.Params), sameBits) {
					t.Errorf("%s: rank %d has other weights than one process", name, i)
				}
				if i > 0 && (len(got[i].log) > 0 || saves[i].state != nil) {
					t.Errorf("%s: rank %d reports or saves", name, i)
				}
			}
			if a, b := stateOf(t, saves[0]), stateOf(t, kept); a.Step != b.Step || a.Tokens != b.Tokens || a.Best.Step != b.Best.Step || !bytes.Equal(a.Stream, b.Stream) {
				t.Errorf("%s: state %+v, want %+v", name, a, b)
			}
		}
	}
}

// TestTreeIsASum: summing in a tree gives the same as summing one after the other, up to rounding, and
// exactly the same loss for a single micro-batch.
func TestTreeIsASum(t *testing.T) {
	for _, micro := range []int{1, 2, 3, 5, 7, 8} {
		a, want := newToyRank(micro, true)
		b, got := newToyRank(micro, true)
		a.Tree = false
		a.Guard, b.Guard = Guard{}, Guard{}
		mustRun(t, a)
		mustRun(t, b)
		for i, s := range got.steps {
			if w := want.steps[i]; !(math.Abs(s.Loss-w.Loss) <= tolAccumulate) || !(math.Abs(s.GradNorm-w.GradNorm) <= tolAccumulate) || micro == 1 && s.Loss != w.Loss {
				t.Errorf("%d micro-batches, step %d: %+v, want %+v", micro, i+1, s, w)
			}
		}
	}
}

// shortPeers return too few sums.
type shortPeers struct{ Peers }

func (p shortPeers) SumScalars(x []float64) ([]float64, error) {
	sums, err := p.Peers.SumScalars(x)
	return sums[:len(sums)-1], err
}

// brokenPeers cannot sum gradients.
type brokenPeers struct{ Peers }

func (p brokenPeers) Sum(...[]float32) error { return errTest }

// longPeers pass more numbers than they were given.
type longPeers struct{ Peers }

func (p longPeers) Sum(x ...[]float32) error { return p.Peers.Sum(append(x, []float32{0})...) }

// TestPeersStopTogether: whatever goes wrong on one rank, all ranks end with an error that names it, and none hangs.
func TestPeersStopTogether(t *testing.T) {
	t.Run("in turn", func(t *testing.T) { testStopTogether(t, false) })
	t.Run("overlapped", func(t *testing.T) { testStopTogether(t, true) })
}

func testStopTogether(t *testing.T, overlap bool) {
	const bad = 1 // the rank on which something goes wrong
	for _, c := range []struct {
		name  string
		spoil func(*Trainer)
		own   string // part of that rank's error
		other string // part of the other ranks' errors
		saves bool   // whether rank 0 saves, after step 5
	}{
		{"NaN", func(t *Trainer) { t.Hooks = append(t.Hooks, poison{}) }, "the loss is NaN: weight 2 of head.bias is NaN", "rank 1 of 3 has a loss that is not finite", false},
		{"data", func(t *Trainer) { lm(t).Train = &breakingAfter{lm(t).Train.(*toyStream), 5 * 3 * 4} }, "train: step 6: a test's own error", "train: step 6: rank 1 of 3 has failed", true},
		{"hook", func(t *Trainer) {
			t.Hooks = append(t.Hooks, HookFunc(func(u *Update) error {
				if u.Step == 5 {
					return errTest
				}
				return nil
			}))
		}, "train: step 6: a test's own error", "rank 1 has stopped: train: step 6: a test's own error", false},
		{"peers fail", func(t *Trainer) { t.Peers = brokenPeers{t.Peers} }, "rank 1 of 3: gradients: a test's own error", "rank 1 has stopped", false},
		{"too few sums", func(t *Trainer) { t.Peers = shortPeers{t.Peers} }, "rank 1 of 3: peers return 2 sums, want 3", "rank 1", false},
		{"another length", func(t *Trainer) { t.Peers = longPeers{t.Peers} }, "Sum of 1", "Sum of 1", false},
		{"another seed", func(t *Trainer) { t.Seed++ }, "rank 1 of 3 differs from rank 0 in its seed: \"4\", not \"3\"", "rank 1 of 3 has failed", false},
		{"another plan", func(t *Trainer) { t.Steps++ }, "rank 1 of 3 differs from rank 0 in its number of steps: \"13\", not \"12\"", "rank 1 of 3 has failed", false},
		{"another end", func(t *Trainer) { t.StopAfter = 3 }, "rank 1 of 3 differs from rank 0 in its StopAfter: \"3\", not \"0\"", "rank 1 of 3 has failed", false},
		{"another recipe", func(t *Trainer) { t.Settings = "lr = 1\nclip = 2" }, "rank 1 of 3 differs from rank 0 in its setting: \"lr = 1\", not \"\"", "rank 1 of 3 has failed", false},
		{"another place", func(t *Trainer) { lm(t).Train.(*toyStream).next = 8 }, "rank 1 of 3 differs from rank 0 in its training data: \"\\b", "rank 1 of 3 has failed", false},
		{"other weights", func(t *Trainer) { t.Params = graph.NewParams(99) }, "rank 1 of 3 differs from rank 0 in its weights: \"sum ", "rank 1 of 3 has failed", false},
		{"no model", func(t *Trainer) { lm(t).Model = nil }, "NextToken.Model is not set", "rank 1 has stopped: train: NextToken.Model is not set", false},
	} {
		ranks, _ := newToyRanks(3, 3, false)
		saved := -1
		ranks[0].Save = func(s State) error { saved = s.Step; return nil }
		c.spoil(ranks[bad])
		for _, tr := range ranks {
			tr.EvalEvery, lm(tr).Validation, tr.Overlap = 0, nil, overlap
		}
		for i, err := range runRanks(t, ranks) {
			want := c.other
			if i == bad {
				want = c.own
			}
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: rank %d: %v, want …%s…", c.name, i, err, want)
			}
		}
		if c.saves && saved != 5 {
			t.Errorf("%s: saved at %d, want 5", c.name, saved)
		}
	}
}

// TestPeersInterrupted: an interrupt of one rank stops all ranks at the same step.
func TestPeersInterrupted(t *testing.T) {
	ranks, got := newToyRanks(3, 3, false)
	saved := -1
	ranks[0].Save = func(s State) error { saved = s.Step; return nil }
	errs := make([]error, len(ranks))
	var all sync.WaitGroup
	for i, tr := range ranks {
		ctx, cancel := context.WithCancel(t.Context())
		if i == 2 {
			tr.Hooks = append(tr.Hooks, HookFunc(func(u *Update) error {
				if u.Step == 4 {
					cancel()
				}
				return nil
			}))
		}
		all.Go(func() { defer cancel(); errs[i] = tr.Run(ctx) })
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("the ranks hang")
	}
	for i, err := range errs {
		if err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("train: interrupted after step %d of 12: ", len(got[0].steps))) {
			t.Errorf("rank %d: %v", i, err)
		}
	}
	if n := len(got[0].steps); n < 5 || n > 6 || saved != n {
		t.Errorf("%d steps, saved at %d", n, saved)
	}
}

// TestLocalPeers: sums are those of a fixed tree, and a rank that waits for another one that has left is told so.
func TestLocalPeers(t *testing.T) {
	for size, want := range map[int]float32{1: 1, 2: 1 + 1e-8, 3: (1 + 1e-8) + 1e-8, 4: (1 + 1e-8) + (1e-8 + 1e-8)} {
		peers := localPeers(size)
		var all sync.WaitGroup
		for rank, p := range peers {
			all.Go(func() {
				x := []float32{1e-8, float32(rank)}
				if rank == 0 {
					x[0] = 1
				}
				for range 100 {
					y := slices.Clone(x)
					if err := p.Sum(y); err != nil || y[0] != want || y[1] != float32(size*(size-1)/2) {
						t.Errorf("rank %d of %d: %v, %v", rank, size, y, err)
					}
				}
				s, err := p.SumScalars([]float64{float64(rank)})
				if err != nil || s[0] != float64(size*(size-1)/2) {
					t.Errorf("rank %d of %d: %v, %v", rank, size, s, err)
				}
			})
		}
		all.Wait()
	}
	peers := localPeers(3)
	waits := make(chan error)
	for _, p := range peers[:2] {
		go func() { waits <- p.Sum([]float32{1}) }()
	}
	peers[2].Leave(errTest)
	for range 2 {
		if err := <-waits; !errors.Is(err, errTest) || err.Error() != "rank 2 has stopped: a test's own error" {
			t.Errorf("error is %v", err)
		}
	}
	if _, err := peers[0].SumScalars(nil); !errors.Is(err, errTest) {
		t.Errorf("after that, error is %v", err)
	}
	peers = localPeers(2)
	go func() { _, err := peers[1].SumScalars([]float64{1}); waits <- err }()
	if err, other := peers[0].Sum([]float32{1}), <-waits; err == nil || other == nil {
		t.Errorf("different sums: %v, %v", err, other)
	}
}
