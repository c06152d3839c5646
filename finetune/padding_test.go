package finetune

import (
	"math"
	"testing"

	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
)

// TestExpertsPadding: what the routers of a model with experts add to a classifier's loss does not depend on the length of the
// program, nor on places of a batch that are empty.
func TestExpertsPadding(t *testing.T) {
	base, err := models.Find("mixtral-nano")
	if err != nil {
		t.Fatal(err)
	}
	c := Classifier{Base: base, Kind: tasks.Classification, Outputs: 2}
	params := graph.NewParams(3)
	if err := c.Declare(params); err != nil {
		t.Fatal(err)
	}
	example := Example{Sequences: [][]int{{5, 17, 3, 60, 42, 8, 1}}, Targets: []float32{0, 1}}
	losses := func(size, length int) (all []float64) {
		s := graph.New(params, graph.Training(), graph.WithoutDropout())
		loss, _ := c.loss(s, c.inputs(s, size, length))
		p, err := s.CompileGrad(loss)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		b := newBatch(c, size, length)
		b.fill([]Example{example}, 1)
		if err := b.set(p); err != nil {
			t.Fatal(err)
		}
		if err := p.RunGrad(1); err != nil {
			t.Fatal(err)
		}
		all = append(all, float64(p.Loss()))
		for _, l := range p.Losses() {
			all = append(all, float64(l.Value))
		}
		for _, r := range p.Reports() {
			for _, x := range r.Value {
				all = append(all, float64(x))
			}
		}
		return all
	}
	want := losses(1, 7)
	for _, shape := range [][2]int{{1, 24}, {2, 16}} {
		for i, got := range losses(shape[0], shape[1]) {
			if !(math.Abs(got-want[i]) <= 2e-6*max(1, math.Abs(want[i]))) {
				t.Errorf("batches of %v: number %d of losses and reports is %v, want %v", shape, i, got, want[i])
			}
		}
	}
}
