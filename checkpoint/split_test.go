package checkpoint_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/localranks"
	"github.com/gorgpt/gorgpt/models"
)

// TestSplit: a model that is split over ranks is saved byte for byte as one process saves it, in every file
// format, and each rank reads back its part. Only one gathered tensor is in memory at a time.
func TestSplit(t *testing.T) {
	for _, name := range []string{"gpt2-nano", "llama-nano", "mixtral-nano", "gptoss-nano"} {
		found, err := models.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		m := models.WithDims(found, models.Dims{Vocab: 11, Context: 6, Width: 32, Layers: 1, Heads: 8})
		config, err := models.JSON(m)
		if err != nil {
			t.Fatal(err)
		}
		whole, dir := graph.NewParams(3), t.TempDir()
		if err := models.Declare(m, whole); err != nil {
			t.Fatal(err)
		}
		contents := func(params *graph.Params) checkpoint.Contents {
			c := checkpoint.Contents{Config: config, Params: params}
			for _, p := range params.All() {
				c.Optimizer = append(c.Optimizer, checkpoint.Tensor{Name: p.Name() + ".exp_avg", Shape: p.Shape(), Data: p.Data()})
			}
			c.Optimizer = checkpoint.Gathered(params, c.Optimizer)
			return c
		}
		if err := checkpoint.Save(filepath.Join(dir, "one"), contents(whole)); err != nil {
			t.Fatal(err)
		}
		inRanks(t, 2, func(r *localranks.Rank) error {
			params, back := graph.NewParams(3), graph.NewParams(4)
			for _, ps := range []*graph.Params{params, back} {
				if err := ps.Split(r); err != nil {
					return err
				}
				if err := models.Declare(m, ps); err != nil {
					return err
				}
			}
			var err error
			if c := contents(params); r.Rank() == 0 {
				err = checkpoint.Save(filepath.Join(dir, "two"), c)
			} else {
				err = checkpoint.Follow(c)
			}
			if err != nil {
				return err
			}
			d, err := checkpoint.Open(filepath.Join(dir, "one"))
			if err != nil {
				return err
			}
			if err := d.Params(back); err != nil {
				return err
			}
			for _, p := range params.All() {
				if !slices.Equal(back.Get(p.Name()).Data(), p.Data()) {
					return fmt.Errorf("%s is read otherwise than it began", p.Name())
				}
			}
			return nil
		})
		for _, file := range []string{"model.safetensors", "optimizer.safetensors", "config.json"} {
			got, err := os.ReadFile(filepath.Join(dir, "two", file))
			if want, _ := os.ReadFile(filepath.Join(dir, "one", file)); err != nil || !bytes.Equal(got, want) || len(want) == 0 {
				t.Errorf("%s: %s of two ranks is another: %v", name, file, err)
			}
		}
	}
}

// inRanks runs do on each of size ranks.
func inRanks(t *testing.T, size int, do func(r *localranks.Rank) error) {
	t.Helper()
	errs := make([]error, size)
	var wait sync.WaitGroup
	for i, r := range localranks.New(size) {
		wait.Go(func() {
			if errs[i] = do(r); errs[i] != nil {
				r.Leave(errs[i])
			}
		})
	}
	wait.Wait()
	for i, err := range errs {
		if err != nil {
			t.Fatalf("rank %d: %v", i, err)
		}
	}
}
