package serve_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorgpt/gorgpt/serve"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// loaded counts the requests of the clients by outcome.
type loaded struct{ answered, refused, cancelled, rubbish, ended atomic.Int64 }

// TestLoad: 50 clients send requests, stream, disconnect and send rubbish at random. Each answer is the same as if the
// request had run alone, and goroutines and memory are released afterwards. GORGPT_LOAD sets how long the test runs,
// as in 10m.
func TestLoad(t *testing.T) {
	during := 3 * time.Second
	if wanted := os.Getenv("GORGPT_LOAD"); wanted != "" {
		var err error
		if during, err = time.ParseDuration(wanted); err != nil {
			t.Fatal(err)
		}
	} else if testing.Short() {
		during = time.Second
	}
	dir := save(t, small(128), tokenizer.Bytes(), 1)
	bodies := asked(60)
	want := make([]string, len(bodies))
	_, alone := start(t, serve.Config{}, open(t, dir, serve.Options{Slots: 1, Prefixes: -1}))
	for i, body := range bodies {
		_, _, text := post(t, alone.URL+"/v1/completions", body)
		want[i] = changing.ReplaceAllString(text, "")
	}
	m := open(t, dir, serve.Options{Slots: 6, Queue: 30, Piece: 32, Prefixes: 1 << 20})
	_, web := start(t, serve.Config{}, m)
	var done loaded
	done.burst(t, web, bodies, want, min(during, time.Second)) // so that everything that is allocated only once exists
	goroutines, bytes := taken(t, m)
	done.burst(t, web, bodies, want, during)
	after, grown := taken(t, m)
	t.Logf("%v: %d answered, %d cancelled, %d refused, %d rubbish; goroutines %d → %d, heap %d → %d kB",
		during, done.answered.Load(), done.cancelled.Load(), done.refused.Load(), done.rubbish.Load(), goroutines, after, bytes>>10, grown>>10)
	if after > goroutines+5 {
		t.Errorf("%d goroutines after %d", after, goroutines)
	}
	if grown > bytes+16<<20 {
		t.Errorf("the heap has grown from %d to %d bytes", bytes, grown)
	}
	if done.answered.Load() == 0 || done.cancelled.Load() == 0 || done.rubbish.Load() == 0 {
		t.Errorf("not all kinds of clients were there")
	}
}

// taken returns the number of goroutines and the bytes of heap in use once no request is running.
func taken(t *testing.T, m *serve.Model) (goroutines int, bytes uint64) {
	http.DefaultClient.CloseIdleConnections()
	eventually(t, "all slots are free", func() bool { running, waiting := m.Engine.Status(); return running+waiting == 0 })
	last := 0
	eventually(t, "goroutines come to an end", func() bool {
		before := last
		time.Sleep(50 * time.Millisecond)
		last = runtime.NumGoroutine()
		return last == before
	})
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return last, stats.HeapInuse
}

// burst runs 50 clients for the given time.
func (l *loaded) burst(t *testing.T, web *httptest.Server, bodies, want []string, during time.Duration) {
	until := time.Now().Add(during)
	var wait sync.WaitGroup
	for client := range 50 {
		wait.Go(func() {
			random := rand.New(rand.NewPCG(uint64(client), 1))
			for time.Now().Before(until) {
				i := random.IntN(len(bodies))
				switch random.IntN(4) {
				case 0:
					giveUp(t, web, bodies[i], time.Duration(random.IntN(40))*time.Millisecond)
					l.cancelled.Add(1)
				case 1:
					l.garbage(t, web, random)
				default:
					l.whole(t, web, bodies[i], want[i])
				}
			}
		})
	}
	wait.Wait()
}

// whole sends a request without streaming, which may be refused because the queue is full.
func (l *loaded) whole(t *testing.T, web *httptest.Server, body, want string) {
	status, _, text := post(t, web.URL+"/v1/completions", body)
	switch {
	case status == http.StatusTooManyRequests:
		l.refused.Add(1)
		time.Sleep(5 * time.Millisecond)
	case status == http.StatusOK && changing.ReplaceAllString(text, "") == want:
		l.answered.Add(1)
	default:
		t.Errorf("%s\n%d %s", body, status, difference(text, want))
	}
}

// garbage sends an invalid request.
func (l *loaded) garbage(t *testing.T, web *httptest.Server, random *rand.Rand) {
	body := make([]byte, random.IntN(200))
	for i := range body {
		body[i] = `{}[]":,0123456789eE.-truefalsn prompt\u`[random.IntN(38)]
	}
	if status, _, text := post(t, web.URL+"/v1/completions", string(body)); status >= 500 || status < 400 {
		t.Errorf("%q: %d %s", body, status, text)
	}
	l.rubbish.Add(1)
}

// TestRestart: a server that stops under load ends each request with its answer, or with an error that says why; a new
// server can take over at once.
func TestRestart(t *testing.T) {
	dir := save(t, small(4096), tokenizer.Bytes(), 1)
	s, web := start(t, serve.Config{}, open(t, dir, serve.Options{Slots: 4}))
	var done loaded
	var wait sync.WaitGroup
	for client := range 20 {
		wait.Go(func() {
			body := fmt.Sprintf(`{"prompt": "x", "max_tokens": %d, "ignore_eos": true, "stream": %t}`, 5+200*client, client%2 == 0)
			status, _, text := post(t, web.URL+"/v1/completions", body)
			switch {
			case status == http.StatusOK && (strings.HasSuffix(text, "[DONE]\n\n") || strings.Contains(text, `"finish_reason":"length"`)):
				done.answered.Add(1)
			case strings.Contains(text, `"error":{"message":"the server is stopping"`) && (status == http.StatusServiceUnavailable || strings.HasPrefix(text, "data: ")):
				done.ended.Add(1)
			default:
				t.Errorf("%d %q", status, text)
			}
		})
	}
	eventually(t, "all run or wait", func() bool {
		running, waiting := s.Models()[0].Engine.Status()
		return int64(running+waiting)+done.answered.Load() == 20 && done.answered.Load() > 0
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	s.Drain(ctx)
	wait.Wait()
	if done.answered.Load()+done.ended.Load() != 20 || done.ended.Load() == 0 {
		t.Errorf("%d answered, %d ended", done.answered.Load(), done.ended.Load())
	}
	_, again := start(t, serve.Config{}, open(t, dir, serve.Options{}))
	if a := ask(t, again.URL+"/v1/completions", `{"prompt": "x", "max_tokens": 3}`); a.Usage.Completion == 0 {
		t.Errorf("%+v", a)
	}
}

// TestLeftAlone: a client that disconnects in the middle of its body affects only its connection.
func TestLeftAlone(t *testing.T) {
	web := startSmall(t, serve.Config{}, serve.Options{})
	body, send := io.Pipe()
	go func() {
		_, _ = send.Write([]byte(`{"prompt":`))
		send.CloseWithError(errors.New("gone"))
	}()
	if answer, err := http.Post(web.URL+"/v1/completions", "application/json", body); err == nil {
		answer.Body.Close()
	}
	if a := ask(t, web.URL+"/v1/completions", `{"prompt": "x", "max_tokens": 3}`); a.Usage.Completion == 0 {
		t.Errorf("%+v", a)
	}
}

// TestMemoryOfSlots: more sequences than fit in memory are refused, with a context as short as it can be by default, too.
func TestMemoryOfSlots(t *testing.T) {
	_, err := serve.Open(save(t, small(128), tokenizer.Bytes(), 1), serve.Options{Slots: 1 << 40})
	if err == nil || !strings.Contains(err.Error(), "1099511627776 sequences of 64 positions") {
		t.Error(err)
	}
}
