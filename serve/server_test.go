package serve_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorgpt/gorgpt/serve"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// eventually waits for a condition that is expected to become true soon.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%s: not in 20 seconds", what)
		}
	}
}

// slowly opens a model whose context is so long that requests can keep its slots occupied.
func slowly(t *testing.T, o serve.Options) *serve.Model {
	return open(t, save(t, small(4096), tokenizer.Bytes(), 1), o)
}

// held starts a stream that runs until it is canceled, and returns when it has begun.
func held(t *testing.T, web *httptest.Server) (cancel func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, web.URL+"/v1/completions", strings.NewReader(`{"prompt": "x", "max_tokens": 4000, "ignore_eos": true, "stream": true}`))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := answer.Body.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return func() { stop(); answer.Body.Close() }
}

// TestQueue: a request beyond the queue is refused with a Retry-After; one whose client disconnects frees its slot, or
// its place in the queue.
func TestQueue(t *testing.T) {
	m := slowly(t, serve.Options{Slots: 1, Queue: 2})
	_, web := start(t, serve.Config{}, m)
	cancel := held(t, web)
	defer cancel()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() {
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, web.URL+"/v1/completions", strings.NewReader(`{"prompt": "y"}`))
			if err != nil {
				t.Error(err)
				return
			}
			if answer, err := http.DefaultClient.Do(r); err == nil {
				answer.Body.Close()
			}
		})
	}
	eventually(t, "two wait", func() bool { _, waiting := m.Engine.Status(); return waiting == 2 })
	status, header, text := post(t, web.URL+"/v1/completions", `{"prompt": "z"}`)
	if status != http.StatusTooManyRequests || header.Get("Retry-After") == "" || !strings.Contains(text, `"code":"queue_full"`) {
		t.Errorf("%d %v %s", status, header, text)
	}
	leave()
	wait.Wait()
	eventually(t, "the queue is empty", func() bool { _, waiting := m.Engine.Status(); return waiting == 0 })
	cancel()
	eventually(t, "the slot is free", func() bool { running, _ := m.Engine.Status(); return running == 0 })
	if a := ask(t, web.URL+"/v1/completions", `{"prompt": "z", "max_tokens": 3}`); a.Usage.Completion == 0 {
		t.Errorf("%+v", a)
	}
}

// TestDrain: a server that stops refuses new requests, lets the running ones finish, and aborts those that do not
// finish in time with an error, in a stream too.
func TestDrain(t *testing.T) {
	s, web := start(t, serve.Config{}, slowly(t, serve.Options{Slots: 2}))
	answer, err := http.Post(web.URL+"/v1/completions", "application/json", strings.NewReader(`{"prompt": "x", "max_tokens": 4000, "ignore_eos": true, "stream": true}`))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	whole := make(chan string)
	go func() {
		_, _, text := post(t, web.URL+"/v1/completions", `{"prompt": "x", "max_tokens": 4000, "ignore_eos": true}`)
		whole <- text
	}()
	eventually(t, "both run", func() bool { running, _ := s.Models()[0].Engine.Status(); return running == 2 })
	ctx, cancel := context.WithCancel(t.Context())
	drained := make(chan bool)
	go func() { s.Drain(ctx); close(drained) }()
	eventually(t, "no more requests", func() bool {
		status, header, _ := post(t, web.URL+"/tokenize", `{"prompt": "x"}`)
		return status == http.StatusServiceUnavailable && header.Get("Retry-After") != ""
	})
	select {
	case <-drained:
		t.Error("stops while requests are answered")
	default:
	}
	cancel()
	<-drained
	text, err := io.ReadAll(answer.Body)
	if events := strings.Split(strings.TrimSpace(string(text)), "\n\n"); err != nil || !strings.Contains(events[len(events)-1], `data: {"error":{"message":"the server is stopping","type":"server_error"`) {
		t.Errorf("the stream ends with %q, %v", events[len(events)-1], err)
	}
	if text := <-whole; !strings.Contains(text, "the server is stopping") {
		t.Errorf("the other ends with %q", text)
	}
}

// TestStopWhileSent: a client that is still sending its body does not delay the shutdown of the server.
func TestStopWhileSent(t *testing.T) {
	s, web := start(t, serve.Config{}, open(t, saveTalking(t), serve.Options{ID: "small"}))
	c, err := net.Dial("tcp", strings.TrimPrefix(web.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"prompt\"")
	time.Sleep(50 * time.Millisecond) // until the server has begun to read
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	began := time.Now()
	s.Drain(ctx)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("%v until the server had ended", took)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%+v, %v", answer, err)
	}
}

// TestHalfBody: a client that never sends the rest of its body gets an answer and is disconnected, whatever it requests.
func TestHalfBody(t *testing.T) {
	_, web := start(t, serve.Config{Stall: 50 * time.Millisecond, Key: "secret"}, open(t, saveTalking(t), serve.Options{ID: "small"}))
	for _, c := range []struct {
		request string
		want    int
	}{
		{"POST /v1/completions HTTP/1.1\r\nAuthorization: Bearer secret", http.StatusRequestTimeout},
		{"POST /v1/completions HTTP/1.1\r\nAuthorization: Bearer guessed", http.StatusUnauthorized},
		{"POST /v1/complete HTTP/1.1\r\nAuthorization: Bearer secret", http.StatusNotFound},
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(web.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "%s\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"prompt\"", c.request)
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || answer.StatusCode != c.want {
			t.Fatalf("%s: %+v, %v", c.request, answer, err)
		}
		if _, err := io.ReadAll(conn); err != nil {
			t.Errorf("%s: the connection stays: %v", c.request, err)
		}
		conn.Close()
	}
}

// TestTimeout: a request that takes too long ends with an error that says so.
func TestTimeout(t *testing.T) {
	_, web := start(t, serve.Config{Timeout: 50 * time.Millisecond}, slowly(t, serve.Options{}))
	status, _, text := post(t, web.URL+"/v1/completions", `{"prompt": "x", "max_tokens": 4000, "ignore_eos": true}`)
	if status != http.StatusServiceUnavailable || !strings.Contains(text, "the request did not finish within 50ms") || !strings.Contains(text, `"code":"timeout"`) {
		t.Errorf("%d %s", status, text)
	}
}

// TestHealth: a server reports when its models have been loaded.
func TestHealth(t *testing.T) {
	s := serve.New(serve.Config{})
	web := httptest.NewServer(s)
	defer web.Close()
	get := func(path string) (int, string) {
		r, err := http.Get(web.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, string(text)
	}
	if status, text := get("/health"); status != http.StatusServiceUnavailable || !strings.Contains(text, "loading") {
		t.Errorf("%d %s", status, text)
	}
	if status, _, text := post(t, web.URL+"/v1/completions", `{"model": "small"}`); status != http.StatusServiceUnavailable || !strings.Contains(text, "being loaded") {
		t.Errorf("%d %s", status, text)
	}
	s.Ready()
	if status, _ := get("/health"); status != http.StatusOK {
		t.Errorf("%d", status)
	}
	if status, text := get("/v1/models"); status != http.StatusOK || !strings.Contains(text, `"data":[]`) {
		t.Errorf("%d %s", status, text)
	}
}

// TestGuard checks keys, host names, and requests from pages of other origins.
func TestGuard(t *testing.T) {
	_, web := start(t, serve.Config{Key: "secret", Hosts: []string{"127.0.0.1", "localhost"}, Origins: []string{"https://good.example"}},
		open(t, save(t, small(64), tokenizer.Bytes(), 1), serve.Options{}))
	for _, c := range []struct {
		method, path, key, host, origin string
		status                          int
		code                            string
	}{
		{"GET", "/v1/models", "Bearer secret", "", "", 200, ""},
		{"GET", "/v1/models", "bearer secret", "localhost:99", "", 200, ""},
		{"GET", "/v1/models", "", "", "", 401, "invalid_api_key"},
		{"GET", "/v1/models", "Bearer secre", "", "", 401, "invalid_api_key"},
		{"GET", "/v1/models", "Basic secret", "", "", 401, "invalid_api_key"},
		{"GET", "/metrics", "", "", "", 401, "invalid_api_key"},
		{"GET", "/health", "", "", "", 200, ""},
		{"GET", "/v1/models", "Bearer secret", "evil.example", "", 403, "host_not_allowed"},
		{"GET", "/health", "", "evil.example:8080", "", 403, "host_not_allowed"},
		{"GET", "/v1/models", "Bearer secret", "", "https://good.example", 200, ""},
		{"GET", "/v1/models", "Bearer secret", "", "https://evil.example", 403, "origin_not_allowed"},
		{"GET", "/v1/models", "Bearer secret", "", "null", 403, "origin_not_allowed"},
		{"OPTIONS", "/v1/completions", "", "", "https://good.example", 204, ""},
		{"OPTIONS", "/v1/completions", "", "", "https://evil.example", 403, "origin_not_allowed"},
		{"GET", "/v1/completions", "Bearer secret", "", "", 405, ""},
		{"DELETE", "/v1/models", "Bearer secret", "", "", 405, ""},
		{"GET", "/v2/models", "Bearer secret", "", "", 404, "unknown_url"},
	} {
		r, err := http.NewRequest(c.method, web.URL+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = c.host
		for name, value := range map[string]string{"Authorization": c.key, "Origin": c.origin} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		if c.method == "OPTIONS" {
			r.Header.Set("Access-Control-Request-Method", "POST")
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != c.status || !strings.Contains(string(text), c.code) {
			t.Errorf("%+v: %d %s %v", c, answer.StatusCode, text, err)
		}
		allowed := answer.Header.Get("Access-Control-Allow-Origin")
		if want := c.origin; (allowed == want) != (want == "" || want == "https://good.example") {
			t.Errorf("%+v: allows %q", c, allowed)
		}
	}
}

// TestOwnPage: a page served by the server itself may send requests to it.
func TestOwnPage(t *testing.T) {
	web := startSmall(t, serve.Config{}, serve.Options{})
	r, err := http.NewRequest(http.MethodPost, web.URL+"/tokenize", strings.NewReader(`{"prompt": "x"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", web.URL)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("%d", answer.StatusCode)
	}
}

// TestSlowClient: the server does not wait for a client that sends its body too slowly.
func TestSlowClient(t *testing.T) {
	s, web := start(t, serve.Config{Stall: 50 * time.Millisecond}, slowly(t, serve.Options{}))
	body, send := io.Pipe()
	answered := make(chan struct{})
	go func() {
		_, _ = send.Write([]byte(`{"prompt": `))
		select {
		case <-answered:
		case <-time.After(time.Minute):
		}
		send.Close()
	}()
	began := time.Now()
	answer, err := http.Post(web.URL+"/v1/completions", "application/json", body)
	close(answered)
	if err == nil {
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusRequestTimeout {
			t.Errorf("%d", answer.StatusCode)
		}
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("waits for %v", took)
	}
	if running, waiting := s.Models()[0].Engine.Status(); running+waiting > 0 {
		t.Errorf("%d run and %d wait", running, waiting)
	}
}

// TestIdleClient: a server that closes does not wait for a client that does not read its answer, whatever the endpoint.
func TestIdleClient(t *testing.T) {
	for _, stall := range []time.Duration{50 * time.Millisecond, time.Minute} { // a minute passes only if the server does not stop
		testIdleClient(t, stall)
	}
}

func testIdleClient(t *testing.T, stall time.Duration) {
	t.Helper()
	s := serve.New(serve.Config{Stall: stall})
	began := make(chan struct{})
	s.Handle("GET /long", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(began)
		_, _ = w.Write(make([]byte, 64<<20)) // more than a system buffers for a connection
	}))
	web := httptest.NewServer(s)
	client, err := net.Dial("tcp", web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer web.Close()
	defer client.Close() // before the server's Close, which would otherwise wait for the client
	if _, err := io.WriteString(client, "GET /long HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-began
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the server waits for a client that takes nothing")
	}
}
