package mymodel_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gorgpt/gorgpt/cli"

	_ "example.com/mymodel"
)

// asCommand makes the test binary act as the command mygpt.
const asCommand = "MYGPT_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		cli.Main()
	}
	os.Exit(m.Run())
}

// start starts the command in a directory.
func start(t *testing.T, dir string, stdout *bytes.Buffer, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), asCommand+"=1")
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("mygpt %s:\n%s", strings.Join(args, " "), &stderr)
		}
	})
	return cmd
}

// mygpt runs the command, which must succeed, and returns its output.
func mygpt(t *testing.T, dir string, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if err := start(t, dir, &out, args...).Wait(); err != nil {
		t.Fatalf("mygpt %s: %v", strings.Join(args, " "), err)
	}
	return out.String()
}

// text returns a text that a model of this size can learn in a hundred steps.
func text() string {
	var b strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&b, "func f%d() int { return %d }\n", i, i*i)
	}
	return b.String()
}

// times matches the metrics that differ between two runs with the same numbers.
var times = regexp.MustCompile(`,"(tokens_per_s|seconds)":[^,}]*`)

func metrics(t *testing.T, run string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(run, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return times.ReplaceAllString(string(text), "")
}

// TestCommand: the subcommands of gorgpt work with the family.
func TestCommand(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("text.txt", text())
	train := []string{"train", "--model", "mymodel-nano", "--data", "text.txt", "--layers", "2", "--width", "32", "--heads", "4",
		"--context", "32", "--batch", "8", "--steps", "150", "--eval-every", "75", "--save-every", "10", "--dropout", "0.1", "--out"}
	mygpt(t, dir, append(train, "run")...)

	t.Run("resume after kill -9", func(t *testing.T) {
		cmd := start(t, dir, new(bytes.Buffer), append(train, "killed")...)
		killed := filepath.Join(dir, "killed")
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			if _, err := os.Stat(filepath.Join(killed, "checkpoints", "latest")); err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("no checkpoint in a minute")
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait() // the error is that it was killed
		mygpt(t, dir, "train", "--resume", "killed")
		if got, want := metrics(t, killed), metrics(t, filepath.Join(dir, "run")); got != want {
			t.Errorf("other numbers than those of a run that was not stopped:\n%s\nwant\n%s", got, want)
		}
	})

	t.Run("generate", func(t *testing.T) {
		var out struct {
			Text string
			IDs  []int
		}
		text := mygpt(t, dir, "generate", "--from", "run/checkpoints/best", "--prompt", "func f1", "--tokens", "60", "--greedy", "--json")
		if err := json.Unmarshal([]byte(text), &out); err != nil || len(out.IDs) != 60 {
			t.Errorf("%s, %v", text, err)
		}
	})

	t.Run("serve", func(t *testing.T) {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := free.Addr().String()
		free.Close()
		cmd := start(t, dir, new(bytes.Buffer), "serve", "--from", "mine=run/checkpoints/best", "--listen", address)
		var answer *http.Response
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
			answer, err = http.Post("http://"+address+"/v1/completions", "application/json", strings.NewReader(`{"prompt": "func f1", "max_tokens": 20}`))
			if err == nil && answer.StatusCode == http.StatusOK {
				break
			}
			if err == nil {
				answer.Body.Close()
			}
			if time.Now().After(deadline) {
				t.Fatal("no answer in a minute")
			}
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || !strings.Contains(string(text), `"completion_tokens":20`) || !strings.Contains(string(text), `"model":"mine"`) {
			t.Errorf("%s, %v", text, err)
		}
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("after an interrupt: %v", err)
		}
	})

	t.Run("eval", func(t *testing.T) {
		var out struct {
			Metrics map[string]float64
		}
		text := mygpt(t, dir, "eval", "--from", "run/checkpoints/best", "--on", "perplexity", "--data", "text.txt", "--limit", "2000", "--json")
		if err := json.Unmarshal([]byte(text), &out); err != nil || !(out.Metrics["perplexity_per_token"] < 20) {
			t.Errorf("%s, %v", text, err)
		}
	})

	t.Run("finetune", func(t *testing.T) {
		var rows strings.Builder
		rows.WriteString("sentence\tlabel\n")
		for i := range 120 {
			fmt.Fprintf(&rows, "%s f%d\t%d\n", []string{"func", "return"}[i%2], i, i%2)
		}
		if err := os.Mkdir(filepath.Join(dir, "sst2"), 0o777); err != nil {
			t.Fatal(err)
		}
		write("sst2/train.tsv", rows.String())
		write("sst2/dev.tsv", rows.String())
		mygpt(t, dir, "finetune", "--task", "sst2", "--data", "sst2", "--from", "run/checkpoints/best", "--out", "tuned", "--epochs", "2", "--lr", "1e-3")
		if out := mygpt(t, dir, "classify", "--from", "tuned/checkpoints/best", "func f7"); !strings.HasPrefix(out, "0") && !strings.HasPrefix(out, "negative") {
			t.Errorf("classified as %s", out)
		}
	})

	t.Run("a rule and a format of its own", func(t *testing.T) {
		write("poem.stanzas", strings.ReplaceAll(text(), "\n", "\n\n"))
		out := mygpt(t, dir, "train", "--model", "mymodel-nano", "--data", "poem.stanzas", "--layers", "1", "--width", "32", "--heads", "2",
			"--context", "16", "--steps", "40", "--eval-every", "40", "--solver", "adagrad", "--lr", "0.05", "--out", "poem")
		lines := strings.Split(strings.TrimSpace(metrics(t, filepath.Join(dir, strings.TrimSpace(lastLine(out))))), "\n")
		var first, last struct {
			Loss float64 `json:"val_loss"`
		}
		if err := errors.Join(json.Unmarshal([]byte(lines[0]), &first), json.Unmarshal([]byte(lines[len(lines)-1]), &last)); err != nil || !(last.Loss < first.Loss-1) {
			t.Errorf("from %v to %v, %v", first.Loss, last.Loss, err)
		}
	})

	t.Run("graph", func(t *testing.T) {
		out := mygpt(t, dir, "graph", "--model", "mymodel-nano", "--train", "--format", "svg")
		for _, want := range []string{"<svg", "self_attn", "Rotary", "RMSNorm", "Bound", "SiLU"} {
			if !strings.Contains(out, want) {
				t.Errorf("no %q in the picture", want)
			}
		}
	})

	t.Run("bench", func(t *testing.T) {
		var out struct {
			Seconds float64 `json:"step_seconds"`
			Share   float64
		}
		for _, more := range [][]string{nil, {"--decode"}} {
			text := mygpt(t, dir, append([]string{"bench", "--model", "mymodel-nano", "--batch", "2", "--steps", "2", "--json"}, more...)...)
			if err := json.Unmarshal([]byte(text), &out); err != nil || !(out.Seconds > 0) {
				t.Errorf("%s, %v", text, err)
			}
		}
	})

	t.Run("convert", func(t *testing.T) {
		mygpt(t, dir, "convert", "run/checkpoints/best", "half", "--dtype", "bf16")
		a := mygpt(t, dir, "generate", "--from", "half", "--prompt", "func f1", "--tokens", "20", "--greedy")
		if !strings.Contains(a, "func f1") {
			t.Error(a)
		}
	})
}

// lastLine returns the last line of train's output, which names the run's directory.
func lastLine(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[len(lines)-1]
}

// TestRefused: invalid input is a one-line error that names the place.
func TestRefused(t *testing.T) {
	dir := t.TempDir()
	for args, want := range map[string]string{
		"train --model mymodel-nano --heads 3":                     "width 128 is not a multiple of 3 heads",
		"train --model mymodel-nano --set num_key_value_heads=3":   "num_key_value_heads is 3, want a divisor of the 4 heads",
		"train --model mymodel-nano --width 20":                    "heads of 5 columns cannot be turned in pairs; want an even number",
		"train --model mymodel-nano --set state_cap=0":             "state_cap is 0, want more than 0, or null",
		"train --model mymodel-nano --set state_cap=-1":            "state_cap -1: want 1 or more, above 0, 0 or more",
		"train --model mymodel-nano --set state_cap=NaN":           "key state_cap: want a number, got a string",
		`train --model mymodel-nano --set rope_scaling={"type":1}`: `unknown key "rope_scaling"`,
		"train --model mymodel-nan":                                `unknown model "mymodel-nan"; did you mean "mymodel-nano"?`,
		"train --solver adagrat":                                   `unknown solver "adagrat"; did you mean "adagrad"?`,
		"train --solver adagrad --beta2 0.5":                       "--beta2 has no meaning with --solver adagrad",
		"generate --from nowhere":                                  "nowhere: no such file or folder",
	} {
		var out bytes.Buffer
		cmd := start(t, dir, &out, strings.Fields(args)...)
		if err := cmd.Wait(); err == nil {
			t.Errorf("%s: no error, want %s", args, want)
		}
		if said := strings.TrimSpace(cmd.Stderr.(*bytes.Buffer).String()); !strings.Contains(said, want) || strings.Contains(said, "\n") {
			t.Errorf("%s: %q, want %s", args, said, want)
		}
	}
}
