package checkpoint_test

import (
	"path/filepath"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
)

// BenchmarkLoad loads GPT-2 with 124M parameters, 498 MB of float32 that are in the system's page cache, once
// into newly allocated memory and once as a mapping. B/op counts allocations, not the page cache.
func BenchmarkLoad(b *testing.B) {
	m, err := models.Find("gpt2")
	if err != nil {
		b.Fatal(err)
	}
	declare := func() *graph.Params {
		s := graph.New(graph.NewParams(1))
		models.Logits(m, s, s.Ints("tokens", 1, 1))
		if err := s.Err(); err != nil {
			b.Fatal(err)
		}
		return s.Params()
	}
	ps := declare()
	for _, p := range ps.All() {
		if err := p.Fill(func([]float32) error { return nil }); err != nil { // zeros take as long to load as other numbers
			b.Fatal(err)
		}
	}
	dir := filepath.Join(b.TempDir(), "gpt2")
	if err := checkpoint.Save(dir, checkpoint.Contents{Config: []byte("{}"), Params: ps}); err != nil {
		b.Fatal(err)
	}
	d, err := checkpoint.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	for name, load := range map[string]func(*graph.Params, ...string) error{"read": d.Params, "mapped": d.MapParams} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(4 * ps.Count())
			b.ReportAllocs()
			for b.Loop() {
				if err := load(declare()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
