package cli

import (
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/cli/internal/command"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// tolEvaluation bounds the difference between means over all targets that are summed in batches
// of different sizes: float32 sums of a batch, 1e-7 of the loss each.
const tolEvaluation = 1e-6

// TestEvaluationOfAll: --eval-batches 0 gives the mean over every target of the validation text,
// whatever the batch size, for one text and for a mixture.
func TestEvaluationOfAll(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	write(t, "val.txt", text()[:17*16+1+5]) // 17 windows of 16, and 5 targets
	write(t, "more.jsonl", records(30))
	for _, source := range []string{"--data text.txt --val-data val.txt", "--data text.txt --validation 0.3", "--mix '3 text.txt' --mix '1 more.jsonl' --validation 0.3"} {
		var first float64
		for _, batch := range []int{1, 8, 12, 100} {
			dir := fmt.Sprint(len(source), "-", batch)
			args := []string{"--batch", fmt.Sprint(batch), "--eval-batches", "0", "--steps", "1", "--windows", "apart", "--out", dir}
			mustTrain(t, slices.Concat([]string{"train"}, small[2:], fields(source), args)...) // without --data
			_, validation := losses(t, dir)
			if first == 0 {
				first = validation[0]
			}
			if math.Abs(validation[0]-first) > tolEvaluation {
				t.Errorf("%s: %v with batches of %d, %v of 1", source, validation[0], batch, first)
			}
		}
	}
}

// records returns JSON lines of the little language.
func records(n int) string {
	var b strings.Builder
	for i, line := range strings.SplitAfter(text(), "\n")[:n] {
		fmt.Fprintf(&b, "{\"id\": %d, \"text\": %q}\n", i, line)
	}
	return b.String()
}

// fields splits a command line at spaces outside of single quotes.
func fields(line string) []string {
	var all []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			all = append(all, part)
			continue
		}
		all = append(all, strings.Fields(part)...)
	}
	return all
}

// TestTrainPacked: the folder of gorgpt pack is enough as --data; its tokenizer is used and written
// into the recipe, and another tokenizer is refused.
func TestTrainPacked(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	if status, _, stderr := gorgpt(t, t.Context(), "pack", "--tokenizer", "bpe:280", "--out", "packed", "text.txt"); status != 0 {
		t.Fatal(stderr)
	}
	shape := []string{"train", "--layers", "1", "--heads", "1", "--width", "8", "--context", "8", "--batch", "2", "--steps", "2"}
	for i, data := range []string{"packed", "packed/train_*.bin"} {
		dir := fmt.Sprint("run", i)
		status, _, stderr := gorgpt(t, t.Context(), append(shape, "--data", data, "--out", dir)...)
		if status != 0 || !strings.Contains(stderr, "vocabulary 280") || strings.Contains(stderr, "left out") {
			t.Errorf("%s: status %d, %s", data, status, stderr)
		}
		recipe, err := os.ReadFile(filepath.Join(dir, "recipe.toml"))
		if err != nil || !strings.Contains(string(recipe), `tokenizer = "packed/tokenizer"`) {
			t.Errorf("%v, recipe %s", err, recipe)
		}
	}
	status, _, stderr := gorgpt(t, t.Context(), append(shape, "--data", "packed", "--tokenizer", "bytes", "--out", "run9")...)
	if want := "packed/tokenizer: the shards beside it were made with this tokenizer (bpe, 280 tokens), not with the one given (bytes, 257)"; status != 1 || !strings.Contains(stderr, want) {
		t.Errorf("status %d, %s, want %s", status, stderr, want)
	}
}

// TestMarkedInput: a byte-order mark at the beginning of standard input is skipped; a later one is
// text.
func TestMarkedInput(t *testing.T) {
	for input, want := range map[string]string{
		"\ufeffab\n\ufeffc\n": "[97,98]\n[239,187,191,99]\n", "\ufeff": "", "\ufeff\n": "[]\n",
	} {
		var out strings.Builder
		if err := (tokenizer.Lines{}).Convert(tokenizer.Bytes(), strings.NewReader(input), &out); err != nil || out.String() != want {
			t.Errorf("%q: %q, %v, want %q", input, out.String(), err, want)
		}
		lines := command.NewLines(strings.NewReader(input))
		line, err := lines.Next()
		if strings.HasPrefix(line, "\ufeff") || err != nil && err != io.EOF {
			t.Errorf("%q: line %q, %v", input, line, err)
		}
	}
}

// TestPartsAreSaid: the sizes of both parts are printed, and a part that is too short is reported
// before the run directory is made.
func TestPartsAreSaid(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	write(t, "few.jsonl", records(3))
	write(t, "more.jsonl", records(300))
	if err := os.Mkdir("two", 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, "two/large.txt", strings.Repeat(text(), 10))
	write(t, "two/small.txt", text()[:2000])
	args := append([]string{"train"}, small[2:]...)
	args = append(args, "--steps", "1")
	for _, c := range []struct{ source, want string }{
		{"--data text.txt", "\ntext.txt: 1 file, 5.8 kB; training 5.2 kB, validation 578 bytes\n"},
		{"--data two", "\ntwo: 2 files, 59.8 kB; training 53.8 kB, validation 6.0 kB\n"},
		{"--data more.jsonl", "; training about 10.6 kB, validation about 1.2 kB\n"},
		{"--mix '1 two' --mix '1 text.txt'", "\ntext.txt: 1 file, 5.8 kB (50 %); training 5.2 kB, validation 578 bytes\n"},
		{"--data two --val-data text.txt", "\ntwo: 2 files, 59.8 kB\ntext.txt: 1 file, 5.8 kB (validation)\n"},
	} {
		status, _, stderr := gorgpt(t, t.Context(), slices.Concat(args, fields(c.source), []string{"--out", fmt.Sprint(len(c.source))})...)
		if status != 0 || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: status %d: no %q in\n%s", c.source, status, c.want, stderr)
		}
	}
	const advice = "; name a text for validation with --val-data, or a larger share with --validation\n"
	for _, source := range []string{"--data few.jsonl", "--mix '1 two' --mix '1 few.jsonl'"} {
		status, _, stderr := gorgpt(t, t.Context(), slices.Concat(args, fields(source), []string{"--out", "none", "--tokenizer", "bytes"})...)
		if status != 1 || !strings.Contains(stderr, "gorgpt: validation text: few.jsonl (validation part): ") || !strings.HasSuffix(stderr, advice) {
			t.Errorf("%s: status %d: %s", source, status, stderr)
		}
		if exists("none") {
			t.Fatal("there is a run directory")
		}
	}
}

// TestRunsAreNoData: if the runs are in the folder of the text, a run can still be resumed and repeated.
func TestRunsAreNoData(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	args := slices.Concat([]string{"train", "--data", "."}, small[2:])
	mustTrain(t, append(args, "--stop-after", "13")...)
	dirs, err := filepath.Glob("runs/*")
	if err != nil || len(dirs) != 1 {
		t.Fatal(dirs, err)
	}
	status, _, stderr := gorgpt(t, t.Context(), "train", "--resume", dirs[0])
	if status != 0 || !strings.Contains(stderr, "\n.: 1 file, 5.8 kB (left out: 1 run); ") {
		t.Fatalf("status %d: %s", status, stderr)
	}
	mustTrain(t, "train", filepath.Join(dirs[0], "recipe.toml"), "--out", "again")
	want, _ := losses(t, dirs[0])
	if got, _ := losses(t, "again"); !slices.Equal(got, want) {
		t.Error("the repeated run has other losses")
	}
}

// TestIdleOnText: settings that have no effect on the given text are refused before a folder is made.
func TestIdleOnText(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	write(t, "text.jsonl", records(30))
	const field = "gorgpt: --field has no meaning with this text, which has no JSON lines with fields and no Parquet files with columns"
	const shards = "gorgpt: --field has no meaning with token shards, whose text is encoded already"
	const named = "gorgpt: --validation has no meaning with token shards whose names say which are for validation"
	for _, test := range []struct{ line, want string }{
		{"pack --tokenizer bytes --out packed text.txt --field content", field},
		{"pack --tokenizer bytes --out packed text.jsonl --field text", ""},
		{"pack --tokenizer bytes --out all text.txt --validation 0", ""},
		{"train --data text.txt --field content", field},
		{"train --data packed --field content", shards},
		{"train --data packed --validation 0.2", named},
		{"train --data all --validation 0.2 --out share", ""},
		{"train --mix '1 packed' --mix '1 text.jsonl' --validation 0.2 --field text --out mixed", ""},
	} {
		args := fields(test.line)
		if args[0] == "train" {
			args = slices.Concat(args, small[2:], []string{"--steps", "1", "--tokenizer", "bytes"})
		}
		status, _, stderr := gorgpt(t, t.Context(), args...)
		if want := min(len(test.want), 1) * 2; status != want || !strings.Contains(stderr, test.want) {
			t.Errorf("%s: status %d, want %d and %q:\n%s", test.line, status, want, test.want, stderr)
		}
	}
	if _, err := os.Stat("runs"); err == nil {
		t.Error("a folder was made")
	}
}
