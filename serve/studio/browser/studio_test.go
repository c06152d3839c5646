package browser

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Expressions for what the tests look for in the page.
const (
	candidates = "document.querySelectorAll('.cands li button').length"
	coloured   = "[...document.querySelectorAll('.mirror i')].filter(i => i.style.backgroundColor).length"
	value      = "document.getElementById('text').value"
)

// TestWrite: a user types, sees the tokens and candidates, picks a candidate by a key, has the model write, stops it,
// and undoes.
func TestWrite(t *testing.T) {
	b := visit(t, open(t, "", "gpt2-nano"), "")
	b.press("Gophers dig")
	b.until("the tokens have colours", coloured+" >= 10")
	b.until("there are candidates", candidates+" > 8 && !document.querySelector('.busy') && document.querySelector('.facts').textContent.includes('after token 10')")
	third := eval[string](b, "document.querySelectorAll('.cands li button .tok')[2].textContent")
	b.press("3", chromedp.ModifierAlt)
	b.until("the third is in the text", value+".length > 11")
	if got := eval[string](b, value); spoken(got[11:]) != third && len(third) == 1 {
		t.Errorf("Alt 3 put %q, the third was %q", got, third)
	}
	b.until("the candidates are the next token's", "document.querySelector('.facts').textContent.includes('after token 11')")
	b.press("z", chromedp.ModifierCtrl)
	b.until("it is undone", value+" === 'Gophers dig'")
	b.until("the undone text is read", "!document.querySelector('.busy')")

	b.press(kb.Tab)
	b.until("the model has written", value+".length > 11 && document.querySelector('[role=status]').textContent.includes('40 tokens')")
	written := eval[string](b, value)
	b.until("what was written has colours", coloured+" > 30")
	b.until("it is read", "!document.querySelector('.busy')")
	b.press("z", chromedp.ModifierCtrl)
	b.until("that is undone", value+" === 'Gophers dig'")
	b.until("and read", "!document.querySelector('.busy')")
	b.press(kb.Tab) // the same seed
	b.until("the same is written again", fmt.Sprintf("%s === %s", value, quoted(written)))
	b.until("it is read again", "!document.querySelector('.busy')")

	b.press("t", chromedp.ModifierAlt)
	b.until("the tree has both", "document.querySelectorAll('.tree button').length >= 4")
	b.press("b", chromedp.ModifierAlt)
	b.until("there are three drafts", "[...document.querySelectorAll('.tree em')].filter(e => e.textContent.startsWith('draft')).length === 3")
	b.run("[...document.querySelectorAll('.tree button')].find(x => x.textContent.startsWith('draft 2')).click()")
	b.until("the second draft is shown", value+" !== "+quoted(written))

	b.until("it is read as it is", "!document.querySelector('.busy')")
	b.until("the address has the text", "location.hash.split('.').length > 80 && location.hash.includes('panel=tree')") // the address is set a moment later
	now := eval[string](b, value)
	b.do(chromedp.Reload())
	b.until("a new page shows the same", "document.getElementById('text') && "+value+" === "+quoted(now)+" && document.querySelectorAll('.tree button').length > 6")
}

// spoken returns a text in the form in which tokens are shown.
func spoken(text string) string {
	return strings.NewReplacer(" ", "·", "\n", "⏎", "\t", "⇥", "\r", "␍").Replace(text)
}

func quoted(text string) string {
	q, _ := json.Marshal(text)
	return string(q)
}

// TestStop: Esc stops a text that is being written, and the part written so far remains.
func TestStop(t *testing.T) {
	b := visit(t, open(t, "", "llama-nano"), "#tokens=120&text=a")
	b.until("it is read", candidates+" > 5")
	b.run("document.getElementById('write').click()")
	b.until("it is being written", value+".length > 3")
	b.press(kb.Escape)
	b.until("it has ended", "!document.getElementById('write').disabled")
	if n := eval[int](b, value+".length"); n < 3 {
		t.Errorf("%d characters are left", n)
	}
}

// TestSampling: a sampling option changes the distribution, and the page shows it.
func TestSampling(t *testing.T) {
	b := visit(t, open(t, "", "gpt2-nano"), "#text=Gophers&temperature=1&top_k=0")
	b.until("there are candidates", candidates+" > 8")
	b.until("all are kept", "document.querySelector('#panel').textContent.includes('Sampling keeps 259 tokens')")
	b.run("const d = document.querySelector('[data-dial=top_k]'); d.value = 4; d.dispatchEvent(new Event('input', {bubbles: true}))")
	b.until("four are kept", "document.querySelector('#panel').textContent.includes('Sampling keeps 4 tokens')")
	b.until("the others are out", "document.querySelectorAll('.cands button.out').length >= 15")
	b.until("the address says so", "location.hash.includes('top_k=4')")
}

// TestInside checks attention, lens and norms for every family, and for an edited model.
func TestInside(t *testing.T) {
	names := []any{"gpt1-nano", "gpt2-nano", "gpt3-nano", "gptoss-nano", "llama-nano", "mine"}
	served := append([]any{}, names[:5]...)
	b := visit(t, open(t, "", append(served, edited(t))...), "#text=Gophers+dig+and+dig.")
	for _, name := range names {
		b.run("const m = document.getElementById('model'); m.value = " + quoted(name.(string)) + "; m.dispatchEvent(new Event('change'))")
		b.run("document.getElementById('tab-next').click()")
		b.until(fmt.Sprint(name, ": it is read"), "document.querySelector('.above').textContent.startsWith("+quoted(name.(string)+" ")+") && !document.querySelector('.busy') && "+candidates+" > 5")
		b.run("document.getElementById('tab-attention').click()")
		b.until(fmt.Sprint(name, ": 2 layers of 4 heads"), "document.querySelectorAll('.heads button').length === 8")
		b.run("const head = document.querySelectorAll('.heads button')[5]; if (head.getAttribute('aria-pressed') !== 'true') head.click(); document.querySelector('details').open = true")
		b.until(fmt.Sprint(name, ": the head is chosen"), "document.querySelectorAll('.heads button')[5].getAttribute('aria-pressed') === 'true'")
		b.until(fmt.Sprint(name, ": the text has its colours"), coloured+" > 8")
		b.until(fmt.Sprint(name, ": maps"), "document.querySelectorAll('.minis canvas').length === 4 && document.querySelector('.big').width > 10")
		b.run("document.getElementById('tab-lens').click()")
		b.until(fmt.Sprint(name, ": a lens of several depths"), "document.querySelectorAll('.lens tbody tr').length >= 3 && [...document.querySelectorAll('.lens tbody tr:first-child td')].at(-1).style.background")
		b.run("document.getElementById('tab-norms').click()")
		b.until(fmt.Sprint(name, ": norms"), "document.querySelector('.heat') && document.querySelector('.heat').height >= 5")
		if name == "gptoss-nano" {
			b.run("document.getElementById('tab-experts').click()")
			b.until("experts", "document.querySelectorAll('.heads button[aria-pressed=true]').length === 4")
		}
		b.run("document.querySelector('[data-view=graph]').click()")
		b.until(fmt.Sprint(name, ": a graph"), "document.querySelectorAll('.drawing .box').length >= 8")
		b.run("[...document.querySelectorAll('.drawing .box')].find(x => x.dataset.scope.includes('attn')).dispatchEvent(new MouseEvent('click', {bubbles: true}))")
		b.until(fmt.Sprint(name, ": values of its nodes"), "document.querySelectorAll('.nodes canvas').length >= 1")
		if boxes := eval[int](b, "document.querySelectorAll('.drawing .box').length"); boxes > 0 {
			b.press("o")
			b.until(fmt.Sprint(name, ": the box opens"), fmt.Sprint("document.querySelectorAll('.drawing .box').length > ", boxes))
			b.run("document.querySelector('.bar button').click()")
		}
		b.run("document.querySelector('[data-view=text]').click()")
		b.until("back to the text", "document.getElementById('text')")
	}
}

// TestOtherTokens: when the model is changed, in any view, a text is tokenized again for the new model and stays the
// same text.
func TestOtherTokens(t *testing.T) {
	b := visit(t, open(t, "", "gpt2-nano", shifted(t)), "#text=Gophers&model=gpt2-nano")
	b.until("it is read", coloured+" >= 6 && !document.querySelector('.busy') && "+candidates+" > 8")
	b.press("2", chromedp.ModifierAlt)
	b.until("a candidate is in the text", value+".length > 7 && !document.querySelector('.busy')")
	want := eval[string](b, value)
	choose := func(model string) {
		b.run("const m = document.getElementById('model'); m.value = " + quoted(model) + "; m.dispatchEvent(new Event('change'))")
	}
	show := func(view string) { b.run("document.querySelector('[data-view=" + view + "]').click()") }
	same := func(what string) {
		b.until(what, "document.getElementById('text') && !document.querySelector('.busy') && "+coloured+" >= 6")
		if got := eval[string](b, value); got != want {
			t.Errorf("%s: the text is %q, was %q", what, got, want)
		}
	}
	show("graph")
	b.until("the graph", "document.querySelectorAll('.box').length > 3 && !document.querySelector('.busy')")
	choose("shifted")
	b.until("the other's graph", "!document.querySelector('.busy')")
	show("text")
	same("read by the other")
	b.press("z", chromedp.ModifierCtrl)
	b.until("undone", value+" === 'Gophers' && !document.querySelector('.busy')")
	b.press("z", chromedp.ModifierCtrl, chromedp.ModifierShift)
	same("redone")
	choose("gpt2-nano")
	same("read by the first again")
}

// TestBeside: two models read one text, and their graphs are compared.
func TestBeside(t *testing.T) {
	b := visit(t, open(t, "", "gpt2-nano", "gpt1-nano"), "#text=Gophers+dig&model=gpt2-nano&with=gpt1-nano&colour=difference")
	b.until("both have read it", "document.querySelectorAll('.sheet .mirror').length === 2 && document.querySelector('.mirror.read').textContent.startsWith('Gophers dig')")
	b.until("the difference has colours", coloured+" >= 16")
	b.until("the second's candidates", "document.querySelectorAll('.cands').length === 2")
	b.run("document.querySelector('[data-view=graph]').click()")
	b.until("two graphs", "document.querySelectorAll('.drawing .box.changed').length > 4")
	b.until("the difference in words", "document.querySelector('pre') && document.querySelector('pre').textContent.includes('wpe')")
	b.run("const all = document.querySelectorAll('.drawing .box.added, .drawing .box.changed'); all[all.length - 1].dispatchEvent(new MouseEvent('click', { bubbles: true }))")
	b.until("a box of the second graph tells of its own nodes", "document.querySelector('.right .node') && document.querySelector('.picked').dataset.graph === '1'")
	if wrong := eval[string](b, "[...document.querySelectorAll('.right .node h3 .quiet')].map(x => x.textContent).filter(x => !x.startsWith(document.querySelector('.picked').dataset.scope)).join()"); wrong != "" {
		t.Errorf("the box tells of %s", wrong)
	}
}

// TestRuns: a run is followed while it continues.
func TestRuns(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mine", "metrics.jsonl")
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	write := func(from, to int) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
		if err != nil {
			t.Fatal(err)
		}
		for i := from; i <= to; i++ {
			fmt.Fprintf(f, `{"step":%d,"tokens":%d,"loss":%v,"lr":0.001,"grad_norm":1,"tokens_per_s":100,"seconds":%d}`+"\n", i, 64*i, 5-float64(i)/100, i)
		}
		fmt.Fprintf(f, `{"step":%d,"val_loss":4.2}`+"\n", to)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write(1, 50)
	b := visit(t, open(t, dir, "gpt2-nano"), "#view=runs")
	b.until("the run is there, and live", "document.querySelector('.list').textContent.includes('step 50') && document.querySelector('.live')")
	drawn := "document.querySelector('.charts canvas').toDataURL()"
	b.until("its curve is drawn", "document.querySelector('.charts canvas').width > 100")
	before := eval[string](b, drawn)
	write(51, 90)
	b.until("it goes on", "document.querySelector('.list').textContent.includes('step 90')")
	b.until("its curve goes on", drawn+" !== "+quoted(before))
}

// TestChat: a user talks to a model, and looks at the conversation in the text view.
func TestChat(t *testing.T) {
	b := visit(t, open(t, "", "gpt2-nano"), "#view=chat&tokens=20")
	b.press("Hello\r")
	b.until("it has answered", "document.querySelectorAll('.said').length === 2 && document.querySelector('.said.assistant').textContent.length > 3 && !document.querySelector('[type=submit]').disabled")
	b.run("[...document.querySelectorAll('button')].find(x => x.textContent === 'Look inside').click()")
	b.until("it is in the text view", "document.getElementById('text') && "+value+".startsWith('<|im_start|>user:Hello<|im_end|>')")
	b.until("its special tokens are tokens", "[...document.querySelectorAll('.mirror i')].some(i => i.textContent === '<|im_end|>')")
}

// TestClassify: a classifier's probabilities for a text are shown, and its confusion matrix.
func TestClassify(t *testing.T) {
	b := visit(t, open(t, "", classifier(t)), "")
	b.until("it is the view that there is", "document.querySelector('.class textarea')")
	b.run("document.querySelector('.class textarea').focus()")
	b.press("A quiet film.")
	b.until("both classes have a probability", "document.querySelectorAll('.answer .bars').length === 2 && document.querySelector('.answer').textContent.includes('%')")
	b.until("confusions", "document.querySelectorAll('.conf td').length === 6")
	b.run("document.querySelector('.conf button').click()")
	b.until("the mistake is listed", "document.querySelector('table.list').textContent.includes('2badgood')")
	b.until("it is still the only view", "document.querySelectorAll('#views a:not([hidden])').length === 1")
}

// TestTrouble: an error is shown on the page as one line.
func TestTrouble(t *testing.T) {
	b := visit(t, open(t, "", "gpt2-nano"), "#text=abc", "Failed to load resource")
	b.until("it is read", candidates+" > 5")
	b.run("fetch = (f => (...a) => f('/studio/none'))(fetch); const t = document.getElementById('text'); t.value = 'abcd'; t.dispatchEvent(new Event('input'))")
	b.until("the error is shown", "!document.getElementById('trouble').hidden && document.getElementById('trouble').textContent.includes('/studio/none')")
}

// TestPaint: the first paint comes quickly, and no request goes to another server.
func TestPaint(t *testing.T) {
	b := visit(t, open(t, "", "gpt2-nano"), "#text=abc")
	b.until("it is read", candidates+" > 5")
	best := 1e9
	for range 5 {
		b.do(chromedp.Reload())
		b.until("it is painted", "performance.getEntriesByName('first-contentful-paint').length")
		best = min(best, eval[float64](b, "performance.getEntriesByName('first-contentful-paint')[0].startTime"))
	}
	b.until("it is read again", candidates+" > 5")
	size := eval[int](b, "performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation')).reduce((n, r) => n + r.decodedBodySize, 0)")
	t.Logf("first contentful paint after %.0f ms, the best of 5; %d bytes loaded", best, size)
	if far := eval[string](b, "performance.getEntriesByType('resource').map(r => r.name).filter(n => !n.startsWith(location.origin)).join(' ')"); far != "" {
		t.Errorf("asked of others: %s", far)
	}
}

// TestAccess: in both themes, wide and narrow, no view has an element without a name, or a text with too little contrast.
func TestAccess(t *testing.T) {
	source := axe(t)
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "mine"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "mine", "metrics.jsonl"), []byte(`{"step":1,"tokens":64,"loss":4,"lr":0.001,"grad_norm":1,"tokens_per_s":100,"seconds":1}`+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	b := visit(t, open(t, dir, "gptoss-nano", "gpt1-nano"), "#text=Gophers+dig&model=gptoss-nano&with=gpt1-nano")
	b.run(source)
	look := func(place string) {
		t.Helper()
		found, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.flatMap(v => v.nodes.map(n => v.id + ": " + n.html.slice(0, 160) + " " + (n.any[0] ? n.any[0].message : ""))).slice(0, 12).join("\n"))`, chromedp.EvalAwaitPromise))
		if err != nil {
			t.Fatal(err)
		}
		if found != "" {
			t.Errorf("%s:\n%s", place, found)
		}
	}
	for _, theme := range []string{"light", "dark"} {
		b.theme(theme)
		for _, width := range []int64{1400, 420} {
			b.do(chromedp.EmulateViewport(width, 900))
			place := fmt.Sprintf("%s, %d wide: ", theme, width)
			b.run("document.querySelector('[data-view=text]').click()")
			for _, panel := range []struct{ name, there string }{
				{"next", candidates + " > 5"}, {"attention", "document.querySelectorAll('.heads button').length"}, {"lens", "document.querySelectorAll('.lens td').length"},
				{"norms", "document.querySelector('.heat')"}, {"experts", "document.querySelectorAll('.heads button[aria-pressed=true]').length"}, {"tree", "document.querySelectorAll('.tree button').length"},
			} {
				b.until("the panels", "document.getElementById('tab-"+panel.name+"')")
				b.run("document.getElementById('tab-" + panel.name + "').click()")
				b.until(panel.name, panel.there)
				look(place + panel.name)
			}
			for _, view := range []struct{ name, there string }{
				{"graph", "document.querySelector('.drawing .box') && document.querySelector('pre')"}, {"runs", "document.querySelector('.list label')"}, {"chat", "document.querySelector('.talk')"},
			} {
				b.run("document.querySelector('[data-view=" + view.name + "]').click()")
				b.until(view.name, view.there)
				look(place + view.name)
			}
			b.run("document.getElementById('help').click()")
			look(place + "keys")
			b.run("document.getElementById('keys').close()")
		}
	}
}
