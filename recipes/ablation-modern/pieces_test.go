package main

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
)

// tolPieces bounds the difference between float32 logits computed a few positions at a time and all at once, relative
// to the largest, like tolIncremental in package models; measured 5e-7.
const tolPieces = 5e-6

var text = []int{3, 1, 4, 1, 5, 9, 2, 6, 5, 3}

// small returns a small GPT-2 with the piece, with weights as after some training and a vocabulary of 13.
func small(t *testing.T, p piece) (models.Model, *graph.Params) {
	t.Helper()
	m, err := p.of(gpt2.New(13, len(text), 16, 3, 4))
	if err != nil {
		t.Fatal(p.name, err)
	}
	params := graph.NewParams(1)
	if err := models.Declare(m, params); err != nil {
		t.Fatal(p.name, err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, param := range params.All() {
		for i := range param.Data() {
			param.Data()[i] += float32(0.15 * random.NormFloat64())
		}
	}
	return m, params
}

// gradients runs m forward and backward, and returns its loss and its gradients.
func gradients(t *testing.T, m models.Model, params *graph.Params, options ...graph.Option) (float32, [][]float32) {
	t.Helper()
	s := graph.New(params, append(options, graph.Training())...)
	p, err := s.CompileGrad(models.Loss(m, s, s.Ints("tokens", 1, len(text)), s.Ints("targets", 1, len(text))))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	runWith(t, p, map[string][]int{"tokens": text, "targets": append(text[1:len(text):len(text)], 0)}, p.Run)
	params.ZeroGrad()
	if err := p.RunGrad(1); err != nil {
		t.Fatal(err)
	}
	var all [][]float32
	for _, param := range params.All() {
		all = append(all, slices.Clone(param.GradData()))
	}
	return p.Loss(), all
}

func runWith(t *testing.T, p *graph.Program, inputs map[string][]int, f func() error) {
	t.Helper()
	for name, ids := range inputs {
		if err := p.SetInts(name, ids); err != nil {
			t.Fatal(err)
		}
	}
	if err := f(); err != nil {
		t.Fatal(err)
	}
}

// logits returns the logits of tokens, which follow past tokens if there is a cache.
func logits(t *testing.T, m models.Model, params *graph.Params, tokens []int, past int, options ...graph.Option) []float32 {
	t.Helper()
	s := graph.New(params, options...)
	out := models.Logits(m, s, s.Ints("tokens", 1, len(tokens)))
	p, err := s.Compile(out)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	inputs := map[string][]int{"tokens": tokens}
	if s.Lookup("past") != nil {
		inputs["past"] = []int{past}
	}
	runWith(t, p, inputs, p.Run)
	return slices.Clone(p.Value(out))
}

// off returns the largest difference, relative to the largest element of want.
func off(got, want []float32) float64 {
	worst, scale := 0.0, 0.0
	for i, w := range want {
		worst, scale = max(worst, math.Abs(float64(got[i]-w))), max(scale, math.Abs(float64(w)))
	}
	return worst / scale
}

// TestPieces: for each piece, the gradient agrees with finite differences along a direction and has the same bits
// if blocks are recomputed; logits computed a few tokens at a time are those of the whole sequence; and a checkpoint,
// opened with the same edits, gives the same logits.
func TestPieces(t *testing.T) {
	plain, weights := small(t, piece{})
	before, slopes := gradients(t, plain, weights)
	for _, p := range pieces() {
		m, params := small(t, p)
		loss, grads := gradients(t, m, params)
		if loss == before && slices.EqualFunc(grads, slopes, slices.Equal) {
			t.Errorf("%s: loss and gradients are GPT-2's", p.name)
		}
		checkSlope(t, p.name, m, params, grads)
		again, repeated := gradients(t, m, params, graph.Recompute("h.*"))
		if again != loss || !slices.EqualFunc(grads, repeated, slices.Equal) {
			t.Errorf("%s: with blocks computed again, other bits", p.name)
		}
		whole := logits(t, m, params, text, 0)
		cache := graph.Incremental(graph.NewCache(1, len(text)))
		for past := 0; past < len(text); {
			n := min(1+2*past%3, len(text)-past)
			if e := off(logits(t, m, params, text[past:past+n], past, cache), whole[past*13:(past+n)*13]); !(e <= tolPieces) {
				t.Errorf("%s: the logits of positions %d to %d are off by %.1e", p.name, past, past+n-1, e)
			}
			past += n
		}
		config, err := models.JSON(m)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "saved")
		if err := checkpoint.Save(dir, checkpoint.Contents{Config: config, Params: params}); err != nil {
			t.Fatal(err)
		}
		var edits []graph.Option
		if p.edits != nil {
			edits = p.edits(gpt2.New(13, len(text), 16, 3, 4))
		}
		loaded, err := checkpoint.Load(dir, edits...)
		if err != nil {
			t.Fatal(p.name, err)
		}
		if !slices.Equal(logits(t, loaded.Model, loaded.Params, text, 0), whole) {
			t.Errorf("%s: saved and opened, other logits", p.name)
		}
	}
}

// checkSlope compares the gradient with the difference of losses along it.
func checkSlope(t *testing.T, name string, m models.Model, params *graph.Params, grads [][]float32) {
	t.Helper()
	norm := 0.0
	for i, g := range grads {
		square := 0.0
		for _, v := range g {
			square += float64(v) * float64(v)
		}
		if norm += square; !(square > 0) && params.All()[i].Size() != 1 {
			t.Errorf("%s: no gradient of %s", name, params.All()[i].Name())
		}
	}
	norm = math.Sqrt(norm)
	shifted := func(h float64) float64 {
		other := graph.NewParams(1)
		if err := models.Declare(m, other); err != nil {
			t.Fatal(err)
		}
		for i, p := range other.All() {
			for j, v := range params.All()[i].Data() {
				p.Data()[j] = v + float32(h*float64(grads[i][j])/norm)
			}
		}
		loss, _ := gradients(t, m, other)
		return float64(loss)
	}
	const h = 5e-3
	if slope := (shifted(h) - shifted(-h)) / (2 * h); math.Abs(slope-norm) > 0.01*norm {
		t.Errorf("%s: the slope along the gradient is %.5f, its norm %.5f", name, slope, norm)
	}
}

// TestBegin: an edited model starts from a GPT-2's weights where they fit, and an untied head from the embedding.
func TestBegin(t *testing.T) {
	_, from := small(t, piece{})
	fresh := map[string]int{"RMSNorm": 0, "RoPE": 0, "GQA": 6, "QK-norm": 6, "SwiGLU": 18, "untied head": 0, "gates of branches": 6}
	same := map[string]bool{"untied head": true, "gates of branches": true, "skip of the embedding": true, "skip of values": true, "label smoothing": true}
	plain, _ := small(t, piece{})
	before := logits(t, plain, from, text, 0)
	for _, p := range pieces() {
		m, _ := small(t, p)
		params := graph.NewParams(7)
		if err := models.Begin(m, params, from); err != nil {
			t.Fatal(p.name, err)
		}
		drawn := graph.NewParams(7)
		if err := models.Declare(m, drawn); err != nil {
			t.Fatal(err)
		}
		count := 0
		for _, param := range params.All() {
			if slices.Equal(param.Data(), drawn.Get(param.Name()).Data()) {
				count++
			}
		}
		if want, told := fresh[p.name]; told && count != want {
			t.Errorf("%s: %d parameters as drawn, want %d", p.name, count, want)
		}
		if got := logits(t, m, params, text, 0); same[p.name] && !slices.Equal(got, before) {
			t.Errorf("%s: begins with other logits than GPT-2", p.name)
		}
	}
}
