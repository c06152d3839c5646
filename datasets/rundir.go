package datasets

import (
	"os"
	"path/filepath"
	"slices"
)

// notData returns the kind of a folder that is known to hold no text: "run", the directory of
// a run of gorgpt, whose files would change the text while it continues, or "model", a model
// in the layout of Hugging Face. It is empty for other folders.
func notData(dir string) string {
	return kindOf(func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	})
}

// kindOf is notData for a folder whose contents has reports.
func kindOf(has func(name string) bool) string {
	any := func(names ...string) bool { return slices.ContainsFunc(names, has) }
	switch {
	case any("recipe.toml", "finetune.toml") && any("metrics.jsonl", "checkpoints"):
		return "run"
	case any("config.json") && any("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"):
		return "model"
	}
	return ""
}

// within returns the outermost folder below root that is not data and is path or contains it,
// with its kind.
func within(root, path string) (dir, what string) {
	rel, err := filepath.Rel(root, path)
	if err != nil {
		return "", ""
	}
	for at := rel; at != "." && filepath.IsLocal(at); at = filepath.Dir(at) {
		if is := notData(filepath.Join(root, at)); is != "" {
			dir, what = at, is
		}
	}
	return dir, what
}
