package train

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/localranks"
	"github.com/gorgpt/gorgpt/ops"
)

// tolSplit bounds the difference of weights after 12 updates whose sums are taken in a different order,
// relative to the largest element of a tensor; 4e-6 was measured.
const tolSplit = 1e-5

// splitModel is a model that can be split over ranks, by tokens, columns and rows.
type splitModel struct{}

func (splitModel) Loss(s *graph.Scope, tokens, targets *gorgonia.Node) *gorgonia.Node {
	const width, inner = 4, 8
	table := s.CutParam("embed", graph.Normal(0.5), graph.Cut(0, toyVocab), toyVocab, width)
	x := ops.Dropout(s, ops.Embed(s, tokens, table), 0.1)
	h := ops.Linear(s, ops.Enter(s, x), s.CutParam("up", graph.Normal(0.5), graph.Cut(1, inner), width, inner), s.CutParam("bias", graph.Zeros(), graph.Cut(0, inner), inner))
	h = ops.Dropout(s.At("inner"), ops.GELU(s, h), 0.1)
	x = ops.Add(s, x, ops.Linear(s, h, s.CutParam("down", graph.Normal(0.5), graph.Cut(0, inner), inner, width), s.Param("shift", graph.Zeros(), width)))
	return ops.LinearCrossEntropy(s, x, table, targets)
}

// newSplit returns a trainer of a splitModel with a guard.
func newSplit(solver func() *Optimizer) *Trainer {
	tr, _ := newToyRank(4, false)
	lm(tr).Model = splitModel{}
	tr.Observers, tr.Guard = nil, Guard{Deviations: 1, Window: 3}
	if solver != nil {
		tr.Solver = solver()
	}
	return tr
}

// grid returns trainers for across models, each of which is split over within ranks; the models share the data.
func grid(t *testing.T, across, within int, solver func() *Optimizer) (all []*Trainer) {
	t.Helper()
	peers := make([][]Peers, within)
	for i := range peers {
		peers[i] = localPeers(across)
	}
	for a := range across {
		for i, r := range localranks.New(within) {
			tr := newSplit(solver)
			if err := tr.Params.Split(r); err != nil {
				t.Fatal(err)
			}
			if across > 1 {
				tr.Peers = peers[i][a]
			}
			all = append(all, tr)
		}
	}
	return all
}

// wholeWeights returns the whole weights of a split model, gathered from the given ranks.
func wholeWeights(t *testing.T, trainers []*Trainer) map[string][]float32 {
	t.Helper()
	whole := make(map[string][]float32)
	put := make(chan error, len(trainers))
	for i, tr := range trainers {
		go func() {
			var err error
			for _, p := range tr.Params.All() {
				x, e := p.Gather(p.Data())
				if i == 0 {
					whole[p.Name()] = x
				}
				if err == nil {
					err = e
				}
			}
			put <- err
		}()
	}
	for range trainers {
		if err := <-put; err != nil {
			t.Fatal(err)
		}
	}
	return whole
}

func compareWeights(t *testing.T, name string, got, want map[string][]float32) {
	t.Helper()
	for p, w := range want {
		largest, off := 0.0, 0.0
		for i, x := range w {
			largest, off = max(largest, math.Abs(float64(x))), max(off, math.Abs(float64(x-got[p][i])))
		}
		if len(got[p]) != len(w) || !(off <= tolSplit*largest) {
			t.Errorf("%s: %s is off by %.1e of %.1e", name, p, off, largest)
		}
	}
}

// TestSplitEqualsOneProcess: a model that is split over ranks, with data shared among ranks too, is trained
// to the same result as by one process: with clipping, dropout, a guard, decay, elementwise and matrix rules,
// averages, and sharded moments. Losses, norms and skipped updates are the same on all ranks.
func TestSplitEqualsOneProcess(t *testing.T) {
	solvers := map[string]func() *Optimizer{
		"adamw": func() *Optimizer { o := NewAdamW(); o.Decay, o.Clip = 0.1, 0.5; return o },
		"muon":  func() *Optimizer { o := NewMuon("up", "down"); o.Groups[0].Rate = new(0.5); return o },
		"ema": func() *Optimizer {
			return &Optimizer{Rule: EMA{Rule: Lion{Beta1: 0.9, Beta2: 0.99}, Decay: 0.9}, Clip: 1}
		},
	}
	for name, solver := range solvers {
		one := newSplit(solver)
		steps := &recorder{}
		one.Observers = []Observer{steps}
		mustRun(t, one)
		want := weights(one.Params)
		for _, size := range [][2]int{{1, 2}, {1, 4}, {2, 2}} {
			name := fmt.Sprintf("%s, %d × %d ranks", name, size[0], size[1])
			ranks := grid(t, size[0], size[1], solver)
			recorders := make([]recorder, len(ranks))
			for i, tr := range ranks {
				tr.Observers = []Observer{&recorders[i]}
				tr.ShardSolver = size[0] > 1 && !strings.HasPrefix(name, "ema")
			}
			for i, err := range runRanks(t, ranks) {
				if err != nil {
					t.Fatalf("%s: rank %d: %v", name, i, err)
				}
			}
			for i := range ranks {
				if told := len(recorders[i].steps); told != 12 && i < size[1] || told > 0 && i >= size[1] {
					t.Errorf("%s: rank %d is told of %d steps", name, i, told)
				}
				for n, s := range recorders[i].steps {
					first, w := recorders[0].steps[n], steps.steps[n]
					if s.Loss != first.Loss || s.GradNorm != first.GradNorm || s.Skipped != w.Skipped {
						t.Errorf("%s: rank %d, step %d: %+v, want %+v", name, i, n+1, s, first)
					}
					if math.Abs(s.Loss-w.Loss) > tolSplit*w.Loss || math.Abs(s.GradNorm-w.GradNorm) > 10*tolSplit*w.GradNorm {
						t.Errorf("%s: step %d: loss %v, norm %v; want %v, %v", name, n+1, s.Loss, s.GradNorm, w.Loss, w.GradNorm)
					}
				}
			}
			compareWeights(t, name, wholeWeights(t, ranks[:size[1]]), want)
		}
	}
}

// TestSplitStopsTogether: if one rank is told to stop, fails, or has a weight that is not finite, all
// ranks end at the same step.
func TestSplitStopsTogether(t *testing.T) {
	for _, size := range [][2]int{{1, 2}, {2, 2}} {
		for what, change := range map[string]func(tr *Trainer, stop context.CancelFunc){
			"stopped after step 6": func(tr *Trainer, stop context.CancelFunc) {
				tr.Hooks = append(tr.Hooks, HookFunc(func(u *Update) error {
					if u.Step == 5 {
						stop()
					}
					return nil
				}))
			},
			"failed": func(tr *Trainer, _ context.CancelFunc) { lm(tr).Train = &breakingAfter{lm(tr).Train.(*toyStream), 40} },
			"not finite": func(tr *Trainer, _ context.CancelFunc) {
				tr.Hooks = append(tr.Hooks, HookFunc(func(u *Update) error {
					if u.Step == 5 {
						tr.Params.Get("up").Data()[3] = float32(math.NaN())
					}
					return nil
				}))
			},
		} {
			ranks := grid(t, size[0], size[1], nil)
			ctx, stop := context.WithCancel(t.Context())
			change(ranks[1], stop)
			for i, tr := range ranks { // a hook makes its rank measure the norm again, which all ranks must do together
				if len(ranks[1].Hooks) > 0 && i != 1 {
					tr.Hooks = append(tr.Hooks, HookFunc(func(*Update) error { return nil }))
				}
			}
			errs := make(chan error, len(ranks))
			for i, tr := range ranks {
				go func() {
					mine := t.Context()
					if i == 1 {
						mine = ctx
					}
					errs <- tr.Run(mine)
				}()
			}
			for range ranks {
				if err := <-errs; err == nil {
					t.Errorf("%v, %s: a rank goes on to the end", size, what)
				}
			}
			stop()
			for i, tr := range ranks {
				if got := tr.at.Step; got != ranks[0].at.Step || got == 12 {
					t.Errorf("%v, %s: rank %d ends at step %d, the first at %d", size, what, i, got, ranks[0].at.Step)
				}
			}
		}
	}
}

// TestSplitDiffers: if a setting differs between ranks that hold a model together, this is found before the first step.
func TestSplitDiffers(t *testing.T) {
	for want, change := range map[string]func(tr *Trainer){
		`rank 1 of 2 differs from rank 0 in its setting: "b", not "a"`: func(tr *Trainer) { tr.Settings = "b" },
		`rank 1 of 2 differs from rank 0 in its seed: "4", not "3"`:    func(tr *Trainer) { tr.Seed = 4 },
		`rank 1 of 2 differs from rank 0 in its weights`: func(tr *Trainer) {
			if _, err := tr.Params.Declare("shift", graph.Zeros(), 4); err != nil {
				t.Error(err)
			}
			tr.Params.Get("shift").Data()[0] = 1
		},
	} {
		ranks := grid(t, 1, 2, nil)
		for _, tr := range ranks {
			tr.Settings = "a"
		}
		change(ranks[1])
		found := false
		for _, err := range runRanks(t, ranks) {
			if err == nil {
				t.Errorf("a rank trains; want %s", want)
				continue
			}
			found = found || strings.Contains(err.Error(), want)
		}
		if !found {
			t.Errorf("no rank says %s", want)
		}
	}
}
