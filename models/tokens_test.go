package models_test

import (
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
)

// TestTokensOfOneDimension: in every family, tokens without a batch dimension give an error that states
// both shapes, not a panic.
func TestTokensOfOneDimension(t *testing.T) {
	for _, name := range []string{"gpt1-nano", "gpt2-nano"} {
		m, err := models.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		s := graph.New(graph.NewParams(1))
		if _, err := s.Compile(models.Logits(m, s, s.Ints("tokens", 8))); err == nil || !strings.Contains(err.Error(), "tokens are (8); want (B, T)") {
			t.Errorf("%s: Compile: %v", name, err)
		}
		s = graph.New(graph.NewParams(1), graph.Training())
		if _, err := s.CompileGrad(models.Loss(m, s, s.Ints("tokens", 8), s.Ints("targets", 8))); err == nil || !strings.Contains(err.Error(), "tokens are (8); want (B, T)") {
			t.Errorf("%s: CompileGrad: %v", name, err)
		}
	}
}
