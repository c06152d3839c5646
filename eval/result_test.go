package eval

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"
)

var someResult = Result{
	Metric: "b", Value: 0.25, Tokens: 7,
	Metrics:   Numbers{{"z", 1}, {"b", 0.25}, {"a", math.Inf(1)}},
	Protocol:  Settings{{"window", "8"}, {"data", `x "y"`}},
	Published: []Published{{"gpt2", "b", 0.5, "somewhere"}},
	Checks:    []Check{{"one", true, "as wanted"}, {"two", false, "not so"}},
}

// TestResultJSON checks the keys that scripts read and their order, with null for values that are not finite.
func TestResultJSON(t *testing.T) {
	for _, c := range []struct {
		r    Result
		want string
	}{
		{someResult, `{"metric":"b","value":0.25,"tokens":7,"protocol":{"window":"8","data":"x \"y\""},"metrics":{"z":1,"b":0.25,"a":null},` +
			`"published":[{"model":"gpt2","metric":"b","value":0.5,"source":"somewhere"}],` +
			`"checks":[{"name":"one","pass":true,"detail":"as wanted"},{"name":"two","pass":false,"detail":"not so"}]}`},
		{Result{Metric: "p", Value: math.NaN()}, `{"metric":"p","value":null,"tokens":0,"protocol":{}}`},
	} {
		got, err := json.Marshal(c.r)
		if err != nil || string(got) != c.want {
			t.Errorf("%s, %v\nwant %s", got, err, c.want)
		}
	}
	if got := someResult.Protocol.String(); got != `window 8, data x "y"` {
		t.Errorf("protocol %s", got)
	}
	if x, ok := someResult.Metrics.Get("c"); ok || x != 0 {
		t.Errorf("a metric that there is not: %v", x)
	}
	if someResult.Passed() || !(Result{Checks: []Check{{Pass: true}}}).Passed() || !(Result{}).Passed() {
		t.Error("passed")
	}
}

// TestResultPrint checks the plain-text output.
func TestResultPrint(t *testing.T) {
	for want, r := range map[string]Result{
		`pass  one: as wanted
FAIL  two: not so
  z                            1
* b                            0.25
  a                            +Inf
protocol
  window                       8
  data                         x "y"
published
  gpt2 b                       0.5       somewhere
`: someResult,
		"p 0.333333\nprotocol\n": {Metric: "p", Value: 1. / 3},
	} {
		var b bytes.Buffer
		if err := r.Print(&b); err != nil || b.String() != want {
			t.Errorf("%v\n%swant\n%s", err, b.String(), want)
		}
	}
	full := errors.New("full")
	if err := someResult.Print(failing{full}); !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
}

// failing is a writer that always fails.
type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// TestFolder: a data set is identified by the hash of its bytes; the files of a folder are hashed in the order of
// their names.
func TestFolder(t *testing.T) {
	dir := t.TempDir()
	sum := func(text string) string { h := sha256.Sum256([]byte(text)); return hex.EncodeToString(h[:]) }
	for name, text := range map[string]string{"b": "two", "a/z": "one", "c": "three"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(text), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"": "onetwothree", "b": "two", "a": "one"} {
		path := filepath.Join(dir, name)
		got, err := folder(path)
		if err != nil || len(got) != 2 || got[0] != (Setting{"data", path}) || got[1] != (Setting{"data_sha256", sum(want)}) {
			t.Errorf("%s: %v, %v", path, got, err)
		}
	}
	data, got, err := file(filepath.Join(dir, "b"))
	if err != nil || string(data) != "two" || got[1].Value != sum("two") {
		t.Errorf("%q, %v, %v", data, got, err)
	}
	for _, path := range []string{"", filepath.Join(dir, "nosuch")} {
		_, both := folder(path)
		_, _, one := file(path)
		if both == nil || one == nil {
			t.Errorf("%q: %v, %v", path, both, one)
		}
	}
}

// TestFit: fit returns the least of 1, 2, 3, 4, 6, 8, 12, … that is at least n, or the window.
func TestFit(t *testing.T) {
	for n, want := range []int{1, 1, 2, 3, 4, 6, 6, 8, 8, 12, 12, 12, 12, 16, 16, 16, 16, 20, 20} {
		if got := fit(n, 20); got != want {
			t.Errorf("%d: %d, want %d", n, got, want)
		}
	}
}

// TestDraw: examples are never the question itself, and "first" draws the first ones of the file.
func TestDraw(t *testing.T) {
	all := func(shots int, how string, n, i int, own bool, seed uint64) (got []int) {
		for k := range draw(shots, how, n, i, own, seed) {
			got = append(got, k)
		}
		return got
	}
	for _, c := range []struct {
		i    int
		own  bool
		want []int
	}{{0, true, []int{1, 2}}, {1, true, []int{0, 2}}, {4, true, []int{0, 1}}, {0, false, []int{0, 1}}} {
		if got := all(2, "first", 5, c.i, c.own, 3); len(got) != 2 || got[0] != c.want[0] || got[1] != c.want[1] {
			t.Errorf("the first of question %d, own %v: %v, want %v", c.i, c.own, got, c.want)
		}
	}
	different := false
	for i := range 20 {
		own, other := all(4, "random", 5, i%5, true, 3), all(5, "", 5, i, false, 3)
		if len(own) != 4 || len(other) != 5 {
			t.Fatalf("%v, %v", own, other)
		}
		seen := map[int]bool{}
		for _, k := range own {
			if k == i%5 || seen[k] {
				t.Errorf("question %d: %v", i%5, own)
			}
			seen[k] = true
		}
		different = different || other[0] != all(5, "", 5, 0, false, 3)[0]
	}
	if !different {
		t.Error("all questions have the same examples")
	}
	if got := all(0, "first", 5, 0, true, 1); len(got) != 0 {
		t.Errorf("no shots: %v", got)
	}
	for _, c := range []struct {
		shots, n int
		how      string
		own      bool
		want     string
	}{
		{4, 5, "", true, ""}, {5, 5, "first", false, ""}, {0, 0, "random", true, ""},
		{5, 5, "", true, "eval: 5 shots, but only 4 other examples to draw them from"},
		{6, 5, "", false, "eval: 6 shots, but only 5 other examples to draw them from"},
		{1, 0, "", true, "eval: 1 shots, but only 0 other examples to draw them from"},
		{-1, 5, "", true, "eval: -1 shots; want 0 or more"},
		{1, 5, "last", true, `unknown draw "last"; want one of random, first`},
	} {
		got := ""
		if err := checkShots(c.shots, c.how, c.n, c.own); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%d of %d %s: %q, want %q", c.shots, c.n, c.how, got, c.want)
		}
	}
	for want, got := range map[string]string{
		"0": shotsText(0, "first", true, "x", 1), "the first 2 of the same file": shotsText(2, "first", true, "x", 1),
		"the first 2 of x": shotsText(2, "first", false, "x", 1), "2 from x, seed 7": shotsText(2, "random", false, "x", 7), "1 from the same file, seed 0": shotsText(1, "", true, "", 0),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
