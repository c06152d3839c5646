package models_test

import (
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
)

// TestNoHeads: in every family, a configuration without heads is an error of the graph, not a panic.
func TestNoHeads(t *testing.T) {
	for _, name := range []string{"gpt1-nano", "gpt2-nano", "gpt3-nano", "llama-nano", "mixtral-nano", "gptoss-nano", "nanochat-nano"} {
		m, err := models.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		d := models.DimsOf(m)
		d.Heads = 0
		if err := models.Declare(models.WithDims(m, d), graph.NewParams(1)); err == nil {
			t.Errorf("%s: no error", name)
		}
		if v, ok := models.WithDims(m, d).(interface{ Validate() error }); ok && v.Validate() == nil && name != "gpt1-nano" && !strings.HasPrefix(name, "gpt2") && !strings.HasPrefix(name, "gpt3") { // whose Validate is not about sizes
			t.Errorf("%s: Validate returns no error", name)
		}
	}
	m, err := models.Find("gpt-oss-20b")
	if err != nil {
		t.Fatal(err)
	}
	d := models.DimsOf(m)
	d.Layers += 2 // more layers than the published configuration lists types for
	if err := models.Declare(models.WithDims(m, d), graph.NewParams(1)); err != nil {
		t.Error(err)
	}
}
