package train

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

func TestProgressLines(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b, 10, Machine{})
	if err := p.OnEvaluation(Evaluation{Step: 0, Loss: 4.1744}); err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= 10; i++ {
		if err := p.OnStep(Step{Step: i, Loss: float64(10 - i), LearnRate: 1e-3, GradNorm: 0.5, TokensPerSecond: 12345, Seconds: float64(2 * i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.OnEvaluation(Evaluation{Step: 10, Loss: 1.5}); err != nil {
		t.Fatal(err)
	}
	// A step takes two seconds, and lines are at least five seconds apart; the loss is the mean
	// since the previous line.
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

// TestProgressOfTokens: for a run measured in tokens, the line shows tokens, and the time left is computed
// from them: here the last two of four steps have half of the tokens.
func TestProgressOfTokens(t *testing.T) {
	steps := []Step{{Step: 1, Tokens: 500_000_000}, {Step: 2, Tokens: 2_000_000_000, Seconds: 30}, {Step: 4, Tokens: 4_000_000_000, Seconds: 70}}
	var b bytes.Buffer
	p := NewProgress(&b, 4, Machine{})
	p.OfTokens(4_000_000_000)
	for _, s := range steps {
		if err := p.OnStep(s); err != nil {
			t.Fatal(err)
		}
	}
	want := `step 1/4, 500.00M of 4.00B tokens: loss 0.0000, lr 0.00e+00, grad norm 0.000, 0 tokens/s
step 2/4, 2.00B of 4.00B tokens: loss 0.0000, lr 0.00e+00, grad norm 0.000, 0 tokens/s, 40s left
step 4/4, 4.00B of 4.00B tokens: loss 0.0000, lr 0.00e+00, grad norm 0.000, 0 tokens/s
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", &b, want)
	}
	b.Reset()
	p.view(100, Machine{})
	p.OfTokens(4_000_000_000)
	if err := p.OnStep(Step{Step: 3, Tokens: 3_000_000_000, Seconds: 80}); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); !strings.Contains(got, "step 3/4, 3.00B of 4.00B tokens [") || !strings.Contains(got, "] 75 %") {
		t.Errorf("the live view:\n%s", got)
	}
}

// TestLiveView: the view is erased before it is drawn again, fits into the terminal, and has the curve and all figures.
func TestLiveView(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b, 200, Machine{})
	p.view(80, Machine{FLOPs: 6e6, Rate: 1e10, Memory: func() int64 { return 123_000_000 }})
	if err := p.OnEvaluation(Evaluation{Step: 0, Loss: 3}); err != nil {
		t.Fatal(err)
	}
	// In a resumed run, the time left is computed from this session's two steps.
	for _, s := range []Step{
		{Step: 99, Loss: 2, TokensPerSecond: 800, Seconds: 50, Skipped: true},
		{Step: 100, Loss: 1.25, LearnRate: 1e-3, GradNorm: 0.5, TokensPerSecond: 800, Seconds: 51},
		{Step: 101, Loss: 1.5, TokensPerSecond: 800, Seconds: 51.1}, // too soon to draw again
	} {
		if err := p.OnStep(s); err != nil {
			t.Fatal(err)
		}
	}
	parts := strings.Split(b.String(), "\x1b[")
	if len(parts) != 3 || parts[1] != "3A\r" || !strings.HasPrefix(parts[2], "J") {
		t.Fatalf("the view is drawn as %q, want one erasure of 3 lines", b.String())
	}
	view := parts[2][1:]
	for _, want := range []string{"2.000 ┼", "1.250 ┤", "step 100/200 [====", "] 50 %  1m40s left", "loss 1.2500  val 3.0000 (best 3.0000 at 0)  lr 1.00e-03  grad norm 0.500",
		"800 tokens/s  48 % of 10 GFLOP/s  123 MB  1 skipped"} {
		if !strings.Contains(view, want) {
			t.Errorf("the view has no %q:\n%s", want, view)
		}
	}
	lines := strings.Split(strings.TrimSuffix(view, "\n"), "\n")
	for _, line := range lines {
		if n := len([]rune(line)); n > 79 {
			t.Errorf("the line %q has %d columns, want at most 79", line, n)
		}
	}
	b.Reset()
	if err := p.OnEvaluation(Evaluation{Step: 100, Loss: 1.5}); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("\x1b[%dA\r\x1b[Jstep 100/200: val loss 1.5000\n%s", len(lines), view); b.String() != want {
		t.Errorf("an evaluation writes %q, want %q", b.String(), want)
	}
}

// TestCurve: the curve of a long run is thinned by taking means, so its length is bounded.
func TestCurve(t *testing.T) {
	var l live
	const n = 100_000
	for i := range n {
		l.add(float64(i))
	}
	l.add(math.NaN())
	if len(l.curve) >= curvePoints || len(l.curve) < curvePoints/4 {
		t.Errorf("%d points", len(l.curve))
	}
	for i, x := range l.curve {
		if want := float64(i*l.each) + float64(l.each-1)/2; x != want {
			t.Fatalf("point %d is %v, want %v", i, x, want)
		}
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestProgressReportsItsWriter(t *testing.T) {
	p := NewProgress(brokenWriter{}, 10, Machine{})
	if err := p.OnStep(Step{Step: 1}); err == nil {
		t.Error("plain lines: a failed write is no error")
	}
	p.view(80, Machine{})
	if err := p.OnStep(Step{Step: 10}); err == nil {
		t.Error("view: a failed write is no error")
	}
}
