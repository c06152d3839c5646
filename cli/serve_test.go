package cli

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// saveBytes saves a small model whose tokens are bytes.
func saveBytes(t *testing.T, dir string) {
	t.Helper()
	m, params := gpt2.New(257, 2048, 16, 1, 2), graph.NewParams(1)
	if err := models.Declare(m, params); err != nil {
		t.Fatal(err)
	}
	config, err := models.JSON(m, 256)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkpoint.Save(dir, checkpoint.Contents{Config: config, Params: params, Tokenizer: tokenizer.Bytes().Save}); err != nil {
		t.Fatal(err)
	}
}

// heard collects the standard error of a command, and can be read meanwhile.
type heard struct {
	mu   sync.Mutex
	text strings.Builder
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(p)
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}

// TestServe: gorgpt serve answers on its address, under the names that --from gives. An interrupt lets the current request
// finish, and the command ends without an error.
func TestServe(t *testing.T) {
	t.Chdir(t.TempDir())
	saveBytes(t, "small")
	if err := os.WriteFile("key", []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var stderr heard
	status := make(chan int)
	go func() {
		status <- execute(ctx, []string{"serve", "--from", "small", "--from", "other=small", "--listen", "127.0.0.1:0", "--slots", "2", "--key-file", "key", "--context", "1024"}, io.Discard, &stderr)
	}()
	url := ""
	for until := time.Now().Add(time.Minute); !strings.Contains(stderr.String(), "other: 2 sequences each of 1024 of 2048 positions"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("says %q", stderr.String())
		}
	}
	url = regexp.MustCompile(`http://\S+`).FindString(stderr.String())
	ask := func(method, path, body string) (int, string) {
		r, err := http.NewRequest(method, url+path, strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return 0, ""
		}
		r.Header.Set("Authorization", "Bearer secret")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Error(err)
			return 0, ""
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Error(err)
		}
		return answer.StatusCode, string(text)
	}
	if code, text := ask(http.MethodGet, "/v1/models", ""); code != http.StatusOK || !strings.Contains(text, `"id":"small"`) || !strings.Contains(text, `"id":"other"`) {
		t.Errorf("%d %s", code, text)
	}
	if answer, err := http.Get(url + "/v1/models"); err != nil || answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("without the key: %v, %v", answer, err)
	}
	last := make(chan string)
	began := make(chan bool)
	go func() {
		close(began)
		_, text := ask(http.MethodPost, "/v1/completions", `{"model": "other", "prompt": "x", "max_tokens": 600, "ignore_eos": true, "stream": true}`)
		last <- text
	}()
	<-began
	for running := ""; !strings.Contains(running, `gorgpt_num_requests_running{model_name="other"} 1`); {
		_, running = ask(http.MethodGet, "/metrics", "")
		time.Sleep(5 * time.Millisecond)
	}
	interrupt()
	if text := <-last; !strings.HasSuffix(text, "data: [DONE]\n\n") {
		t.Errorf("the request ends with %q", text[max(0, len(text)-200):])
	}
	if got := <-status; got != 0 || !strings.Contains(stderr.String(), "stopping: requests have 30s to finish") {
		t.Errorf("status %d, %s", got, stderr.String())
	}
}

// TestServeRefused: what cannot be served is an error of one line.
func TestServeRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	saveBytes(t, "small")
	write(t, "empty", "")
	write(t, "words", "two words")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{nil, 2, "--from is missing: the checkpoint to serve"},
		{[]string{"--from", "none"}, 1, "none: no such file or folder"},
		{[]string{"--from", "small", "--from", "small"}, 1, "serve: two models are called small"},
		{[]string{"--from", "small", "--context", "4096"}, 1, "a context of 4096; the model has 2048 positions"},
		{[]string{"--from", "small", "--listen", "nowhere"}, 1, "--listen nowhere: missing port in address; want one such as 127.0.0.1:8080"},
		{[]string{"--from", "small", "--listen", taken.Addr().String()}, 1, "--listen " + taken.Addr().String() + ": another program listens there"},
		{[]string{"--from", "small", "--slots", "0"}, 2, "--slots 0"},
		{[]string{"--from", "small", "--queue", "-1"}, 2, "--queue -1"},
		{[]string{"--from", "small", "--grace", "-1"}, 2, "--grace -1"},
		{[]string{"--from", "small", "--origin", "example.org"}, 2, "--origin example.org: want one such as https://example.org, or *"},
		{[]string{"--from", "small", "--key-file", "empty"}, 1, "--key-file empty: want one word, the key"},
		{[]string{"--from", "small", "--key-file", "words"}, 1, "--key-file words: want one word, the key"},
		{[]string{"--from", "small", "--key-file", filepath.Join("no", "key")}, 1, "no/key: no such file or directory"},
	} {
		args := append([]string{"serve", "--listen", "127.0.0.1:0"}, c.args...)
		if status, stdout, stderr := gorgpt(t, t.Context(), args...); status != c.status || stdout != "" || !strings.Contains(stderr, "gorgpt: "+c.want) {
			t.Errorf("%q: status %d, %s; want %d, %s", c.args, status, stderr, c.status, c.want)
		}
	}
}
