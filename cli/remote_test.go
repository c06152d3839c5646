package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/run"
	"github.com/gorgpt/gorgpt/store"
)

// lastLine returns the last line of an output.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// TestRemoteRun: a run that reads from an object store and uploads its checkpoints there, is stopped, and is resumed on a
// machine that has only the URL, ends with the bits of a local run. If its latest checkpoint is damaged, it resumes from the
// one before.
func TestRemoteRun(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	if status, _, stderr := trainSmall(t, "--out", "whole"); status != 0 {
		t.Fatal(stderr)
	}
	want := weightsOf(t, "whole")
	const root = "mem://TestRemoteRun"
	const url = root + "/runs/a"
	if err := store.Write(root+"/texts/text.txt", []byte(text())); err != nil {
		t.Fatal(err)
	}
	away := func() { t.Helper(); t.Chdir(t.TempDir()) }
	away()
	status, stdout, stderr := trainSmall(t, "--data", root+"/texts", "--out", url, "--stop-after", "20")
	if status != 0 || !strings.HasPrefix(lastLine(stdout), filepath.Join("runs", "a-")) {
		t.Fatalf("status %d\n%s%s", status, stdout, stderr)
	}
	for _, name := range []string{"recipe.toml", "metrics.jsonl", "checkpoints/latest", "checkpoints/step-000020/manifest.json", "checkpoints/step-000020/model.safetensors"} {
		if _, err := store.Stat(store.Join(url, name)); err != nil {
			t.Error(err)
		}
	}
	resume := func(message string) {
		t.Helper()
		away()
		status, stdout, stderr := gorgpt(t, t.Context(), "train", "--resume", url)
		if status != 0 || !strings.Contains(stderr, message) {
			t.Fatalf("status %d, want %q\n%s%s", status, message, stdout, stderr)
		}
		if got := weightsOf(t, lastLine(stdout)); got != want {
			t.Error("other weights than of a run that knows of no store")
		}
	}
	resume(url + " continues in " + filepath.Join("runs", "a-"))

	latest := url + "/checkpoints/latest"
	use := func(status int, message string, args ...string) {
		t.Helper()
		got, stdout, stderr := gorgpt(t, t.Context(), args...)
		if got != status || !strings.Contains(stdout+stderr, message) {
			t.Errorf("%q: status %d, want %d and %q\n%s%s", args, got, status, message, stdout, stderr)
		}
	}
	use(0, "1 and", "generate", "--from", latest, "--prompt", "1 and", "--tokens", "4")
	use(0, "perplexity", "eval", "--from", url+"/checkpoints/best", "--on", "perplexity", "--data", root+"/texts/text.txt")
	use(0, "checkpoints/latest", "models", "--verify", latest)
	use(0, root+"/copy", "convert", latest, root+"/copy")
	use(0, "1 and", "generate", "--from", root+"/copy", "--prompt", "1 and", "--tokens", "4")
	use(0, "1 and", "generate", "--from", root+"/copy/model.safetensors", "--prompt", "1 and", "--tokens", "4")
	use(1, "gorgpt: "+root+"/copy: already exists\n", "convert", latest, root+"/copy")
	use(1, url+" already holds a run; choose another --out, or continue it with --resume "+url+"\n", "train", "--data", root+"/texts", "--out", url)
	use(1, root+"/texts has text.txt in it; choose another --out\n", "train", "--data", root+"/texts", "--out", root+"/texts")
	use(1, "gorgpt: --resume: "+root+"/texts: neither recipe.toml nor finetune.toml in it: not a run directory\n", "train", "--resume", root+"/texts")
	use(1, "gorgpt: "+url+": no config.json in it: not a checkpoint; did you mean "+url+"/checkpoints/best?\n", "generate", "--from", url, "--prompt", "x")
	use(1, "gorgpt: "+url+"/none: file does not exist\n", "generate", "--from", url+"/none", "--prompt", "x")
	use(1, "no driver for s3 is linked in", "generate", "--from", "s3://bucket/x", "--prompt", "x")
	use(1, "no driver for s3 is linked in", "train", "--data", "go", "--out", "s3://bucket/x")

	weights := store.Join(url, "checkpoints/step-000040/model.safetensors")
	if err := store.Write(weights, []byte("cut short")); err != nil {
		t.Fatal(err)
	}
	use(1, "gorgpt: "+url+"/checkpoints/step-000040: model.safetensors has 9 bytes, want ", "generate", "--from", latest, "--prompt", "x")
	resume("continuing from step-000020, which is complete\n")
}

// TestRemoteNames: objects in a store cannot name files outside of the run that they are copied to.
func TestRemoteNames(t *testing.T) {
	const root = "mem://TestRemoteNames"
	if err := store.Write(root+"/out/manifest.json", []byte(`{"gorgpt": {}}`)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ key, want string }{
		"pointer": {"checkpoints/step-000001/x", `"../../../out" is not a valid checkpoint name`},
		"step":    {"checkpoints/../x", `"../../../out" is not a valid checkpoint name`},
		"file":    {"..", `".." cannot be used as a file name here`},
	} {
		t.Chdir(t.TempDir())
		url := root + "/" + name + "/a"
		for _, key := range []string{"recipe.toml", "checkpoints/latest", c.key} {
			if err := store.Write(url+"/"+key, []byte("../../../out\n")); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := run.Fetch(url, func(string) {}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if made, err := os.ReadDir("."); err != nil || len(made) > 1 || len(made) == 1 && made[0].Name() != "runs" {
			t.Errorf("%s: made %v (%v)", name, made, err)
		}
	}
}

// weightsOf returns the bytes of a run's latest weights.
func weightsOf(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(run.Dir(dir).Latest(), "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
