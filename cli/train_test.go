package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorgpt/gorgpt/run"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// text returns text in a little language with something to learn.
func text() string {
	var b strings.Builder
	for i := range 400 {
		fmt.Fprintf(&b, "%d and %d is %d.\n", i%10, i/10%10, i%10+i/10%10)
	}
	return b.String()
}

// small are arguments for a model that trains in a second.
var small = []string{"--data", "text.txt", "--tokenizer", "chars", "--layers", "1", "--width", "32", "--heads", "2",
	"--context", "16", "--batch", "8", "--steps", "40", "--eval-every", "20", "--eval-batches", "3", "--lr", "0.01", "--dropout", "0.1", "--model", "gpt2-nano"}

// trainSmall trains with further arguments and returns the status and the output.
func trainSmall(t *testing.T, args ...string) (int, string, string) {
	t.Helper()
	return gorgpt(t, t.Context(), append(append([]string{"train"}, small...), args...)...)
}

// losses reads the losses of a run's metrics, training and validation.
func losses(t *testing.T, dir string) (train, validation []float64) {
	t.Helper()
	data, err := os.ReadFile(run.Dir(dir).MetricsPath())
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(data) {
		var l map[string]float64
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if v, ok := l["val_loss"]; ok {
			validation = append(validation, v)
			continue
		}
		for _, key := range []string{"step", "tokens", "loss", "lr", "grad_norm", "tokens_per_s", "seconds"} {
			if _, ok := l[key]; !ok || len(l) != 7 {
				t.Fatalf("%s: want seven keys, %s among them", line, key)
			}
		}
		train = append(train, l["loss"])
	}
	return train, validation
}

// TestTrain trains end to end: the loss falls, the run directory has the files that it should, it is the
// last line of standard output, and the recipe in it repeats the run.
func TestTrain(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	status, stdout, stderr := trainSmall(t)
	if status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	dir := lines[len(lines)-1]
	train, validation := losses(t, dir)
	if len(train) != 40 || len(validation) != 3 {
		t.Fatalf("%d training and %d validation lines", len(train), len(validation))
	}
	if first := math.Log(18); math.Abs(train[0]-first) > 0.2 || validation[2] > 0.8*first {
		t.Errorf("loss %v at first, want about log 18; validation %v", train[0], validation)
	}
	bits := validation[2] / math.Ln2 // one byte per character
	if want := fmt.Sprintf("validation loss %.4f at step 0, %.4f at step 40: %.4f bits a byte", validation[0], validation[2], bits); lines[0] != want {
		t.Errorf("first line %q, want %q", lines[0], want)
	}
	for _, name := range []string{"loss.png", "samples.txt", "recipe.toml", "checkpoints/latest/config.json",
		"checkpoints/best/model.safetensors", "checkpoints/latest/tokenizer.json", "checkpoints/latest/trainer.json"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	status, _, stderr = gorgpt(t, t.Context(), "train", run.Dir(dir).RecipePath(), "--out", "again")
	if status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	if again, _ := losses(t, "again"); !slices.Equal(again, train) {
		t.Errorf("the recipe gives other losses:\n%v\n%v", again, train)
	}
}

// TestResume: a run that was stopped, by --stop-after or by an interrupt, and resumed has the losses,
// weights, moments and samples of one that was not, bit for bit, with averages of weights too.
func TestResume(t *testing.T) {
	for name, args := range map[string][]string{
		"adamw":        nil,
		"schedulefree": {"--solver", "schedulefree", "--schedule", "constant", "--sample-every", "7"},
		"ema":          {"--solver", "muon", "--ema", "0.9", "--sample-every", "7"},
		"bf16":         {"--precision", "auto"}, // float32 again on machines without bf16
	} {
		t.Run(name, func(t *testing.T) { testResume(t, slices.Concat(small, args)) })
	}
}

func testResume(t *testing.T, small []string) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	trainSmall := func(args ...string) (int, string, string) {
		return gorgpt(t, t.Context(), slices.Concat([]string{"train"}, small, args)...)
	}
	if status, _, stderr := trainSmall("--out", "whole"); status != 0 {
		t.Fatal(stderr)
	}
	want, wantValidation := losses(t, "whole")
	read := func(dir, file string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	check := func(dir string) {
		t.Helper()
		status, _, stderr := gorgpt(t, t.Context(), "train", "--resume", dir)
		if status != 0 {
			t.Fatal(stderr)
		}
		got, gotValidation := losses(t, dir)
		if !slices.Equal(got, want) || !slices.Equal(gotValidation, wantValidation) {
			t.Errorf("%s: losses\n%v\nwant\n%v", dir, got, want)
		}
		for _, file := range []string{"checkpoints/latest/model.safetensors", "checkpoints/latest/optimizer.safetensors", "samples.txt"} {
			if !bytes.Equal(read(dir, file), read("whole", file)) {
				t.Errorf("%s: another %s", dir, file)
			}
		}
	}

	if status, _, stderr := trainSmall("--out", "stopped", "--stop-after", "13"); status != 0 {
		t.Fatal(stderr)
	}
	if got, _ := losses(t, "stopped"); len(got) != 13 {
		t.Errorf("%d steps, want 13", len(got))
	}
	check("stopped")

	ctx, interrupt := context.WithCancel(t.Context())
	go func() {
		for ctx.Err() == nil { // wait for the first lines of the metrics
			if info, err := os.Stat(run.Dir("interrupted").MetricsPath()); err == nil && info.Size() > 500 {
				interrupt()
			}
			time.Sleep(time.Millisecond)
		}
	}()
	status, stdout, stderr := gorgpt(t, ctx, slices.Concat([]string{"train"}, small, []string{"--out", "interrupted"})...)
	if status != 130 || stdout != "" || !strings.Contains(stderr, "gorgpt train --resume interrupted") {
		t.Errorf("interrupted: status %d, output %q, %q", status, stdout, stderr)
	}
	check("interrupted")
}

// TestResumeRefused: a resume that is refused leaves the run as it was, and so does a full disk,
// simulated by a folder in the place of the new recipe.
func TestResumeRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	if status, _, stderr := trainSmall(t, "--out", "run"); status != 0 {
		t.Fatal(stderr)
	}
	before, err := os.ReadFile(run.Dir("run").RecipePath())
	if err != nil {
		t.Fatal(err)
	}
	check := func(status int, want string, args ...string) {
		t.Helper()
		got, _, stderr := gorgpt(t, t.Context(), append([]string{"train", "--resume", "run"}, args...)...)
		if got != status || !strings.HasSuffix(stderr, want+"\n") {
			t.Errorf("status %d: %s\nwant %d: …%s", got, stderr, status, want)
		}
		if after, err := os.ReadFile(run.Dir("run").RecipePath()); err != nil || !bytes.Equal(after, before) {
			t.Errorf("%v: the recipe has changed, %v", args, err)
		}
	}
	check(2, "--steps 7: the run is at step 40 already", "--steps", "7")
	check(2, "--stop-after 40: the run is at step 40 already", "--steps", "50", "--stop-after", "40")
	if err := os.Mkdir(run.Dir("run").RecipePath()+".tmp", 0o777); err != nil {
		t.Fatal(err)
	}
	check(1, "--resume: run/recipe.toml: is a directory", "--steps", "50")
}

// TestResumeEditedRecipe: a recipe that was edited by hand makes another run, as flags would.
func TestResumeEditedRecipe(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	if status, _, stderr := trainSmall(t, "--out", "run", "--stop-after", "20"); status != 0 {
		t.Fatal(stderr)
	}
	recipe, err := os.ReadFile(run.Dir("run").RecipePath())
	if err != nil {
		t.Fatal(err)
	}
	for was, is := range map[string]string{"heads = 2": "heads = 4", "beta1 = 0.9": "beta1 = 0.8"} {
		edited := strings.Replace(string(recipe), was, is, 1)
		if edited == string(recipe) {
			t.Fatalf("no %q in %s", was, recipe)
		}
		write(t, run.Dir("run").RecipePath(), edited)
		want := fmt.Sprintf("the saved run has %q, this one %q\n", was, is)
		if status, _, stderr := gorgpt(t, t.Context(), "train", "--resume", "run"); status != 1 || !strings.HasSuffix(stderr, want) {
			t.Errorf("status %d: %s\nwant %s", status, stderr, want)
		}
	}
	write(t, run.Dir("run").RecipePath(), strings.Replace(string(recipe), "keep = ", "keep = 1", 1))
	if status, _, stderr := gorgpt(t, t.Context(), "train", "--resume", "run"); status != 0 {
		t.Error(stderr)
	}
}

// TestResumeEarly: a run interrupted before the first update can be resumed too, and settings that
// would make it another run are refused.
func TestResumeEarly(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	if status, _, stderr := trainSmall(t, "--out", "whole"); status != 0 {
		t.Fatal(stderr)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	if status, _, stderr := gorgpt(t, ctx, append(append([]string{"train"}, small...), "--out", "early")...); status != 130 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	status, _, stderr := gorgpt(t, t.Context(), "train", "--resume", "early", "--dropout", "0.5")
	const want = "gorgpt: --resume continues the run as it began, with dropout = 0.1, not dropout = 0.5; only --steps, --tokens, --eval-every, --eval-batches, --save-every, --sample-every, --keep and --bad-records can change\n"
	if status != 2 || stderr != want {
		t.Errorf("status %d: %s", status, stderr)
	}
	// A setting that the run does not have is compared with the empty value.
	for flag, want := range map[string]string{"--batch-ramp=1k:2k": `with batch_ramp = "", not batch_ramp = "1k:2k"; only`, "--set=bias=false": `with set = [], not set = ["bias=false"]; only`} {
		if status, _, stderr := gorgpt(t, t.Context(), "train", "--resume", "early", flag); status != 2 || !strings.Contains(stderr, want) {
			t.Errorf("status %d: %s", status, stderr)
		}
	}
	if status, _, stderr := gorgpt(t, t.Context(), "train", "--resume", "early"); status != 0 {
		t.Fatal(stderr)
	}
	got, _ := losses(t, "early")
	if want, _ := losses(t, "whole"); !slices.Equal(got, want) {
		t.Errorf("losses\n%v\nwant\n%v", got, want)
	}
	// Steps beyond the planned ones are recorded.
	if status, _, stderr := gorgpt(t, t.Context(), "train", "--resume", "early", "--steps", "60", "--stop-after", "50"); status != 0 {
		t.Fatal(stderr)
	}
	if status, _, stderr := gorgpt(t, t.Context(), "train", "--resume", "early"); status != 0 {
		t.Fatal(stderr)
	}
	if got, _ := losses(t, "early"); len(got) != 60 {
		t.Errorf("%d steps, want 60", len(got))
	}
	const done = "the run is at its last step, 60; a larger --steps trains it further\n"
	if status, _, stderr := gorgpt(t, t.Context(), "train", "--resume", "early"); status != 0 || !strings.HasSuffix(stderr, done) {
		t.Errorf("status %d, %s; want at the end %s", status, stderr, done)
	}
}

func TestGraph(t *testing.T) {
	status, out, stderr := gorgpt(t, t.Context(), "graph", "--model", "gpt2", "--context", "64", "--format", "json", "--train")
	var got struct {
		Nodes []struct {
			Path, Op string
			Shape    []int
			FLOPs    int64
			Bytes    int64
		}
		Parameters int64
	}
	if err := json.Unmarshal([]byte(out), &got); status != 0 || err != nil {
		t.Fatalf("status %d, %v: %s", status, err, stderr)
	}
	if got.Parameters != 124_439_808 {
		t.Errorf("%d parameters", got.Parameters)
	}
	i := slices.IndexFunc(got.Nodes, func(n struct {
		Path, Op string
		Shape    []int
		FLOPs    int64
		Bytes    int64
	}) bool {
		return n.Path == "h.11.mlp.c_fc" && n.Op == "Linear"
	})
	if i < 0 || !slices.Equal(got.Nodes[i].Shape, []int{64, 3072}) || got.Nodes[i].FLOPs != 2*64*768*3072 || got.Nodes[i].Bytes != 4*64*3072 {
		t.Errorf("h.11.mlp.c_fc: %d of %d nodes: %+v", i, len(got.Nodes), got.Nodes[max(i, 0)])
	}
	status, out, _ = gorgpt(t, t.Context(), "graph", "--model", "gpt2-nano")
	if status != 0 || !strings.Contains(out, "\nparameters  804,096\n") {
		t.Errorf("status %d: %s", status, out)
	}
}

// TestGraphPictures: every form of a picture and of a comparison can be made, with the same bytes
// twice.
func TestGraphPictures(t *testing.T) {
	for _, c := range []struct{ args, has string }{
		{"--format svg --train", ">∂ h.3.mlp<"},
		{"--format svg --depth 1 --open h.0", ">h.0.mlp.c_fc<"},
		{"--format svg --model gpt2-xl", ">h.0 … h.47<"},
		{"--format dot --depth 1 --fold", `label="h.0 … h.3\n4 alike`},
		{"--diff gpt1-nano", "\nparameters  804096 → 809600        +5504\n"},
		{"--diff gpt1-nano --format svg --train", ">after<"},
		{"--diff gpt1-nano --format json", `"after":{"bytes":`},
	} {
		args := append([]string{"graph"}, strings.Fields(c.args)...)
		status, out, stderr := gorgpt(t, t.Context(), args...)
		if status != 0 || !strings.Contains(out, c.has) {
			t.Errorf("%s: status %d, no %q in\n%s%s", c.args, status, c.has, stderr, out)
		}
		if _, again, _ := gorgpt(t, t.Context(), args...); again != out {
			t.Errorf("%s: differs the second time", c.args)
		}
	}
}

func TestModels(t *testing.T) {
	status, out, _ := gorgpt(t, t.Context(), "models")
	for _, n := range []string{"804,096", "124,439,808", "354,823,168", "774,030,080", "1,557,611,200"} {
		if status != 0 || !strings.Contains(out, n) {
			t.Errorf("no %s in\n%s", n, out)
		}
	}
}

// TestTrainTokenizers trains with learned and published tokenizers. The checkpoint contains the
// tokenizer, and generate and a resumed run read it from there.
func TestTrainTokenizers(t *testing.T) {
	for _, c := range []struct {
		kind string
		size int
	}{{"bpe:270", 270}, {"gpt2", 50257}} {
		t.Run(c.kind, func(t *testing.T) {
			t.Chdir(t.TempDir())
			write(t, "text.txt", text())
			status, _, stderr := trainSmall(t, "--tokenizer", c.kind, "--steps", "4", "--stop-after", "2", "--batch", "2", "--out", "run")
			if status != 0 {
				t.Fatalf("status %d: %s", status, stderr)
			}
			tok, err := tokenizer.Load("run/checkpoints/latest")
			if err != nil || tok.Size() != c.size {
				t.Fatalf("the checkpoint's tokenizer: %v, %v, want %d tokens", tok, err, c.size)
			}
			if status, _, stderr := gorgpt(t, t.Context(), "train", "--resume", "run"); status != 0 {
				t.Fatalf("resumed: status %d: %s", status, stderr)
			}
			status, stdout, stderr := gorgpt(t, t.Context(), "generate", "--from", "run/checkpoints/latest", "--prompt", "1 and", "--tokens", "5", "--json")
			if status != 0 {
				t.Fatalf("generate: status %d: %s", status, stderr)
			}
			var answer struct {
				Prompt []int `json:"prompt_ids"`
				IDs    []int
			}
			if err := json.Unmarshal([]byte(stdout), &answer); err != nil || len(answer.IDs) != 5 {
				t.Errorf("generate: %s, %v", stdout, err)
			}
			if want, err := tok.Append(nil, []byte("1 and")); err != nil || !slices.Equal(answer.Prompt, want) {
				t.Errorf("prompt %v, want %v, %v", answer.Prompt, want, err)
			}
		})
	}
}
