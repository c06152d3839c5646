package cli

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/models"
)

// decodeResult is what bench --decode measures. Times are in seconds, rates in 1e9 a second.
type decodeResult struct {
	Model      string  `json:"model"`
	Batch      int     `json:"batch"`
	Prompt     int     `json:"prompt"` // tokens
	Parameters int64   `json:"parameters"`
	Tokens     float64 `json:"tokens_per_s"` // of all sequences
	Step       float64 `json:"step_seconds"` // median, for a token of each sequence
	Bytes      int64   `json:"bytes_per_token"`
	Read       float64 `json:"read_gbps"` // of weights, by decoding
	Limit      float64 `json:"limit_gbps"`
	Share      float64 `json:"share"`    // Read / Limit; 0 if InCache
	InCache    bool    `json:"in_cache"` // the weights are read faster than memory gives them
	Prefill    float64 `json:"prefill_seconds"`
	Rate       float64 `json:"prefill_gflops"`
	SgemmRate  float64 `json:"sgemm_gflops"`
	Memory     int64   `json:"memory_bytes"` // keys and values
	Peak       int64   `json:"peak_bytes"`
	Garbage    int64   `json:"allocated_bytes_per_step"`
	Threads    int     `json:"threads"`
	ISA        string  `json:"isa"`
}

// benchDecode measures generation with random weights: a prompt, then steps tokens.
func benchDecode(ctx context.Context, m models.Model, batch, prompt, steps int) (*decodeResult, error) {
	if err := enoughToGenerate(fmt.Sprintf("--batch %d", batch), m, batch); err != nil {
		return nil, err
	}
	d := m.Dims()
	params := graph.NewParams(1)
	g := generate.New(m, params, d.Context)
	defer g.Close()
	prompts := make([][]int, batch)
	for b := range prompts {
		for i := range prompt {
			prompts[b] = append(prompts[b], (b*7919+i*104729)%d.Vocab)
		}
	}
	// Twice, as the first draws the weights and makes the buffers.
	var took []float64
	var prefill float64
	var before, after runtime.MemStats
	for range 2 {
		took = took[:0]
		start := time.Now()
		count := 0
		for _, err := range g.Batch(ctx, prompts, steps+1, generate.Options{}) {
			if err != nil {
				return nil, err
			}
			if count++; count%batch != 0 {
				continue
			}
			now := time.Now()
			if count == batch {
				prefill = now.Sub(start).Seconds()
				runtime.ReadMemStats(&before)
				now = time.Now()
			} else {
				took = append(took, now.Sub(start).Seconds())
			}
			start = now
		}
	}
	runtime.ReadMemStats(&after)
	slices.Sort(took)
	memory, err := g.MemoryBytes(batch)
	if err != nil {
		return nil, err
	}
	r := &decodeResult{
		Batch: batch, Prompt: prompt, Parameters: params.Count(), Step: took[len(took)/2], Prefill: prefill, Memory: memory,
		Peak: peakBytes(), Garbage: int64(after.TotalAlloc-before.TotalAlloc) / int64(steps), Threads: runtime.GOMAXPROCS(0), ISA: kernel.ISA(),
	}
	r.Tokens = float64(batch) / r.Step
	// All weights but the positions, of which a token takes one row.
	r.Bytes = 4 * (params.Count() - int64(d.Context*d.Width))
	r.Read = float64(r.Bytes) / r.Step / 1e9
	r.Limit = readRate()
	r.setShare()
	// The products of linear layers, and attention's two, of which the mask leaves half; the
	// head runs for one position only.
	body := params.Count() - int64((d.Vocab+d.Context)*d.Width)
	flops := 2*float64(body)*float64(batch*prompt) + 2*float64(batch*d.Layers*d.Width)*float64(prompt)*float64(prompt)
	r.Rate = flops / prefill / 1e9
	r.SgemmRate = sgemmRate(max(batch*prompt, 64), d.Width)
	return r, nil
}

// setShare compares what is read with what memory gives. More than that comes from caches,
// which hold the weights of small models, and is no share of it.
func (r *decodeResult) setShare() {
	r.InCache, r.Share = r.Read > r.Limit, r.Read/r.Limit
	if r.InCache {
		r.Share = 0
	}
}

// readRate is how fast all threads together read memory that no cache holds: third-level caches of
// servers have up to half a gigabyte. It is the best of several times by two loops: one stream after
// the other, and pairs of rows of 3 KB as GPT-2's head has them, which Sapphire Rapids reads fastest.
func readRate() float64 {
	const width, rows = 768, 1 << 28 / 768 // 1 GB
	x := kernel.Floats(rows * width)
	for i := range x {
		x[i] = 1
	}
	row, products := make([]float32, width), make([]float32, rows)
	best := 0.0
	for _, read := range []func(){
		func() { kernel.SumSquares(x) },
		func() { kernel.Gemm(false, true, 1, rows, width, 1, row, width, x, width, 0, products, rows) },
	} {
		for range 6 {
			start := time.Now()
			read()
			best = max(best, float64(4*len(x))/time.Since(start).Seconds()/1e9)
		}
	}
	return best
}

// write prints the result for people.
func (r *decodeResult) write(out io.Writer) error {
	fmt.Fprintf(out, "%s, %s, a prompt of %d, %s, %s\n\n", r.Model, plural.Of(r.Batch, "sequence"), r.Prompt, plural.Of(r.Threads, "thread"), r.ISA)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "tokens\t%.4g a second\ta step of %d takes %.4g s\n", r.Tokens, r.Batch, r.Step)
	share := fmt.Sprintf("%.0f %% of the %.4g GB/s that memory gives", 100*r.Share, r.Limit)
	if r.InCache {
		share = fmt.Sprintf("in cache: memory gives %.4g GB/s", r.Limit)
	}
	fmt.Fprintf(w, "weights\t%.4g GB/s read\t%s\n", r.Read, share)
	fmt.Fprintf(w, "prompt\t%.4g s\t%.4g GFLOP/s, %.0f %% of the matrix product's %.4g\n", r.Prefill, r.Rate, 100*r.Rate/r.SgemmRate, r.SgemmRate)
	fmt.Fprintf(w, "memory\t%.4g MB of keys and values\t%.4g MB in all at the peak; %.3g kB allocated a step\n", float64(r.Memory)/1e6, float64(r.Peak)/1e6, float64(r.Garbage)/1e3)
	return w.Flush()
}
