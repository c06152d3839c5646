package cli

import (
	"context"
	"fmt"
	"time"
)

// measure prints how fast tokens come.
func (w *generation) measure(ctx context.Context, prompt string) error {
	ids, err := w.encode(prompt)
	if err != nil {
		return err
	}
	prompts := make([][]int, w.samples)
	for i := range prompts {
		prompts[i] = ids
	}
	memory, err := w.generator.MemoryBytes(w.samples)
	if err != nil {
		return err
	}
	start := time.Now()
	var first time.Duration
	count := 0
	for token, err := range w.generator.Batch(ctx, prompts, w.tokens, w.options) {
		if err != nil {
			return err
		}
		if token.ID < 0 {
			continue
		}
		if count++; count == w.samples {
			first = time.Since(start)
		}
	}
	total := time.Since(start)
	rate := float64(count-w.samples) / (total - first).Seconds()
	_, err = fmt.Fprintf(w.out, "first token  %.4g s after a prompt of %d\nthen         %.4g tokens/s, %d at once\nmemory       %.4g MB of keys and values\n",
		first.Seconds(), len(ids), rate, w.samples, float64(memory)/1e6)
	return err
}
