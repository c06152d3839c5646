package train

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// writeLog writes the metrics and events of the given number of steps, with an evaluation at every fourth.
func writeLog(t *testing.T, dir string, steps int) (metrics, events string) {
	t.Helper()
	metrics, events = filepath.Join(dir, "metrics.jsonl"), filepath.Join(dir, EventsFile)
	m, err := OpenMetrics(metrics, -1)
	if err != nil {
		t.Fatal(err)
	}
	e, err := OpenEvents(events, -1)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= steps; n++ {
		for _, o := range []Observer{m, e} {
			if err := o.OnStep(Step{Step: n, Tokens: int64(n), Loss: 1 / float64(n), LearnRate: 1e-3, GradNorm: 1, TokensPerSecond: 5, Seconds: float64(n)}); err != nil {
				t.Fatal(err)
			}
			if n%4 > 0 {
				continue
			}
			if err := o.OnEvaluation(Evaluation{Step: n, Loss: 2}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(m.Sync(), e.Sync(), m.Close(), e.Close()); err != nil {
		t.Fatal(err)
	}
	return metrics, events
}

// flips are the ways in which a byte is damaged.
var flips = map[string]func(byte) byte{
	"a bit":   func(b byte) byte { return b ^ 1 },
	"its top": func(b byte) byte { return b ^ 0x80 },
	"NUL":     func(byte) byte { return 0 },
}

// TestFlippedMetrics: whichever byte of a log is damaged, the run can be resumed, all other lines are kept,
// and the log is then valid.
func TestFlippedMetrics(t *testing.T) {
	const steps = 5
	dir := t.TempDir()
	path, _ := writeLog(t, dir, steps)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Count(good, []byte("\n"))
	for name, flip := range flips {
		for i := range good {
			bad := bytes.Clone(good)
			bad[i] = flip(bad[i])
			if err := os.WriteFile(path, bad, 0o666); err != nil {
				t.Fatal(err)
			}
			m, err := OpenMetrics(path, steps)
			if err != nil {
				t.Fatalf("%s at %d: %v", name, i, err)
			}
			m.Close()
			var r recorder
			now, _ := os.ReadFile(path)
			if err := Replay(bytes.NewReader(now), &r); err != nil {
				t.Fatalf("%s at %d: after mending: %v", name, i, err)
			}
			lost := lines - len(r.log)
			if lost > 2 || lost == 2 && good[i] != '\n' { // a lost line break joins two lines
				t.Errorf("%s at %d (%q): %d lines lost", name, i, good[i], lost)
			}
			aside, _ := filepath.Glob(path + ".damaged*")
			if (lost > 0 || len(aside) > 0) && m.Mended() == "" {
				t.Errorf("%s at %d: %d lines lost, %v kept, and nothing said", name, i, lost, aside)
			}
			if len(aside) == 1 {
				if kept, _ := os.ReadFile(aside[0]); !bytes.Equal(kept, bad) {
					t.Errorf("%s at %d: the file as it was is not kept", name, i)
				}
				os.Remove(aside[0])
			}
		}
	}
}

// TestFlippedEvents: whichever byte of TensorBoard's file is damaged, it ends up with the records
// that it had, restored from the metrics where they were damaged.
func TestFlippedEvents(t *testing.T) {
	const steps = 5
	metrics, path := writeLog(t, t.TempDir(), steps)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(metrics)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, bad []byte) {
		t.Helper()
		if err := os.WriteFile(path, bad, 0o666); err != nil {
			t.Fatal(err)
		}
		e, err := OpenEvents(path, steps)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if e.Mended() == "" {
			t.Errorf("%s: nothing said", what)
		}
		if err := errors.Join(e.Refill(bytes.NewReader(log)), e.Close()); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		now, _ := os.ReadFile(path)
		if k, err := keptEvents(bytes.NewReader(now), steps); err != nil || k.end != int64(len(good)) || len(now) != len(good) {
			t.Errorf("%s: %+v, %v of %d bytes; want the %d there were", what, k, err, len(now), len(good))
		}
	}
	for name, flip := range flips {
		for i := range good {
			bad := bytes.Clone(good)
			if bad[i] = flip(bad[i]); bad[i] != good[i] {
				check(name, bad)
			}
		}
	}
	check("missing", nil)
	check("cut", good[:len(good)/2])
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// TestUnreadableMetrics: a read error is not treated as damage, which would drop the lines after it.
func TestUnreadableMetrics(t *testing.T) {
	path, _ := writeLog(t, t.TempDir(), 2)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if keep, err := (&Metrics{f: f}).mend(2); err == nil || keep != 0 {
		t.Errorf("%d bytes kept, %v; want the error", keep, err)
	}
	if _, err := keepSpans(f, []span{{1, 2}}); err == nil {
		t.Error("moving what cannot be read is no error")
	}
	broken := errors.New("broken")
	if err := Replay(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("%v, want %v", err, broken)
	}
}

// TestMendedMetrics: what was repaired is reported.
func TestMendedMetrics(t *testing.T) {
	dir := t.TempDir()
	path, _ := writeLog(t, dir, 10)
	good := readFile(t, path)
	lines := strings.SplitAfter(good, "\n")
	for name, c := range map[string]struct{ text, want, left string }{
		"whole":   {good, "", good},
		"missing": {"", "metrics.jsonl: ends at step 0, before the checkpoint at step 10", ""},
		"cut":     {strings.Join(lines[:5], "") + lines[5][:20], "metrics.jsonl: ends at step 4, before the checkpoint at step 10", strings.Join(lines[:5], "")},
		"two writers": {
			good[:300] + strings.Repeat("\x00", 500) + good[300:],
			`metrics.jsonl: line 4: "\x00` + strings.Repeat(`\x00`, 39) + `…" is not a JSON object of metrics; left out, and the original file is kept as metrics.jsonl.damaged`, "",
		},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		m, err := OpenMetrics(path, 10)
		if err != nil {
			t.Fatal(err)
		}
		m.Close()
		if name != "two writers" && (m.Mended() != c.want || readFile(t, path) != c.left) {
			t.Errorf("%s: %s\nwant %s; left\n%s", name, m.Mended(), c.want, readFile(t, path))
		}
		if name == "two writers" && (!strings.Contains(m.Mended(), "is not a JSON object of metrics; left out, and the original file is kept as metrics.jsonl.damaged") || readFile(t, path+".damaged") != c.text) {
			t.Errorf("%s: %s", name, m.Mended())
		}
	}
}
