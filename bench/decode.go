package bench

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
	"github.com/gorgpt/gorgpt/memory"
	"github.com/gorgpt/gorgpt/models"
)

// Decoding is what [Decode] measures. Times are in seconds, rates in 1e9 per second.
type Decoding struct {
	Model      string  `json:"model"` // for the caller to set
	Batch      int     `json:"batch"`
	Prompt     int     `json:"prompt"` // tokens
	Parameters int64   `json:"parameters"`
	Tokens     float64 `json:"tokens_per_s"` // of all sequences
	Step       float64 `json:"step_seconds"` // median, for a token of each sequence
	Bytes      int64   `json:"bytes_per_token"`
	Read       float64 `json:"read_gbps"` // of weights, while decoding
	Limit      float64 `json:"limit_gbps"`
	Share      float64 `json:"share"`    // Read / Limit; 0 if InCache
	InCache    bool    `json:"in_cache"` // the weights are read faster than memory can deliver them
	Prefill    float64 `json:"prefill_seconds"`
	Rate       float64 `json:"prefill_gflops"`
	SgemmRate  float64 `json:"sgemm_gflops"`
	Memory     int64   `json:"memory_bytes"` // keys and values
	Peak       int64   `json:"peak_bytes"`
	Garbage    int64   `json:"allocated_bytes_per_step"`
	Threads    int     `json:"threads"`
	ISA        string  `json:"isa"`
}

// Decode measures generation with random weights: for each of a batch of sequences, a prompt of the
// given number of tokens, and then steps tokens.
func Decode(ctx context.Context, m models.Model, batch, prompt, steps int) (*Decoding, error) {
	return DecodeWith(ctx, m, graph.NewParams(1), batch, prompt, steps)
}

// DecodeWith is Decode with existing weights, which may be quantized: what a token reads of them
// counts as stored.
func DecodeWith(ctx context.Context, m models.Model, params *graph.Params, batch, prompt, steps int) (*Decoding, error) {
	if batch < 1 || prompt < 1 || steps < 1 {
		return nil, fmt.Errorf("bench: %d sequences, prompts of %d tokens and %d steps; want 1 or more of each", batch, prompt, steps)
	}
	if err := memory.CheckGeneration(fmt.Sprintf("--batch %d", batch), m, batch); err != nil {
		return nil, err
	}
	d := models.DimsOf(m)
	g := generate.New(models.Graphs(m), params, d.Context)
	defer g.Close()
	took, prefill, garbage, err := decode(ctx, g, prompts(d.Vocab, batch, prompt), steps)
	if err != nil {
		return nil, err
	}
	slices.Sort(took)
	kept, err := g.MemoryBytes(batch)
	if err != nil {
		return nil, err
	}
	r := &Decoding{
		Batch: batch, Prompt: prompt, Parameters: params.Count(), Step: took[len(took)/2], Prefill: prefill, Memory: kept,
		Peak: memory.Peak(), Garbage: garbage, Threads: runtime.GOMAXPROCS(0), ISA: kernel.ISA(),
	}
	r.Tokens = float64(batch) / r.Step
	cost, err := models.CostOf(m)
	if err != nil {
		return nil, err
	}
	r.Bytes = cost.WeightsOf(params)
	r.Read = float64(r.Bytes) / r.Step / 1e9
	r.Limit = readRate()
	r.setShare()
	s := graph.New(params)
	p, err := s.Compile(models.LogitsAt(m, s, s.Ints("tokens", batch, prompt), s.Ints("rows", batch)))
	if err != nil {
		return nil, err
	}
	defer p.Close()
	r.Rate = models.FLOPs(p) / prefill / 1e9
	r.SgemmRate = GemmRate(max(batch*prompt, 64), d.Width)
	return r, nil
}

// prompts returns arbitrary tokens.
func prompts(vocab, batch, length int) [][]int {
	all := make([][]int, batch)
	for b := range all {
		for i := range length {
			all[b] = append(all[b], (b*7919+i*104729)%vocab)
		}
	}
	return all
}

// decode generates twice, since the first time initializes the weights and allocates buffers. It
// returns the seconds of each step after the prompts, the seconds of the prompts, and the bytes
// allocated per step.
func decode(ctx context.Context, g *generate.Generator, prompts [][]int, steps int) (took []float64, prefill float64, garbage int64, err error) {
	var before, after runtime.MemStats
	batch := len(prompts)
	for range 2 {
		took = took[:0]
		start := time.Now()
		count := 0
		for _, err := range g.Batch(ctx, prompts, steps+1, generate.Options{}) {
			if err != nil {
				return nil, 0, 0, err
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
	return took, prefill, int64(after.TotalAlloc-before.TotalAlloc) / int64(steps), nil
}

// setShare compares the rate at which weights are read with that of memory. A higher rate comes
// from caches, which hold the weights of small models, and is not a share of memory's.
func (r *Decoding) setShare() {
	r.InCache, r.Share = r.Read > r.Limit, r.Read/r.Limit
	if r.InCache {
		r.Share = 0
	}
}

// Print prints the result for people to read.
func (r *Decoding) Print(out io.Writer) error {
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
