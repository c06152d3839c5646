package datasets

import (
	"os"
	"path/filepath"
)

// notData tells whether a folder below one that is read is known to hold no text: "run", the
// directory of a run of gorgpt, whose own files would change the text as it goes on, or
// "model", a model as Hugging Face has them. It is empty for other folders.
func notData(dir string) string {
	any := func(names ...string) bool {
		for _, name := range names {
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				return true
			}
		}
		return false
	}
	switch {
	case any("recipe.toml", "finetune.toml") && any("metrics.jsonl", "checkpoints"):
		return "run"
	case any("config.json") && any("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"):
		return "model"
	}
	return ""
}

// within returns the outermost folder below root that is not data and is or holds a path, with
// what it is.
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
