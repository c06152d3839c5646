package gpt2_test

import (
	"runtime"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
)

// published are the parameter counts of OpenAI's checkpoints and of the small
// models.
var published = map[string]int64{
	"gpt2":        124_439_808,
	"gpt2-medium": 354_823_168,
	"gpt2-large":  774_030_080,
	"gpt2-xl":     1_557_611_200,
	"gpt2-nano":   804_096,
	"gpt2-minute": 737_952,
}

// TestCount declares every size, differentiates it, and counts its parameters without allocating any weights.
func TestCount(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, size := range gpt2.Sizes() {
		t.Run(size.Name, func(t *testing.T) {
			c := size.Model.(gpt2.Config)
			if err := c.Validate(); err != nil {
				t.Fatal(err)
			}
			params := graph.NewParams(1)
			s := graph.New(params, graph.Training())
			if _, err := s.CompileGrad(models.Loss(c, s, s.Ints("tokens", 1, c.Context), s.Ints("targets", 1, c.Context))); err != nil {
				t.Fatal(err)
			}
			if got, want := params.Count(), published[size.Name]; got != want {
				t.Errorf("%d parameters, want %d", got, want)
			}
		})
	}
	runtime.ReadMemStats(&after)
	// The weights of these models would take 11 GB.
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 200<<20 {
		t.Errorf("declaring allocated %d MB", grown>>20)
	}
}
