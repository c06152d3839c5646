package serve_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/serve"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// asked returns the bodies of n requests of all kinds, some with the same beginning, each with a fixed seed.
func asked(n int) []string {
	random := rand.New(rand.NewPCG(7, uint64(n)))
	const text = "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness"
	bodies := make([]string, n)
	for i := range bodies {
		begin := text[:random.IntN(60)]
		if i%3 == 0 {
			begin = fmt.Sprint(i, begin)
		}
		o := fmt.Sprintf(`"prompt": %q, "max_tokens": %d, "seed": %d, "logprobs": %d`, begin, 1+random.IntN(50), i, random.IntN(4))
		switch i % 4 {
		case 1:
			o += `, "temperature": 0, "echo": true`
		case 2:
			o += `, "top_k": 9, "n": 2, "stop": ["e", "th"]`
		case 3:
			o += `, "presence_penalty": 1, "logit_bias": {"101": -3}`
		}
		bodies[i] = "{" + o + "}"
	}
	return bodies
}

// changing matches the fields that differ between answers to the same request.
var changing = regexp.MustCompile(`"id":"[^"]*"|"created":\d+|"cached_tokens":\d+`)

// TestCompany: for several widths of the weights, the bytes of an answer are the same alone and beside 1, 2, 4 and 8
// other requests that start, end and are canceled, whether or not a prefix has been run before, and however prompts
// are cut into pieces.
func TestCompany(t *testing.T) {
	dir := save(t, small(128), tokenizer.Bytes(), 1)
	for _, w := range []checkpoint.Width{checkpoint.Float32, checkpoint.Brain, checkpoint.Int8, checkpoint.Q4_0} {
		t.Run(string(w), func(t *testing.T) { company(t, dir, w) })
	}
}

func company(t *testing.T, dir string, w checkpoint.Width) {
	count := 100
	if testing.Short() {
		count = 20
	}
	bodies := asked(count)
	_, alone := start(t, serve.Config{}, open(t, dir, serve.Options{Slots: 1, Piece: 128, Prefixes: -1, Weights: w}))
	want := make([]string, count)
	for i, body := range bodies {
		_, _, text := post(t, alone.URL+"/v1/completions", body)
		want[i] = changing.ReplaceAllString(text, "")
	}
	for _, neighbours := range []int{1, 2, 4, 8} {
		o := serve.Options{Slots: neighbours, Piece: 8 * neighbours, Weights: w}
		if neighbours == 4 {
			o.Prefixes = -1
		}
		_, web := start(t, serve.Config{}, open(t, dir, o))
		var wait sync.WaitGroup
		next := make(chan int)
		for range neighbours + 1 {
			wait.Go(func() {
				for i := range next {
					if i%3 == 1 {
						giveUp(t, web, bodies[(i+1)%count], time.Duration(i)*100*time.Microsecond)
					}
					if _, _, text := post(t, web.URL+"/v1/completions", bodies[i]); changing.ReplaceAllString(text, "") != want[i] {
						t.Errorf("%d neighbours, %s\n%s", neighbours, bodies[i], difference(text, want[i]))
					}
				}
			})
		}
		for i := range bodies {
			next <- i
		}
		close(next)
		wait.Wait()
	}
}

// difference describes where an answer first differs from the answer to the same request alone.
func difference(got, want string) string {
	got = changing.ReplaceAllString(got, "")
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	from := max(0, at-80)
	return fmt.Sprintf("%s\nalone\n%s", got[from:min(len(got), at+80)], want[from:min(len(want), at+80)])
}

// giveUp requests a stream and disconnects after a time.
func giveUp(t *testing.T, web *httptest.Server, body string, after time.Duration) {
	ctx, cancel := context.WithTimeout(t.Context(), after)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, web.URL+"/v1/completions", strings.NewReader(strings.TrimSuffix(body, "}")+`, "stream": true}`))
	if err != nil {
		t.Error(err)
		return
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return // the time was up before the answer began
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body) // until the request is canceled
}
