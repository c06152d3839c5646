package lens_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/lens"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/ops"
)

// tolLogProb bounds the difference between programs of different lengths, which sum hundreds of float32 terms in
// different orders. The largest difference measured was 2e-6.
const tolLogProb = 2e-5

var text = []int{7, 1, 20, 33, 33, 60, 4, 12, 25, 6, 51}

// families returns small models of all families, and an edited one.
func families(t *testing.T) map[string]models.Model {
	t.Helper()
	all := make(map[string]models.Model)
	for _, name := range []string{"gpt1-nano", "gpt2-nano", "gpt3-nano", "gptoss-nano", "llama-nano", "mixtral-nano", "nanochat-nano"} {
		m, err := models.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = m
	}
	all["edited"] = models.Edit(all["gpt2-nano"], graph.Remove("h.0"), graph.Replace("h.1.ln_1", func(s *graph.Scope, x *G.Node) *G.Node {
		return layers.RMSNorm(s, x, layers.RMS{})
	}))
	all["rows"] = models.Edit(all["gpt2-nano"], graph.After("h.0.mlp", func(s *graph.Scope, x *G.Node) *G.Node {
		return ops.AddRow(s, x, ops.MeanRows(s, x, nil)) // which padding would change
	}))
	return all
}

// each runs a test on every family.
func each(t *testing.T, test func(t *testing.T, m models.Model, params *graph.Params, r *lens.Reader)) {
	all := families(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			params := graph.NewParams(3)
			r, err := lens.New(all[name], params)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			test(t, all[name], params, r)
		})
	}
}

// whole returns the log-probabilities (T, V) that the model's ordinary program computes for a text.
func whole(t *testing.T, m models.Model, params *graph.Params, ids []int) [][]float64 {
	t.Helper()
	s := graph.New(params)
	logits := models.Logits(m, s, s.Ints("tokens", 1, len(ids)))
	p, err := s.Compile(logits)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.SetInts("tokens", ids); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	var rows [][]float64
	for row := range slices.Chunk(p.Value(logits), models.DimsOf(m).Vocab) {
		sum := 0.0
		for _, z := range row {
			sum += math.Exp(float64(z))
		}
		var logProbs []float64
		for _, z := range row {
			logProbs = append(logProbs, float64(z)-math.Log(sum))
		}
		rows = append(rows, logProbs)
	}
	return rows
}

func TestScores(t *testing.T) {
	each(t, func(t *testing.T, m models.Model, params *graph.Params, r *lens.Reader) {
		want := whole(t, m, params, text)
		got, err := r.Scores(context.Background(), text, 4)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range got {
			order := make([]int, len(want[i]))
			entropy, rank := 0.0, 1
			for id, l := range want[i] {
				order[id] = id
				entropy -= l * math.Exp(l)
				if i+1 < len(text) && l > want[i][text[i+1]] {
					rank++
				}
			}
			slices.SortStableFunc(order, func(a, b int) int { return int(math.Copysign(1, want[i][b]-want[i][a])) })
			if len(s.Top) != 4 || math.Abs(s.Top[0].LogProb-want[i][order[0]]) > tolLogProb || math.Abs(s.Top[3].LogProb-want[i][order[3]]) > tolLogProb {
				t.Errorf("position %d: the best are %v, want %v…", i, s.Top, want[i][order[0]])
			}
			if math.Abs(s.Entropy-entropy) > tolLogProb {
				t.Errorf("position %d: entropy %v, want %v", i, s.Entropy, entropy)
			}
			if i+1 == len(text) {
				if !math.IsNaN(s.LogProb) || s.Rank != 0 {
					t.Errorf("the last position scores %v, rank %d; nothing follows", s.LogProb, s.Rank)
				}
			} else if math.Abs(s.LogProb-want[i][text[i+1]]) > tolLogProb || s.Rank != rank {
				t.Errorf("position %d: %v, rank %d; want %v, %d", i, s.LogProb, s.Rank, want[i][text[i+1]], rank)
			}
		}
		err = r.After(context.Background(), text[:5], func(logits []float32) {
			if len(logits) != len(want[4]) || math.Abs(float64(logits[3]-logits[2])-(want[4][3]-want[4][2])) > tolLogProb {
				t.Errorf("after 5 tokens: %v", logits[:4])
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// TestLogits: after the last block, the lens gives the model's own logits; earlier, it gives those of the model without
// the later blocks.
func TestLogits(t *testing.T) {
	each(t, func(t *testing.T, m models.Model, params *graph.Params, r *lens.Reader) {
		rows, err := r.Logits(context.Background(), text, 2, 6, 3)
		if err != nil {
			t.Fatal(err)
		}
		want := whole(t, m, params, text)
		for i, place := range r.Places() {
			last := i == len(rows)-1
			if place.Kind == lens.Block && i >= len(rows)-2 || last {
				for k, s := range rows[i] {
					if at := 2 + k; math.Abs(s.LogProb-want[at][text[at+1]]) > tolLogProb {
						t.Errorf("%v, position %d: %v, want %v", place, at, s.LogProb, want[at][text[at+1]])
					}
				}
			}
			if place.Path == "h.1" || place.Path == "layers.1" {
				pattern, _ := models.Blocks(m)
				early := whole(t, models.Edit(m, graph.Remove(strings.Replace(pattern, "*", "2", 1)), graph.Remove(strings.Replace(pattern, "*", "3", 1))), params, text)
				if got := rows[i][0].LogProb; math.Abs(got-early[2][text[3]]) > tolLogProb {
					t.Errorf("%v: %v, want %v of the model that ends there", place, got, early[2][text[3]])
				}
			}
		}
	})
}

func TestPlaces(t *testing.T) {
	for name, want := range map[string]string{
		"gpt1-nano":   "start:positions_embed sum:h.0.attn sum:h.0.mlp block:h.0 sum:h.1.attn sum:h.1.mlp block:h.1",
		"gpt2-nano":   "start:wpe sum:h.0.attn block:h.0 sum:h.1.attn block:h.1",
		"gptoss-nano": "start:embed_tokens sum:layers.0.self_attn block:layers.0 sum:layers.1.self_attn block:layers.1",
		"edited":      "start:wpe sum:h.1.attn block:h.1",
	} {
		r, err := lens.New(families(t)[name], graph.NewParams(1))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range r.Places() {
			got = append(got, string(p.Kind)+":"+p.Path)
		}
		if text := strings.Join(got, " "); !strings.HasPrefix(text, want) {
			t.Errorf("%s: %s\nwant %s…", name, text, want)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAttention(t *testing.T) {
	each(t, func(t *testing.T, m models.Model, params *graph.Params, r *lens.Reader) {
		if len(r.Layers()) == 0 {
			t.Fatal("no layer of attention")
		}
		rows, err := r.Reads(context.Background(), text, 6)
		if err != nil {
			t.Fatal(err)
		}
		for l := range r.Layers() {
			got, err := r.Attention(context.Background(), text, l, l+1)
			if err != nil {
				t.Fatal(err)
			}
			layer := l
			if len(r.Layers()) == 3 {
				layer++ // the first block was removed
			}
			want, err := models.AttentionMaps(m, params, text, layer)
			if err != nil {
				t.Fatal(err)
			}
			for h := range want {
				for i, w := range want[h] {
					if math.Abs(float64(got[0].Head(h)[i]-w)) > tolLogProb {
						t.Fatalf("layer %d, head %d, element %d: %v, want %v", l, h, i, got[0].Head(h)[i], w)
					}
				}
				for i, w := range want[h][6*len(text) : 7*len(text)] {
					if math.Abs(float64(rows[l][h*len(text)+i]-w)) > tolLogProb {
						t.Fatalf("layer %d, head %d reads %v of token %d, want %v", l, h, rows[l][h*len(text)+i], i, w)
					}
				}
			}
		}
	})
}

// TestValues: the values are those of a program that has the nodes as outputs.
func TestValues(t *testing.T) {
	each(t, func(t *testing.T, m models.Model, params *graph.Params, r *lens.Reader) {
		got, err := r.Values(context.Background(), text)
		if err != nil {
			t.Fatal(err)
		}
		s, err := r.Declare(len(text))
		if err != nil {
			t.Fatal(err)
		}
		var outs []*G.Node
		var ids []int
		for id, n := range s.Nodes() {
			if _, seen := got[id]; seen && !strings.Contains(n.Op, ".") {
				outs, ids = append(outs, s.NodeOf(id)), append(ids, id)
			}
		}
		if len(ids) < 20 {
			t.Fatalf("values of %d nodes only", len(ids))
		}
		p, err := s.Compile(outs...)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if err := p.SetInts("tokens", text); err != nil {
			t.Fatal(err)
		}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		for i, out := range outs {
			if want := lens.Spread(p.Value(out)); got[ids[i]] != want {
				t.Errorf("node %d, %v: %v, want %v", ids[i], out, got[ids[i]], want)
			}
		}
	})
}

func TestNorms(t *testing.T) {
	each(t, func(t *testing.T, m models.Model, params *graph.Params, r *lens.Reader) {
		norms, updates, err := r.Norms(context.Background(), text)
		if err != nil {
			t.Fatal(err)
		}
		if len(norms) != len(r.Places()) || len(updates) != len(norms) || len(norms[0]) != len(text) {
			t.Fatalf("%d places, %d tokens", len(norms), len(norms[0]))
		}
		if norms[0][3] == 0 {
			t.Error("the embedding is 0")
		}
		for i := 1; i < len(norms); i++ { // the triangle inequality
			if d := math.Abs(norms[i][3] - norms[i-1][3]); d > updates[i][3]*1.0001+1e-6 {
				t.Errorf("place %d: the norm changes by %v, the update's is %v", i, d, updates[i][3])
			}
		}
	})
}

// TestRoutes: a token is sent to the experts that score highest.
func TestRoutes(t *testing.T) {
	each(t, func(t *testing.T, m models.Model, params *graph.Params, r *lens.Reader) {
		all, err := r.Routes(context.Background(), text)
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		if name := t.Name(); strings.Contains(name, "gptoss") || strings.Contains(name, "mixtral") {
			want = 4
		}
		if len(all) != want || len(r.Routers()) != want {
			t.Fatalf("%d routers, want %d", len(all), want)
		}
		for _, a := range all {
			for i := range text {
				probs, picks := a.Probs[i*a.Experts:(i+1)*a.Experts], a.Picks[i*a.Chosen:(i+1)*a.Chosen]
				for e, p := range probs {
					if !slices.Contains(picks, e) && p > probs[picks[a.Chosen-1]] {
						t.Fatalf("%s, token %d: expert %d has %v, of %v that %v were picked from", a.Path, i, e, p, probs, picks)
					}
				}
			}
		}
	})
}

func TestSpread(t *testing.T) {
	h := lens.Spread([]float32{-1, 0, 0, 3, float32(math.NaN()), float32(math.Inf(1))})
	if h.Min != -1 || h.Max != 3 || h.Mean != 0.5 || h.Zeros != 2 || h.NotFinite != 2 || h.Counts[0] != 1 || h.Counts[10] != 2 || h.Counts[lens.Bins-1] != 1 {
		t.Errorf("%+v", h)
	}
	if math.Abs(h.Std-1.5) > 1e-12 {
		t.Errorf("deviation %v, want 1.5", h.Std)
	}
	if h := lens.Spread(nil); h.Min != 0 || h.Max != 0 || h.Std != 0 {
		t.Errorf("of nothing: %+v", h)
	}
	if h := lens.Spread([]float32{2, 2}); h.Counts[0] != 2 || h.Min != 2 {
		t.Errorf("of one number: %+v", h)
	}
}

func TestRefused(t *testing.T) {
	m, err := models.Find("gpt2-nano")
	if err != nil {
		t.Fatal(err)
	}
	r, err := lens.New(m, graph.NewParams(1))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	for want, call := range map[string]func() error{
		"lens: 0 tokens; want 1 to 64":                        func() error { _, err := r.Scores(ctx, nil, 1); return err },
		"lens: 65 tokens; want 1 to 64":                       func() error { _, err := r.Scores(ctx, make([]int, 65), 1); return err },
		"lens: token 1 is 65; the vocabulary has 0 to 64":     func() error { _, err := r.Scores(ctx, []int{1, 65}, 1); return err },
		"lens: 101 candidates; want 0 to 100":                 func() error { _, err := r.Scores(ctx, text, 101); return err },
		"lens: positions 3 to 3 of 11 tokens":                 func() error { _, err := r.Logits(ctx, text, 3, 3, 1); return err },
		"lens: layers 3 to 5 of attention; the model shows 4": func() error { _, err := r.Attention(ctx, text, 3, 5); return err },
		"lens: position 11 of 11 tokens, counted from 0":      func() error { _, err := r.Reads(ctx, text, 11); return err },
		"lens: a graph over 65 tokens; want 1 to 64":          func() error { _, err := r.Declare(65); return err },
		"lens: the values of 300 tokens; want 256 at most":    func() error { _, err := r.Values(ctx, make([]int, 300)); return err },
	} {
		if err := call(); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Scores(ctx, text, 1); err == nil || err.Error() != "lens: the reader is closed" {
		t.Errorf("after Close: %v", err)
	}
}

// TestTogether: concurrent callers each get the result they would get alone, and a canceled call does not wait.
func TestTogether(t *testing.T) {
	m, err := models.Find("gptoss-nano")
	if err != nil {
		t.Fatal(err)
	}
	r, err := lens.New(m, graph.NewParams(3))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx := context.Background()
	ask := func(ids []int) (string, error) {
		scores, err := r.Scores(ctx, ids, 2)
		if err != nil {
			return "", err
		}
		depths, err := r.Logits(ctx, ids, 0, 2, 1)
		if err != nil {
			return "", err
		}
		rows, err := r.Reads(ctx, ids, 1)
		if err != nil {
			return "", err
		}
		routes, err := r.Routes(ctx, ids)
		return fmt.Sprint(scores, depths, rows, routes), err
	}
	texts := [][]int{{1, 2, 3}, {4, 5, 6, 7, 8, 9, 10, 11, 12}, {13, 14}, text}
	var alone []string
	for _, ids := range texts {
		a, err := ask(ids)
		if err != nil {
			t.Fatal(err)
		}
		alone = append(alone, a)
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if got, err := ask(texts[i%4]); err != nil || got != alone[i%4] {
				t.Errorf("caller %d: %v, or another answer than alone", i, err)
			}
		})
	}
	all.Wait()
	gone, leave := context.WithCancel(ctx)
	leave()
	for range 20 { // even if no other call is running
		for _, call := range []func() error{
			func() error { _, err := r.Scores(gone, text, 1); return err },
			func() error { _, err := r.Logits(gone, text, 0, 2, 1); return err },
			func() error { _, err := r.Attention(gone, text, 0, 1); return err },
			func() error { _, err := r.Reads(gone, text, 1); return err },
			func() error { _, err := r.Routes(gone, text); return err },
			func() error { _, err := r.Values(gone, text); return err },
			func() error { _, _, err := r.Norms(gone, text); return err },
			func() error { return r.After(gone, text, func([]float32) {}) },
		} {
			if err := call(); !errors.Is(err, context.Canceled) {
				t.Fatalf("who has left gets %v", err)
			}
		}
	}
}

// TestScoreOfNone: logits that are not finite have no entropy, log-probability or rank.
func TestScoreOfNone(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, row := range [][]float32{{nan, nan}, {0, nan}, {0, inf}, {-inf, -inf}} {
		s := lens.ScoreOf(row, 1, 2)
		if !math.IsNaN(s.Entropy) || !math.IsNaN(s.LogProb) || s.Rank != 0 || len(s.Top) != 0 {
			t.Errorf("%v: %+v", row, s)
		}
	}
}
