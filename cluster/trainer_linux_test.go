//go:build (amd64 || arm64) && !nompi

package cluster

import (
	"context"
	"math"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/train"
)

// fitLine is a task that fits w·x to 2x. On one rank, an x of the third update is NaN.
type fitLine struct {
	updates int
	bad     int // the rank with the NaN
}

func (*fitLine) Shape() []int { return []int{4, 1} }

func (*fitLine) Declare(s *graph.Scope, shape []int) (*gorgonia.Node, map[string]*gorgonia.Node) {
	w := s.At("line").Param("w", graph.Zeros(), 1, 1)
	y := s.Node(gorgonia.Mul(s.Floats("x", shape...), w)) // (4, 1)
	wrong := s.Node(gorgonia.Sub(y, s.Floats("y", shape...)))
	return s.Node(gorgonia.Mean(s.Node(gorgonia.Square(wrong)))), nil
}

func (l *fitLine) Update(_ context.Context, rank, ranks int) ([]train.Batch, error) {
	l.updates++
	x, y := make([]float32, 4), make([]float32, 4)
	for i := range x {
		x[i] = float32(1 + i + rank)
		y[i] = 2 * x[i]
	}
	if rank == l.bad && l.updates == 3 {
		x[1] = float32(math.NaN())
	}
	return []train.Batch{{Shape: l.Shape(), Targets: 4, Tokens: 4, Place: uint64(rank), Places: uint64(ranks), Feed: func(p *graph.Program, total int) (float64, error) {
		if err := p.SetFloats("x", x); err != nil {
			return 0, err
		}
		return 4 / float64(total), p.SetFloats("y", y)
	}}}, nil
}

func (l *fitLine) State() ([]byte, error) { return []byte{byte(l.updates)}, nil }

func (l *fitLine) Restore(state []byte) error {
	l.updates = int(state[0])
	return nil
}

// trainLine is what each rank does to fit a line.
func trainLine(w *World, bad int) error {
	t := &train.Trainer{
		Task: &fitLine{bad: bad}, Params: graph.NewParams(1), Solver: train.NewAdamW(), Schedule: train.Constant(0.1, 0),
		Steps: 5, Peers: w, Tree: true,
	}
	return t.Run(context.Background())
}

// TestNaN: a loss that is not finite on one rank ends all ranks, before a weight has changed, with an
// error that names the rank.
func TestNaN(t *testing.T) {
	for _, l := range installed {
		t.Run(l.family, func(t *testing.T) {
			if j := l.start(t, 3, 0, "-train", "-1"); j.status != 0 || !strings.Contains(j.out, "done\n") {
				t.Errorf("status %d:\n%s", j.status, j.out)
			}
			j := l.start(t, 3, 0, "-train", "1")
			if j.status == 0 || strings.Contains(j.out, "done\n") {
				t.Errorf("status %d:\n%s", j.status, j.out)
			}
			for _, want := range []string{"train: step 3: the loss is NaN; no weight was changed", "train: step 3: rank 1 of 3 has a loss that is not finite; see its error message"} {
				if !strings.Contains(j.out, want) {
					t.Errorf("want …%s…:\n%s", want, j.out)
				}
			}
		})
	}
}
