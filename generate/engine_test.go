package generate_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
)

// small returns a model with a short context, so that windows slide.
func small(context int) generate.Model {
	c := gpt2.New(61, context, 24, 3, 2)
	c.InitStd = 0.2
	return models.Graphs(c)
}

func newEngine(t *testing.T, m generate.Model, c generate.EngineConfig) *generate.Engine {
	t.Helper()
	e, err := generate.NewEngine(m, graph.NewParams(1), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// requests returns n requests: their prompts have from one token to more than the context, and they are sampled or
// greedy.
func requests(n, context int) []generate.Request {
	random := rand.New(rand.NewPCG(5, uint64(n)))
	all := make([]generate.Request, n)
	for i := range all {
		r := &all[i]
		r.Prompt = make([]int, 1+random.IntN(context+context/4))
		if i%5 == 0 {
			r.Prompt = r.Prompt[:1]
		}
		for k := range r.Prompt {
			r.Prompt[k] = random.IntN(61)
		}
		r.Tokens, r.Seed, r.Sample, r.LogProbs = 1+random.IntN(3*context/2), uint64(i), i%3, 61
		switch i % 4 {
		case 1:
			r.Temperature, r.TopK = 1, 10
		case 2:
			r.Temperature, r.TopP, r.Stop = 1.5, 0.9, []int{7, 8}
		case 3:
			r.Echo = i%8 == 3 && len(r.Prompt) <= context
			r.NoRepeat, r.RepetitionPenalty = 2, 1.2
		}
	}
	return all
}

// gather runs a request to its end and returns its tokens.
func gather(e *generate.Engine, ctx context.Context, r generate.Request) (tokens []generate.Token, err error) {
	prompt, stop := slices.Clone(r.Prompt), slices.Clone(r.Stop)
	r.Prompt, r.Stop = prompt, stop
	q, err := e.Submit(ctx, r)
	if err != nil {
		return nil, err
	}
	clear(prompt) // the engine has copied it
	clear(stop)
	for token, err := range q.Tokens() {
		if err != nil {
			return tokens, err
		}
		tokens = append(tokens, token)
	}
	echoed := 0
	if r.Echo {
		echoed = len(r.Prompt)
	}
	if u := q.Usage(); u.Prompt != len(r.Prompt) || u.Tokens != len(tokens)-echoed || u.Waited < 0 || u.First < u.Waited {
		return tokens, fmt.Errorf("%d tokens after %d: usage %+v", len(tokens), len(r.Prompt), u)
	}
	return tokens, nil
}

// leave runs a request and cancels it after some tokens or some time.
func leave(e *generate.Engine, ctx context.Context, r generate.Request, after int) error {
	if after%2 == 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(after)*200*time.Microsecond)
		defer cancel()
	}
	q, err := e.Submit(ctx, r)
	if err != nil {
		return err
	}
	n := 0
	for _, err := range q.Tokens() {
		if n++; n > after {
			break
		}
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
	return nil
}

// TestCompany: a request's tokens and log-probabilities are the same, bit for bit, alone and among
// others that start, end and are canceled, for any number of slots and any GOMAXPROCS. Windows slide, and more
// sequences run at once than the kernel for products of few rows accepts.
func TestCompany(t *testing.T) {
	const length = 40
	count := 200
	if testing.Short() {
		count = 16
	}
	for name, m := range map[string]generate.Model{"dense": small(length), "banded": banded(length)} {
		t.Run(name, func(t *testing.T) { company(t, m, requests(count, length), length) })
	}
}

// company runs requests alone and together, and compares the results.
func company(t *testing.T, m generate.Model, all []generate.Request, length int) {
	for _, piece := range []int{0, 16} {
		alone := newEngine(t, m, generate.EngineConfig{Context: length, Slots: 1, Piece: piece})
		want := make([][]generate.Token, len(all))
		for i, r := range all {
			var err error
			if want[i], err = gather(alone, t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		for _, slots := range []int{3, 20}[piece/16:] {
			t.Run(fmt.Sprintf("pieces of %d, %d slots", piece, slots), func(t *testing.T) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1 + slots%3))
				e := newEngine(t, m, generate.EngineConfig{Context: length, Slots: slots, Piece: piece})
				var wait sync.WaitGroup
				for i, r := range all {
					wait.Go(func() {
						got, err := gather(e, t.Context(), r)
						if err != nil {
							t.Errorf("request %d: %v", i, err)
						} else if !slices.EqualFunc(got, want[i], sameToken) {
							t.Errorf("request %d: %d tokens, want %d; or others", i, len(got), len(want[i]))
						}
					})
					if i%2 == 0 {
						wait.Go(func() {
							if err := leave(e, t.Context(), r, i%7); err != nil {
								t.Error(err)
							}
						})
					}
					if i%3 == 0 {
						time.Sleep(time.Duration(i) * 20 * time.Microsecond)
					}
				}
				found, err := e.Beam(t.Context(), all[1].Prompt, 30, generate.BeamOptions{Beams: 2})
				if err != nil || len(found) == 0 {
					t.Errorf("a search: %v, %v", found, err)
				}
				wait.Wait()
			})
		}
	}
}

func sameToken(a, b generate.Token) bool {
	return a.ID == b.ID && a.LogProb == b.LogProb && slices.Equal(a.Best, b.Best) && a.Last == b.Last && a.Finish == b.Finish && a.Sequence == b.Sequence
}

// TestBeamInCompany: a beam search gives the same results in an engine while other requests come and go.
func TestBeamInCompany(t *testing.T) {
	const length = 20
	m := small(length)
	g := generate.New(m, graph.NewParams(1), length)
	defer g.Close()
	prompt, o := []int{3, 1, 4}, generate.BeamOptions{Beams: 3, LengthPenalty: 1, Stop: []int{9}, NoRepeat: 3}
	want, err := g.Beam(t.Context(), prompt, 50, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, piece := range []int{0, 8} {
		e := newEngine(t, m, generate.EngineConfig{Context: length, Slots: 6, Piece: piece})
		var wait sync.WaitGroup
		for i, r := range requests(20, length) {
			wait.Go(func() {
				if i%2 == 0 {
					leave(e, t.Context(), r, i)
				} else {
					gather(e, t.Context(), r)
				}
			})
		}
		for range 4 {
			wait.Go(func() {
				got, err := e.Beam(t.Context(), prompt, 50, o)
				if err != nil {
					t.Error(err)
				}
				same := slices.EqualFunc(got, want, func(a, b generate.Hypothesis) bool {
					return slices.Equal(a.IDs, b.IDs) && a.Finish == b.Finish && (a.LogProb == b.LogProb || piece > 0)
				})
				if !same {
					t.Errorf("pieces of %d: found %v, want %v", piece, got, want)
				}
			})
		}
		wait.Wait()
	}
}

// TestEngineWhole: a model that must be run over whole windows works in an engine too, and the engine says why.
func TestEngineWhole(t *testing.T) {
	c := gpt2.New(61, 12, 24, 3, 2)
	c.InitStd, c.Composed = 0.2, true
	e := newEngine(t, models.Graphs(c), generate.EngineConfig{Context: 12, Slots: 3})
	alone := newEngine(t, models.Graphs(c), generate.EngineConfig{Context: 12, Slots: 1})
	if why := e.Whole(); why == nil || !strings.Contains(why.Error(), "ComposedAttention") || e.CacheBytes() != 0 {
		t.Errorf("run over the whole window because of %v, with %d bytes", why, e.CacheBytes())
	}
	var wait sync.WaitGroup
	for i, r := range requests(8, 12) {
		want, err := gather(alone, t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		wait.Go(func() {
			if got, err := gather(e, t.Context(), r); err != nil || !slices.EqualFunc(got, want, sameToken) {
				t.Errorf("request %d: %v, or other tokens", i, err)
			}
		})
	}
	wait.Wait()
}

// TestRefused: an invalid request fails without affecting others, before it runs or while it does.
func TestRefused(t *testing.T) {
	e := newEngine(t, small(16), generate.EngineConfig{Context: 16, Slots: 4})
	good := generate.Request{Prompt: []int{1, 2, 3}, Tokens: 40}
	want, err := gather(e, t.Context(), good)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		r    generate.Request
		want string
	}{
		{generate.Request{Tokens: 1}, "generate: the prompt has no tokens"},
		{generate.Request{Prompt: []int{1}}, "generate: 0 tokens asked for, want 1 or more"},
		{generate.Request{Prompt: []int{1}, Tokens: 1, Options: generate.Options{TopK: -1}}, "generate: top-k of -1 is below 0"},
		{generate.Request{Prompt: make([]int, 17), Echo: true}, "generate: longer than the context: 17 prompt tokens and 0 more, in a context of 16"},
		{generate.Request{Prompt: make([]int, 10), Tokens: 7, Fits: true}, "generate: longer than the context: 10 prompt tokens and 7 more, in a context of 16"},
		{generate.Request{Prompt: []int{1, 61, 3}, Tokens: 7}, "wte: Embed: id 61 at position 1 is outside the vocabulary of 61"},
	} {
		var wait sync.WaitGroup
		for range 3 {
			wait.Go(func() {
				if got, err := gather(e, t.Context(), good); err != nil || !slices.EqualFunc(got, want, sameToken) {
					t.Errorf("beside %+v: %v, or other tokens", c.r, err)
				}
			})
		}
		if tokens, err := gather(e, t.Context(), c.r); err == nil || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%+v: %v, %v; want %s", c.r, tokens, err, c.want)
		}
		wait.Wait()
	}
	if got, err := gather(e, t.Context(), generate.Request{Prompt: make([]int, 10), Tokens: 6, Fits: true}); err != nil || len(got) != 6 {
		t.Errorf("what fits: %d tokens, %v", len(got), err)
	}
	if _, err := e.Beam(t.Context(), []int{1}, 3, generate.BeamOptions{Beams: 5}); err == nil || err.Error() != "generate: 5 beams; there are 4 slots" {
		t.Errorf("five beams: %v", err)
	}
	for _, c := range []generate.EngineConfig{{Context: 16}, {Slots: 1}, {Context: 16, Slots: 1, Queue: -1}, {Context: 16, Slots: 1, Piece: -1}, {Context: 16, Slots: 1, Vocab: -1}, {Context: 16, Slots: 1, Vacant: []int{-1}}} {
		if _, err := generate.NewEngine(small(16), graph.NewParams(1), c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}

// TestQueue: requests get slots in the order of arrival, one beyond the queue is refused, canceled
// ones leave the queue, and closing the engine ends those that run.
func TestQueue(t *testing.T) {
	e := newEngine(t, small(16), generate.EngineConfig{Context: 16, Slots: 1, Queue: 2})
	endless := generate.Request{Prompt: []int{1}, Tokens: 1 << 40}
	submit := func(ctx context.Context) *generate.Sequence {
		t.Helper()
		q, err := e.Submit(ctx, endless)
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	next := func(q *generate.Sequence) (err error) {
		for _, err = range q.Tokens() {
			break // leaving the loop ends the sequence
		}
		return err
	}
	first := submit(t.Context())
	for running, _ := e.Status(); running == 0; running, _ = e.Status() {
		runtime.Gosched()
	}
	ctx, cancel := context.WithCancel(t.Context())
	second, third := submit(ctx), submit(t.Context())
	if _, err := e.Submit(t.Context(), endless); !errors.Is(err, generate.ErrQueueFull) {
		t.Errorf("beyond the queue: %v", err)
	}
	cancel()
	if err := next(second); !errors.Is(err, context.Canceled) {
		t.Errorf("given up in the queue: %v", err)
	}
	if u := third.Usage(); u.Tokens != 0 {
		t.Errorf("the third has %d tokens before the first has ended", u.Tokens)
	}
	if err := next(first); err != nil {
		t.Error(err)
	}
	if err := next(third); err != nil {
		t.Error(err)
	}
	fourth := submit(t.Context())
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	last := error(nil)
	for _, err := range fourth.Tokens() {
		last = err
	}
	if !errors.Is(last, generate.ErrClosed) {
		t.Errorf("when the engine is closed: %v", last)
	}
	if _, err := e.Submit(t.Context(), endless); !errors.Is(err, generate.ErrClosed) {
		t.Errorf("after: %v", err)
	}
}

// dense multiplies x (N, C) by a weight laid out as torch.nn.Linear's, outputs by inputs.
func dense(s *graph.Scope, x *G.Node) *G.Node {
	rows, width := x.Shape()[0], x.Shape()[1]
	return s.Apply(graph.Op{
		Name: "Dense", Out: x.Shape(), RowWise: 1,
		Run: func(a *graph.Args) error {
			a.Gemm(false, true, rows, width, width, 1, a.Floats(0), width, a.Floats(1), width, 0, a.Out(0), width)
			return nil
		},
	}, x, s.Param("dense", graph.Normal(0.3), width, width))
}

// TestManyRows: the sequences of a batch of more than 12, too many for the kernel for products of few rows, are the
// same bit for bit as they are alone, whether or not the weights of products are transposed.
func TestManyRows(t *testing.T) {
	c := gpt2.New(61, 40, 128, 2, 2) // wide enough for the order of a sum to matter
	c.InitStd = 0.2
	edited := models.Edit(c, graph.Before("h.*.mlp", dense))
	for _, m := range []models.Model{c, edited} {
		g := generate.New(models.Graphs(m), graph.NewParams(1), 40)
		defer g.Close()
		var prompts [][]int
		for i := range 19 {
			prompts = append(prompts, slices.Repeat([]int{i, 2 * i, 3 * i}, 5)[:1+i%15])
		}
		o := generate.Options{LogProbs: 61}
		together := tokensOf(t, g, prompts, 50, o)
		for b, prompt := range prompts {
			equal(t, fmt.Sprint(b), tokensOf(t, g, [][]int{prompt}, 50, o)[0], together[b])
		}
	}
}

// TestEcho: the log-probabilities of a prompt are those of the whole sequence run through the ordinary graph, whether
// or not the prompt runs in pieces, and even if nothing is cached.
func TestEcho(t *testing.T) {
	const length = 150
	c := gpt2.New(61, length, 24, 3, 2)
	c.InitStd = 0.2
	composed := c
	composed.Composed = true
	random := rand.New(rand.NewPCG(8, 8))
	for _, m := range []models.Model{c, composed} {
		for _, piece := range []int{0, 32} {
			e := newEngine(t, models.Graphs(m), generate.EngineConfig{Context: length, Slots: 2, Piece: piece})
			for _, n := range []int{1, 2, 64, 65, 149, 150} {
				prompt := make([]int, n)
				for i := range prompt {
					prompt[i] = random.IntN(61)
				}
				for _, more := range []int{0, 1} {
					got, err := gather(e, t.Context(), generate.Request{Prompt: prompt, Tokens: more, Echo: true, Options: generate.Options{LogProbs: 1}})
					if err != nil || len(got) != n+more || !got[len(got)-1].Last {
						t.Fatalf("%d tokens and %d more: %d tokens, %v", n, more, len(got), err)
					}
					rows := uncached(t, m, graph.NewParams(1), prompt)
					for i, token := range got {
						if token.Prompt != (i < n) || i < n && token.ID != prompt[i] || i == 0 && token.Best != nil {
							t.Fatalf("%d tokens and %d more: token %d is %+v", n, more, i, token)
						}
						if i == 0 {
							continue
						}
						total := 0.0
						for _, v := range rows[i-1] {
							total += math.Exp(float64(v))
						}
						if want := float64(rows[i-1][token.ID]) - math.Log(total); !(math.Abs(token.LogProb-want) <= tolCached) {
							t.Errorf("%d tokens and %d more: token %d has log-probability %v, want %v", n, more, i, token.LogProb, want)
						}
					}
				}
			}
		}
	}
}

// panics is a model whose graph panics for some lengths.
type panics struct{ generate.Model }

func (m panics) GraphAt(s *graph.Scope, tokens, rows *G.Node) *G.Node {
	if tokens.Shape()[1] == 4 {
		panic("of course")
	}
	return m.Model.GraphAt(s, tokens, rows)
}

// TestModelPanics: if a model panics, only the requests that it panics for fail.
func TestModelPanics(t *testing.T) {
	e := newEngine(t, panics{small(16)}, generate.EngineConfig{Context: 16, Slots: 2})
	const want = "generate: the model's graph for 1 sequence of 4 tokens panicked: of course"
	if _, err := gather(e, t.Context(), generate.Request{Prompt: []int{1, 2, 3}, Tokens: 1}); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if _, err := gather(e, t.Context(), generate.Request{Prompt: []int{1, 2}, Tokens: 1}); err != nil {
		t.Error(err)
	}
}

// TestBurst: the queue's limit also holds for requests that arrive all at once, before any has a slot.
func TestBurst(t *testing.T) {
	e := newEngine(t, small(16), generate.EngineConfig{Context: 16, Slots: 2, Queue: 3})
	taken := 0
	for range 50 {
		switch _, err := e.Submit(t.Context(), generate.Request{Prompt: []int{1}, Tokens: 1 << 40}); {
		case err == nil:
			taken++
		case !errors.Is(err, generate.ErrQueueFull):
			t.Fatal(err)
		}
	}
	if taken != 5 {
		t.Errorf("2 slots and a queue of 3 take %d requests", taken)
	}
}

// TestRequestIsCopied: a caller may reuse the memory of a request.
func TestRequestIsCopied(t *testing.T) {
	e := newEngine(t, small(16), generate.EngineConfig{Context: 16, Slots: 1})
	prompt := []int{1, 2, 3}
	q, err := e.Submit(t.Context(), generate.Request{Prompt: prompt, Tokens: 1, Echo: true})
	if err != nil {
		t.Fatal(err)
	}
	clear(prompt)
	var ids []int
	for token, err := range q.Tokens() {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, token.ID)
	}
	if !slices.Equal(ids[:3], []int{1, 2, 3}) {
		t.Errorf("the prompt 1, 2, 3 is echoed as %d", ids[:3])
	}
}
