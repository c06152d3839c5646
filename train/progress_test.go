package train

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestProgressLines(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b, 10)
	if err := p.OnEvaluation(Evaluation{0, 4.1744}); err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= 10; i++ {
		if err := p.OnStep(Step{Step: i, Loss: float64(10 - i), LearnRate: 1e-3, GradNorm: 0.5, TokensPerSecond: 12345, Seconds: float64(2 * i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(p.OnEvaluation(Evaluation{10, 1.5}), p.Close()); err != nil {
		t.Fatal(err)
	}
	// Two seconds a step, five at least between lines; the loss is the mean since
	// the line before.
	want := `step 0/10: val loss 4.1744
step 1/10: loss 9.0000, lr 1.00e-03, grad norm 0.500, 12.3k tokens/s
step 4/10: loss 7.0000, lr 1.00e-03, grad norm 0.500, 12.3k tokens/s, 12s left
step 7/10: loss 4.0000, lr 1.00e-03, grad norm 0.500, 12.3k tokens/s, 6s left
step 10/10: loss 1.0000, lr 1.00e-03, grad norm 0.500, 12.3k tokens/s
step 10/10: val loss 1.5000
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", &b, want)
	}
}

func TestProgressBar(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b, 200)
	p.showBar(80)
	// A resumed run: the time left comes from this session's two steps.
	for _, s := range []Step{
		{Step: 99, Loss: 2, TokensPerSecond: 800, Seconds: 50},
		{Step: 100, Loss: 1.25, TokensPerSecond: 800, Seconds: 51},
	} {
		if err := p.OnStep(s); err != nil {
			t.Fatal(err)
		}
	}
	last := b.String()[strings.LastIndex(b.String(), "\r"):]
	for _, want := range []string{"50%", "(100/200)", "loss 1.2500", "800 tok/s", "1m40s left"} {
		if !strings.Contains(last, want) {
			t.Errorf("the line %q has no %q", last, want)
		}
	}
	if n := len([]rune(strings.TrimPrefix(last, "\r\x1b[K"))); n > 80 {
		t.Errorf("the line has %d columns, want at most 80", n)
	}
	if n := strings.Count(b.String(), "\r\x1b[K"); n != 2 {
		t.Errorf("the line is drawn %d times for two steps", n)
	}
	b.Reset()
	if err := p.OnEvaluation(Evaluation{100, 1.5}); err != nil {
		t.Fatal(err)
	}
	if want := "\x1b[2K\rstep 100/200: val loss 1.5000\n"; b.String() != want {
		t.Errorf("an evaluation writes %q, want %q", b.String(), want)
	}
	if err := errors.Join(p.OnStep(Step{Step: 200, Seconds: 60}), p.Close()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "100%") || !strings.HasSuffix(b.String(), "\n") {
		t.Errorf("the end is %q, want 100%% and a line feed", b.String())
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestProgressReportsItsWriter(t *testing.T) {
	p := NewProgress(brokenWriter{}, 10)
	if err := p.OnStep(Step{Step: 1}); err == nil {
		t.Error("plain lines: a failed write is no error")
	}
	p.showBar(80)
	if err := p.OnStep(Step{Step: 10}); err == nil {
		t.Error("bar: a failed write is no error")
	}
}
