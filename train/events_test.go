package train

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func writeEvents(t *testing.T, path string, from, to int) {
	t.Helper()
	e, err := OpenEvents(path, from)
	if err != nil {
		t.Fatal(err)
	}
	for i := from + 1; i <= to; i++ {
		if err := e.OnStep(Step{Step: i, Loss: 4 / float64(i), LearnRate: 1e-3, GradNorm: 0.5, TokensPerSecond: 1e4, Skipped: i == 3}); err != nil {
			t.Fatal(err)
		}
		if i%5 == 0 {
			if err := e.OnEvaluation(Evaluation{Step: i, Loss: 5 / float64(i)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

// withoutTimes sets the wall times of events to 0, for comparison. A record is a header of 12 bytes, the
// event, whose bytes 1 to 8 are the time, and a checksum.
func withoutTimes(t *testing.T, path string) []byte {
	t.Helper()
	b := []byte(readFile(t, path))
	for at := 0; at < len(b); {
		n := int(b[at]) | int(b[at+1])<<8
		clear(b[at+13 : at+21])
		clear(b[at+12+n : at+16+n])
		at += 16 + n
	}
	return b
}

// TestEventsResume: a file that is cut back to a step and continued equals that of an uninterrupted run, also
// after a crash within a record.
func TestEventsResume(t *testing.T) {
	dir := t.TempDir()
	whole, resumed := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	writeEvents(t, whole, 0, 20)
	writeEvents(t, resumed, 0, 13)
	b := readFile(t, resumed)
	if err := os.WriteFile(resumed, []byte(b[:len(b)-7]), 0o666); err != nil {
		t.Fatal(err)
	}
	writeEvents(t, resumed, 10, 20)
	if !bytes.Equal(withoutTimes(t, whole), withoutTimes(t, resumed)) {
		t.Error("the files differ")
	}
	damaged := []byte(readFile(t, whole))
	damaged[len(damaged)/2] ^= 1
	if err := os.WriteFile(resumed, damaged, 0o666); err != nil {
		t.Fatal(err)
	}
	e, err := OpenEvents(resumed, 20)
	if err != nil {
		t.Fatal(err)
	}
	if e.Close(); !strings.Contains(e.Mended(), ": offset ") {
		t.Errorf("a damaged file: %q is said", e.Mended())
	}
}

// TestEventsOpenInTensorBoard reads a file with TensorBoard's reader. GORGPT_TENSORBOARD must name a Python
// that has the package tensorboard.
func TestEventsOpenInTensorBoard(t *testing.T) {
	python := os.Getenv("GORGPT_TENSORBOARD")
	if python == "" {
		t.Skip("GORGPT_TENSORBOARD names no Python with tensorboard")
	}
	dir := t.TempDir()
	writeEvents(t, filepath.Join(dir, EventsFile), 0, 10)
	out, err := exec.Command(python, "-c", `
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
a = EventAccumulator(sys.argv[1]); a.Reload()
print(sorted(a.Tags()["scalars"]))
print([(e.step, round(e.value, 4)) for e in a.Scalars("loss/train")][:3], [(e.step, e.value) for e in a.Scalars("loss/validation")])
print([e.step for e in a.Scalars("skipped") if e.value])
`, dir).CombinedOutput()
	want := `['grad_norm', 'learning_rate', 'loss/train', 'loss/validation', 'skipped', 'tokens_per_s']
[(1, 4.0), (2, 2.0), (3, 1.3333)] [(5, 1.0), (10, 0.5)]
[3]
`
	if err != nil || !strings.HasSuffix(string(out), want) {
		t.Errorf("error %v, output\n%s\nwant\n%s", err, out, want)
	}
}

// TestMaskedSum checks RFC 3720's example (appendix B.4: 32 bytes of zeros have the checksum 8a9136aa), masked by hand.
func TestMaskedSum(t *testing.T) {
	sum := uint32(0x8a9136aa)
	if got, want := maskedSum(make([]byte, 32)), (sum>>15|sum<<17)+0xa282ead8; got != want {
		t.Errorf("%08x, want %08x", got, want)
	}
}

func FuzzEvents(f *testing.F) {
	path := filepath.Join(f.TempDir(), "x")
	e, err := OpenEvents(path, 0)
	if err != nil {
		f.Fatal(err)
	}
	if err := e.OnStep(Step{Step: 3, Loss: math.NaN()}); err != nil {
		f.Fatal(err)
	}
	if err := e.Close(); err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:20])
	f.Fuzz(func(t *testing.T, b []byte) {
		if k, _ := keptEvents(bytes.NewReader(b), 5); k.lastBegin < 0 || k.end < k.lastBegin || k.end > int64(len(b)) || k.last > 5 {
			t.Errorf("%+v of %d bytes is kept", k, len(b))
		}
	})
}

// BenchmarkWatching measures what the files and the live view of a run cost per step.
func BenchmarkWatching(b *testing.B) {
	dir := b.TempDir()
	metrics, err1 := OpenMetrics(filepath.Join(dir, "metrics.jsonl"), 0)
	events, err2 := OpenEvents(filepath.Join(dir, EventsFile), 0)
	if err := errors.Join(err1, err2); err != nil {
		b.Fatal(err)
	}
	progress := NewProgress(io.Discard, 1<<30, Machine{})
	progress.view(100, Machine{FLOPs: 1, Rate: 1})
	observers := []Observer{metrics, events, NewPlot(filepath.Join(dir, "loss.png")), progress}
	i := 0
	for b.Loop() {
		i++
		for _, o := range observers {
			// At 20 ms per step, the view is drawn at one step of 25.
			if err := o.OnStep(Step{Step: i, Loss: 3 + 1/float64(i), LearnRate: 1e-3, GradNorm: 0.5, TokensPerSecond: 38400, Seconds: 0.02 * float64(i)}); err != nil {
				b.Fatal(err)
			}
		}
	}
}
