package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/run"
)

// TestPlateau: from the plateau of schedule wsd, a run continues to another length with the bits of a run planned for that
// length from the start: from the plateau's checkpoint in a new directory, although the first run's rate has fallen since, or
// from where the run was stopped.
func TestPlateau(t *testing.T) {
	for name, args := range map[string][]string{
		"updates": {"--warmup", "4"},
		"tokens":  {"--warmup-tokens", "500", "--beta1", "0.8", "--ema", "0.9"}, // 128 per update
	} {
		t.Run(name, func(t *testing.T) { testPlateau(t, append(args, "--schedule", "wsd", "--sample-every", "30")) })
	}
}

func testPlateau(t *testing.T, args []string) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	train := func(args ...string) (stderr string) {
		t.Helper()
		status, _, stderr := gorgpt(t, t.Context(), append([]string{"train"}, args...)...)
		if status != 0 {
			t.Fatal(stderr)
		}
		return stderr
	}
	begin := func(more ...string) { t.Helper(); train(slices.Concat(small, args, more)...) }
	begin("--steps", "80", "--out", "planned")
	begin("--steps", "40", "--out", "short")
	begin("--steps", "40", "--out", "stopped", "--stop-after", "25")
	files := []string{"checkpoints/latest/model.safetensors", "checkpoints/latest/optimizer.safetensors", "samples.txt"}
	read := func(dir, file string) []byte {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	short := read("short", files[0])
	if said := train("--resume", "short/checkpoints/plateau", "--steps", "80", "--out", "longer"); strings.Contains(said, "another learning rate") {
		t.Error(said)
	}
	train("--resume", "stopped", "--steps", "80")
	wantTrain, wantValidation := losses(t, "planned")
	for _, dir := range []string{"longer", "stopped"} {
		gotTrain, gotValidation := losses(t, dir)
		if !slices.Equal(gotTrain, wantTrain) || !slices.Equal(gotValidation, wantValidation) {
			t.Errorf("%s: losses\n%v\nwant\n%v", dir, gotTrain, wantTrain)
		}
		for _, file := range files {
			if !bytes.Equal(read(dir, file), read("planned", file)) {
				t.Errorf("%s: another %s", dir, file)
			}
		}
		for _, pointer := range []string{"best", "plateau"} {
			got, err := filepath.EvalSymlinks(filepath.Join(dir, "checkpoints", pointer))
			want, wantErr := filepath.EvalSymlinks(filepath.Join("planned", "checkpoints", pointer))
			if err != nil || wantErr != nil || filepath.Base(got) != filepath.Base(want) {
				t.Errorf("%s: %s is %s, %v; want %s, %v", dir, pointer, got, err, want, wantErr)
			}
		}
	}
	if !bytes.Equal(read("short", files[0]), short) {
		t.Error("the run that another goes on from has changed")
	}
}

// TestPlateauRefused: a run that cannot continue leaves no directory behind; a rate that has already fallen is reported.
func TestPlateauRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	if status, _, stderr := trainSmall(t, "--schedule", "wsd", "--warmup", "4", "--out", "short"); status != 0 {
		t.Fatal(stderr)
	}
	for _, c := range []struct{ args, want string }{
		{"--resume short --out o", "gorgpt: --resume uses the run's own recipe and directory; leave out RECIPE and --out\n"},
		{"--resume short/checkpoints/plateau --steps 7 --out o", "gorgpt: --steps 7: the run is at step 36 already\n"},
		{"--resume short/checkpoints/plateau --beta1 0.5 --out o", "gorgpt: --resume continues the run as it began, with beta1 = 0.9, not beta1 = 0.5; only --steps, --tokens, --eval-every, --eval-batches, --save-every, --sample-every, --keep and --bad-records can change\n"},
		{"--resume short/checkpoints/step-000007 --out o", "no such file or directory\n"},
		{"--resume short/checkpoints/plateau --out short", "short exists and is not empty; choose another --out, or continue it with --resume short\n"},
	} {
		if status, _, stderr := gorgpt(t, t.Context(), append([]string{"train"}, strings.Fields(c.args)...)...); status == 0 || !strings.HasSuffix(stderr, c.want) {
			t.Errorf("%s: status %d: %s\nwant %s", c.args, status, stderr, c.want)
		}
		if _, err := os.Stat("o"); err == nil {
			t.Errorf("%s: leaves a directory", c.args)
		}
	}
	if _, err := os.Stat(run.Dir("short").RecipePath()); err != nil {
		t.Error(err)
	}
	if status, _, stderr := trainSmall(t, "--out", "cosine"); status != 0 { // warms up for a tenth of its steps
		t.Fatal(stderr)
	}
	const other = "note: this is not the same as a run of 80 steps from the start, whose learning rates differ from update 1 on\n"
	if _, _, stderr := gorgpt(t, t.Context(), "train", "--resume", "cosine", "--steps", "80", "--stop-after", "41"); !strings.Contains(stderr, other) {
		t.Errorf("%s\nwant %s", stderr, other)
	}
	counted := strings.Fields("train --data text.txt --tokenizer chars --layers 1 --width 32 --heads 2 --context 16 --batch 8 --eval-batches 3 --model gpt2-nano --out counted --tokens 5120 --stop-after 30")
	if status, _, stderr := gorgpt(t, t.Context(), counted...); status != 0 {
		t.Fatal(stderr)
	}
	if _, _, stderr := gorgpt(t, t.Context(), "train", "--resume", "counted", "--tokens", "10240", "--stop-after", "31"); !strings.Contains(stderr, other) {
		t.Errorf("%s\nwant %s", stderr, other)
	}
	const want = "note: this is not the same as a run of 80 steps from the start, whose learning rates differ from update 38 on\n" +
		"the run before its learning rate fell is in short/checkpoints/plateau; to continue from there: gorgpt train --resume short/checkpoints/plateau --steps 80 --out DIR\n"
	if _, _, stderr := gorgpt(t, t.Context(), "train", "--resume", "short", "--steps", "80", "--stop-after", "41"); !strings.Contains(stderr, want) {
		t.Errorf("%s\nwant %s", stderr, want)
	}
}
