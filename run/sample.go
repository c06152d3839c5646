package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"

	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/internal/legible"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// Finish generates a sample from the trained model, and adds it to the run's samples if the run is
// complete: otherwise the run is to be resumed, and sampled then.
func (r *Run) Finish(ctx context.Context) (string, error) {
	text, err := r.Sample(ctx)
	if stop := r.Trainer.StopAfter; err != nil || stop > 0 && stop < r.Recipe.Steps {
		return text, err
	}
	return text, r.writeSample(r.Recipe.Steps, text)
}

// addSample adds a sample during a run.
func (r *Run) addSample(step int) error {
	text, err := r.Sample(context.Background())
	if err != nil {
		return err
	}
	return r.writeSample(step, text)
}

// Sample generates a short text with the current model.
func (r *Run) Sample(ctx context.Context) (string, error) {
	if err := r.Trainer.Average(); err != nil {
		return "", err
	}
	if r.within != nil {
		ctx = context.WithoutCancel(ctx) // either all ranks sample, or none
	}
	runtime.GC() // frees memory left by training for keys and values
	g := generate.New(models.Graphs(r.Model), r.Params, models.DimsOf(r.Model).Context)
	g.Vocab, g.Vacant = r.Tokenizer.Size(), tokenizer.Vacant(r.Tokenizer)
	defer g.Close()
	o := generate.Options{Temperature: 0.9, TopK: 200, Seed: r.Recipe.Seed} // at lower settings, a briefly trained model falls into loops
	if id, ok := r.Tokenizer.EndOfText(); ok {
		o.Stop = []int{id}
	}
	ids, err := g.Generate(ctx, tokenizer.EmptyPrompt(r.Tokenizer), 300, o)
	if err != nil {
		return "", err
	}
	if n := len(ids); n > 0 && slices.Contains(o.Stop, ids[n-1]) {
		ids = ids[:n-1]
	}
	text, err := tokenizer.Text(r.Tokenizer, ids)
	return legible.Text(string(text)), err
}

// writeSample adds a sample to samples.txt.
func (r *Run) writeSample(step int, sample string) error {
	f, err := os.OpenFile(r.Dir.SamplesPath(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, sampleHead+"\n%s\n", step, sample)
	return errors.Join(err, f.Close())
}

// sampleHead is the line above a sample.
const sampleHead = "--- step %d"

// cutSamples removes the samples after a step, which a run resumed there writes again.
func cutSamples(path string, step int) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	kept := 0
	for line := range bytes.Lines(text) {
		var n int
		if k, _ := fmt.Sscanf(string(line), sampleHead, &n); k == 1 && n > step {
			return os.Truncate(path, int64(kept))
		}
		kept += len(line)
	}
	return nil
}
