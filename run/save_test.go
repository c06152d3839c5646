package run

import (
	"math"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/train"
)

// TestSavesFinite: weights that are not finite, which could not be loaded again, do not replace
// the previous checkpoint.
func TestSavesFinite(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", strings.Repeat("1 was fun, 2 was dull\n", 100))
	r := Defaults()
	r.Data, r.Tokenizer, r.Layers, r.Heads, r.Width = "text.txt", "bytes", 1, 2, 32
	r.Context, r.Batch, r.Steps, r.EvalBatches, r.SaveEvery = 32, 4, 6, 1, 1
	job, err := Create(r, "run", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer job.Close()
	job.Trainer.Hooks = append(job.Trainer.Hooks, train.HookFunc(func(u *train.Update) error {
		if u.Step == 3 {
			u.Model[0].(*graph.Param).Data()[5] = float32(math.Inf(1))
		}
		return nil
	}))
	const want = "train: saving step 4: wte.weight: element 5 is +Inf, want a finite number; the previous checkpoint is kept"
	if err := job.Train(t.Context()); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	l, err := checkpoint.Load(job.Dir.Latest())
	if err != nil {
		t.Fatal(err)
	}
	if step, saved := job.Saved(); step != 4 || saved || !strings.HasSuffix(l.Path, "step-000003") {
		t.Errorf("step %d, saved %v, the latest is %s", step, saved, l.Path)
	}
}
