package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// TestValuesOfEveryFlag: no flag of any command accepts a number that is not finite, or an empty value
// unless it is a text.
func TestValuesOfEveryFlag(t *testing.T) {
	t.Chdir(t.TempDir())
	count := 0
	for _, cmd := range newRoot().Commands() {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			var bad []string
			switch kind := f.Value.Type(); {
			case f.Name == "prompt":
			case kind == "string", kind == "stringArray":
				bad = []string{""}
			case kind == "float64":
				bad = []string{"", "NaN", "Inf", "-inf"}
			case kind != "bool":
				bad = []string{"", "Inf", "x"}
			}
			for _, value := range bad {
				count++
				args := []string{cmd.Name(), "--" + f.Name, value}
				for range strings.Count(cmd.Use, " DIR…") {
					args = append(args, ".")
				}
				for range 2 * strings.Count(cmd.Use, " IN OUT") {
					args = append(args, ".")
				}
				if status, stdout, stderr := gorgpt(t, t.Context(), args...); status != 2 || stdout != "" || !strings.HasPrefix(stderr, "gorgpt: ") || !strings.Contains(stderr, "--"+f.Name) {
					t.Errorf("%q: status %d, %s%s; want wrong usage", args, status, stdout, stderr)
				}
			}
		})
	}
	if count < 100 {
		t.Errorf("%d values tried: flags were not found", count)
	}
}

// TestEmptyArguments: empty arguments, as an unset shell variable gives them, are refused.
func TestEmptyArguments(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	for _, args := range [][]string{{"train", ""}, {"runs", ""}, {"runs", ".", ""}, {"convert", "", "out"}, {"convert", "text.txt", ""}, {"pack", "--out", "packed", ""}, {"finetune", ""}} {
		if status, _, stderr := gorgpt(t, t.Context(), args...); status != 2 || !strings.Contains(stderr, "is empty; see gorgpt "+args[0]+" -h") {
			t.Errorf("%q: status %d, %s", args, status, stderr)
		}
	}
}

// TestPathsThatAreNotUTF8: such paths are refused, since a recipe could not hold them and the run could
// not be resumed. A run directory, which is not in its recipe, may have such a name.
func TestPathsThatAreNotUTF8(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("caf\xe9.txt", []byte(text()), 0o666); err != nil {
		t.Skip("no such names here: ", err)
	}
	for _, args := range [][]string{
		{"train", "--data", "caf\xe9.txt", "--out", "run"},
		{"train", "--mix", "1 caf\xe9.txt", "--out", "run"},
		{"finetune", "--pairs", "caf\xe9.jsonl", "--from", ".", "--out", "run"},
	} {
		status, _, stderr := gorgpt(t, t.Context(), args...)
		if status != 2 || !strings.Contains(stderr, `caf\xe9`) || !strings.Contains(stderr, "not UTF-8") {
			t.Errorf("%q: status %d, %s", args, status, stderr)
		}
	}
	write(t, "text.txt", text())
	if status, _, stderr := trainSmall(t, "--out", "r\xff", "--stop-after", "20"); status != 0 {
		t.Error(stderr)
	}
	if status, _, stderr := gorgpt(t, t.Context(), "train", "--resume", "r\xff"); status != 0 {
		t.Error(stderr)
	}
}

// TestFlagsWithoutMeaning: flags that contradict another flag, or have no effect together with it, are refused.
func TestFlagsWithoutMeaning(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "mix.toml", "mix = [\"1 a.txt\"]\n")
	for _, c := range []struct{ args, want string }{
		{"train --data a.txt --mix b.txt", `--mix "b.txt": want a weight above 0 and the text, as in "0.3 notes/*.txt"`},
		{"train mix.toml --data a.txt", "--data has no meaning with --mix, which names the texts"},
		{"train --val-data a.txt --validation 0.2", "--validation has no meaning with --val-data, which names the validation text"},
		{"train --solver lion --epsilon 1e-6", "--epsilon has no meaning with --solver lion"},
		{"train --solver schedulefree", "--solver schedulefree goes with --schedule constant, not linear: its average takes the place of a rate that falls"},
		{"train --solver schedulefree --schedule constant --ema 0.9", "--ema 0.9: --solver schedulefree has an average of the weights already"},
		{"train --ema 1", "--ema 1: want a number in [0, 1)"},
		{"train --schedule constant --lr-floor 0.2", "--lr-floor has no meaning with --schedule constant: the learning rate does not fall"},
		{"train --weight-decay 0 --no-decay wte.*", "--no-decay has no meaning with --weight-decay 0: nothing decays"},
		{"pack --out o --verify --shard-tokens 7", "--shard-tokens has no meaning with --verify, which only reads --out"},
		{"pack --out o --val-data b.txt --validation 0.2 a.txt", "--validation has no meaning with --val-data, which names the validation text"},
		{"finetune --from a --task rte --data b --template tldr", "--template has no meaning with --task or --kind: it is for --pairs"},
		{"finetune --from a --task rte --data b --train c --dev d", "--data has no meaning with --train and --dev, which name its files"},
		{"bench --decode --recompute", "--recompute is for training: leave it out with --decode"},
		{"graph --depth 2", "--depth is for pictures: --format svg or dot"},
		{"tokenize --decode --count", "--count is for text; leave it out with --decode"},
	} {
		if status, _, stderr := gorgpt(t, t.Context(), strings.Fields(c.args)...); status != 2 || stderr != "gorgpt: "+c.want+"\n" {
			t.Errorf("%s: status %d, %s\nwant %s", c.args, status, stderr, c.want)
		}
	}
}

// TestFullDisk: results that cannot be written are a failure of every command, even if its work is
// done by then.
func TestFullDisk(t *testing.T) {
	const full = "/dev/full"
	if _, err := os.Stat(full); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	t.Chdir(dir)
	write(t, "text.txt", text())
	train := append(append([]string{"train"}, small...), "--steps", "2", "--out", "run")
	write(t, "reviews.csv", "review,stars\n"+strings.Repeat("1 and 2,good\n3 and 4,bad\n", 20))
	if status, _, stderr := gorgpt(t, t.Context(), append(slices.Clone(train[:len(train)-1]), "pre")...); status != 0 {
		t.Fatal(stderr)
	}
	tune := "finetune --kind classification --text review --label stars --train reviews.csv --from pre/checkpoints/latest --epochs 1 --out tuned"
	if status, _, stderr := gorgpt(t, t.Context(), strings.Fields(tune)...); status != 0 {
		t.Fatal(stderr)
	}
	for _, args := range [][]string{
		{"classify", "--from", "tuned/checkpoints/best", "1 and 2"},
		train, {"runs", "run"}, {"generate", "--from", "run/checkpoints/latest", "--prompt", "1", "--tokens", "4"},
		{"models"}, {"graph"}, {"--version"}, {"train", "-h"}, {"help", "pack"},
		{"convert", filepath.Join("run", "checkpoints", "latest"), "out"},
		{"pack", "--tokenizer", "bytes", "--out", "packed", "text.txt"},
	} {
		f, err := os.OpenFile(full, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		var stderr strings.Builder
		if status := execute(t.Context(), args, f, &stderr); status != 1 || !strings.HasSuffix(stderr.String(), "gorgpt: standard output: no space left on device\n") {
			t.Errorf("%q: status %d, %s", args, status, &stderr)
		}
	}
}
