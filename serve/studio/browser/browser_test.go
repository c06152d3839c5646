package browser

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt1"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/serve"
	"github.com/gorgpt/gorgpt/serve/studio"
	"github.com/gorgpt/gorgpt/tokenizer"

	G "gorgonia.org/gorgonia"
)

// patience is the time a step may take on a busy machine.
const patience = time.Minute

// missing ends a test that needs something that is not installed: the test is skipped, or fails if REQUIRE_BROWSER is
// set, as in .ci/run.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("REQUIRE_BROWSER") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// chromium returns the path of the browser.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "no chromium: apt-get install chromium")
	return ""
}

const chatTemplate = "{% for m in messages %}<|im_start|>{{ m.role }}:{{ m.content }}<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant:{% endif %}"

// save saves a small byte-level model with random weights and a chat template.
func save(t *testing.T, name string) string {
	t.Helper()
	tok, err := tokenizer.AddSpecials(tokenizer.Bytes(), "<|im_start|>", "<|im_end|>")
	if err != nil {
		t.Fatal(err)
	}
	m, err := models.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	d := models.DimsOf(m)
	d.Vocab, d.Layers, d.Context = tok.Size(), 2, 128
	m = models.WithDims(m, d)
	params := graph.NewParams(7)
	config, err := models.JSON(m, 256)
	if err == nil {
		err = models.Declare(m, params)
	}
	path := filepath.Join(t.TempDir(), name)
	if err == nil {
		err = checkpoint.Save(path, checkpoint.Contents{Config: config, Params: params, Tokenizer: tok.Save})
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(path, "chat_template.jinja"), []byte(chatTemplate), 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// shifted returns a served model whose tokens are characters, numbered in a different order than bytes.
func shifted(t *testing.T) *serve.Model {
	t.Helper()
	var all strings.Builder
	for c := '~'; c >= ' '; c-- {
		all.WriteRune(c)
	}
	tok, err := tokenizer.NewChars(strings.NewReader(all.String() + "\n\t\ufffd"))
	if err != nil {
		t.Fatal(err)
	}
	m := models.Model(gpt2.New(tok.Size(), 128, 32, 2, 2))
	params := graph.NewParams(9)
	config, err := models.JSON(m, -1)
	if err == nil {
		err = models.Declare(m, params)
	}
	path := filepath.Join(t.TempDir(), "shifted")
	if err == nil {
		err = checkpoint.Save(path, checkpoint.Contents{Config: config, Params: params, Tokenizer: tok.Save})
	}
	if err != nil {
		t.Fatal(err)
	}
	served, err := serve.Open(path, serve.Options{ID: "shifted"})
	if err != nil {
		t.Fatal(err)
	}
	return served
}

// edited returns a served model with edits: a square in place of the activations, and a norm after the first block.
func edited(t *testing.T) *serve.Model {
	t.Helper()
	m, err := serve.Open(save(t, "gpt2-nano"), serve.Options{ID: "mine"})
	if err != nil {
		t.Fatal(err)
	}
	m.Model = models.Edit(m.Model, graph.Replace("h.*.mlp.act", func(s *graph.Scope, x *G.Node) *G.Node { return s.Node(G.Square(x)) }), graph.After("h.0", func(s *graph.Scope, x *G.Node) *G.Node {
		return layers.RMSNorm(s.At("mine"), x, layers.RMS{})
	}))
	return m
}

// classifier returns a served classifier of two classes with random weights and a file of predictions.
func classifier(t *testing.T) *serve.Model {
	t.Helper()
	e, err := finetune.NewEncoder(tokenizer.Bytes(), 24)
	if err != nil {
		t.Fatal(err)
	}
	task := tasks.Task{Name: "toy", Kind: tasks.Classification, Labels: []string{"bad", "good"}, Metrics: []string{"accuracy"}}
	c := finetune.Trained{
		Description: finetune.Describe(task, 2, 24),
		Classifier:  finetune.Classifier{Base: gpt1.New(260, 24, 16, 1, 2), Kind: task.Kind, Outputs: 2},
		Params:      graph.NewParams(5), Encoder: e,
	}
	if err := c.Classifier.Declare(c.Params); err != nil {
		t.Fatal(err)
	}
	run := filepath.Join(t.TempDir(), "toy")
	dir := filepath.Join(run, "checkpoints", "best")
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := c.Save(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(run, "predictions.tsv"), []byte("line\ttruth\tpredicted\n1\tgood\tgood\n2\tbad\tgood\n3\tbad\tbad\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	m, err := serve.Open(dir, serve.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// open serves small models and the studio.
func open(t *testing.T, runs string, served ...any) *httptest.Server {
	t.Helper()
	s := serve.New(serve.Config{})
	for _, one := range served {
		m, is := one.(*serve.Model)
		if !is {
			var err error
			if m, err = serve.Open(save(t, one.(string)), serve.Options{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Add(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := studio.Mount(s, studio.Config{Runs: runs}); err != nil {
		t.Fatal(err)
	}
	s.Ready()
	h := httptest.NewServer(s)
	t.Cleanup(func() {
		h.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// tab is a page in the browser, whose errors fail the test.
type tab struct {
	t   *testing.T
	ctx context.Context
}

// visit opens the page in a browser. The page may log no errors other than those expected.
func visit(t *testing.T, h *httptest.Server, address string, expected ...string) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.WindowSize(1400, 900))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 5*patience)
	t.Cleanup(cancel)
	b := &tab{t, ctx}
	b.do(chromedp.EmulateViewport(1400, 900))
	messages := chromedp.Console(ctx)
	var told sync.WaitGroup
	told.Add(1)
	stop, cancel := context.WithCancel(ctx)
	go func() {
		defer told.Done()
		for m, err := range messages {
			if err != nil || stop.Err() != nil {
				return
			}
			if (m.IsException() || m.Type == "error") && !slices.ContainsFunc(expected, func(e string) bool { return strings.Contains(m.Text, e) }) {
				t.Errorf("the page says: %s", m)
			}
		}
	}()
	t.Cleanup(cancel)
	b.do(chromedp.Navigate(h.URL + "/" + address))
	b.until("the page is ready", "'ready' in document.documentElement.dataset")
	return b
}

// do runs browser actions.
func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// until waits until an expression is true.
func (b *tab) until(what, holds string) {
	b.t.Helper()
	_, err := chromedp.Run(b.ctx, chromedp.Poll[bool]("!!("+holds+")", chromedp.WithPollingInterval(30*time.Millisecond), chromedp.WithPollingTimeout(patience)))
	if err != nil {
		trouble, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.getElementById('trouble').textContent"))
		b.t.Fatalf("never: %s (%v) %s", what, err, trouble)
	}
}

// eval returns the value of an expression.
func eval[A any](b *tab, expression string) A {
	b.t.Helper()
	a, err := chromedp.Run(b.ctx, chromedp.Evaluate[A](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return a
}

// run evaluates an expression without a value.
func (b *tab) run(expression string) {
	b.t.Helper()
	eval[bool](b, "(() => {"+expression+"; return true; })()")
}

// press presses keys, with modifiers.
func (b *tab) press(keys string, with ...chromedp.Modifier) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys, chromedp.KeyModifiers(with...)))
}

// theme sets the color scheme that the system prefers.
func (b *tab) theme(name string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}})
	if err != nil {
		b.t.Fatal(err)
	}
}

const axeVersion = "4.14.1"

// axe returns the source of axe-core from its npm package, which is fetched once.
func axe(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "gorgpt")
	path := filepath.Join(dir, "axe-core-"+axeVersion+".tgz")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("npm", "pack", "--silent", "--pack-destination", dir, "axe-core@"+axeVersion).CombinedOutput(); err != nil {
			missing(t, fmt.Sprintf("no axe-core: npm pack: %v %s", err, strings.TrimSpace(string(out))))
		}
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		header, err := r.Next()
		if err != nil {
			t.Fatalf("%s: no axe.min.js: %v", path, err)
		}
		if header.Name == "package/axe.min.js" {
			source, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			return string(source)
		}
	}
}
