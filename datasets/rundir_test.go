package datasets

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestRunDirectories: the directory of a run and a model are not data, whether they are in a folder, matched by a glob,
// or named themselves.
func TestRunDirectories(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{
		"a.txt", "books/b.txt", "books/runs.txt",
		"r/recipe.toml", "r/checkpoints/x.txt", "runs/one/recipe.toml", "runs/one/metrics.jsonl", "runs/one/samples.txt", "runs/one/checkpoints/step-1/config.json",
		"tuned/finetune.toml", "tuned/metrics.jsonl", "tuned/c.txt",
		"gpt2/config.json", "gpt2/model.safetensors", "gpt2/vocab.json", "gpt2/merges.txt",
		"recipes/recipe.toml", // not a run
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("{\"text\": \"x\"}"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		spec, left string
		want       []string
	}{
		{".", "1 model, 3 run", []string{"a.txt", "books/b.txt", "books/runs.txt", "recipes/recipe.toml"}},
		{"**/*.txt", "1 model, 3 run", []string{"a.txt", "books/b.txt", "books/runs.txt"}},
		{"*", "1 model, 3 run", []string{"a.txt", "books/b.txt", "books/runs.txt", "recipes/recipe.toml"}},
		{"runs/one/*.txt", "", []string{"samples.txt"}},
		{"runs/one/samples.txt", "", []string{"samples.txt"}},
	} {
		src, err := Open(c.spec)
		if err != nil {
			t.Errorf("%s: %v", c.spec, err)
			continue
		}
		got := map[string]bool{}
		for _, d := range src.Documents() {
			got[d.Name] = true
		}
		names := slices.Sorted(maps.Keys(got))
		if !slices.Equal(names, c.want) || src.LeftOut() != c.left {
			t.Errorf("%s: %v, left out %q; want %v, %q", c.spec, names, src.LeftOut(), c.want, c.left)
		}
	}
	for spec, want := range map[string]string{
		"runs/one": "runs/one: this is the directory of a run, which has no text to read; to read a file in it, name the file",
		"gpt2":     "gpt2: this is a model, which has no text to read; to read a file in it, name the file",
		"runs":     "runs: no text in this folder, only 1 run entries",
	} {
		if _, err := Open(spec); err == nil || err.Error() != want {
			t.Errorf("error %v\nwant  %s", err, want)
		}
	}
}
