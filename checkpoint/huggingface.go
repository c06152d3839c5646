package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gorgpt/gorgpt/checkpoint/pickle"
	"github.com/gorgpt/gorgpt/checkpoint/safetensors"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// weightFiles are the files that hold the weights of a model directory, the best
// first: as transformers chooses.
var weightFiles = []struct {
	name string
	open func(path string) (weights.Source, error)
}{
	{weightsName, openSafetensors},
	{safetensors.IndexName, safetensors.OpenIndex},
	{"pytorch_model.bin", openPickle},
	{"pytorch_model.bin.index.json", func(path string) (weights.Source, error) { return weights.OpenIndex(path, openPickle) }},
}

func openSafetensors(path string) (weights.Source, error) { return opened(safetensors.Open(path)) }
func openPickle(path string) (weights.Source, error)      { return opened(pickle.Open(path)) }

// opened makes no interface of a nil pointer.
func opened[S weights.Source](s S, err error) (weights.Source, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// openHuggingFace opens the weights of a model directory.
func openHuggingFace(dir string) (weights.Source, error) {
	for _, f := range weightFiles {
		path := filepath.Join(dir, f.name)
		if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return f.open(path)
		}
	}
	return nil, fmt.Errorf("%s: no weights in it, want %s or pytorch_model.bin", dir, weightsName)
}
