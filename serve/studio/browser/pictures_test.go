package browser

import (
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/gorgpt/gorgpt/serve"
)

// TestPictures takes the pictures of docs/studio.md, of SmolLM2 and of two small models. GORGPT_PICTURES is the
// directory for them:
//
//	GORGPT_PICTURES=../../../docs/studio GORGPT_SMOLLM2=FILE go test -run Pictures .
func TestPictures(t *testing.T) {
	dir, file := os.Getenv("GORGPT_PICTURES"), os.Getenv("GORGPT_SMOLLM2")
	if dir == "" || file == "" {
		t.Skip("GORGPT_PICTURES and GORGPT_SMOLLM2 are not set")
	}
	m, err := serve.Open(file, serve.Options{ID: "SmolLM2"})
	if err != nil {
		t.Fatal(err)
	}
	h := open(t, "", m, "gpt2-nano", "gpt1-nano")
	text := "&text=" + url.QueryEscape("The capital of France is Paris. The capital of Italy is Rome, and that of Spain is Madrid.")
	for name, c := range map[string]struct{ address, until string }{
		"text":      {"model=SmolLM2&at=12" + text, candidates + " > 8"},
		"attention": {"model=SmolLM2&at=12&panel=attention&colour=attention&layer=16&head=4" + text, "document.querySelector('.panel, main').textContent.includes('layer 16, head 4')"},
		"lens":      {"model=SmolLM2&at=12&panel=lens" + text, "document.querySelector('main').textContent.includes('block 29')"},
		"graph":     {"view=graph&model=gpt2-nano&with=gpt1-nano" + text, "document.querySelector('svg text')"},
	} {
		b := visit(t, h, "#"+c.address)
		if name == "attention" {
			b.run("document.documentElement.dataset.theme = 'dark'; dispatchEvent(new Event('theme'))")
		}
		b.do(chromedp.EmulateViewport(1200, 720))
		b.until(name+" is there", c.until)
		b.until(name+" is whole", "!document.querySelector('.busy')")
		picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}
