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

// weightFiles are the files that may hold the weights of a model directory, in the order in which
// transformers prefers them.
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

// opened returns a nil interface, not a nil pointer in an interface, after an error.
func opened[S weights.Source](s S, err error) (weights.Source, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// adapterName is the file of PEFT's adapters, which are stored beside a model or name one.
const adapterName = "adapter_config.json"

// openHuggingFace opens the weights of a model directory. An adapter beside them is an error, since
// transformers would run other weights.
func openHuggingFace(dir string) (weights.Source, error) {
	if err := checkAdapter(dir); err != nil {
		return nil, err
	}
	for _, f := range weightFiles {
		path := filepath.Join(dir, f.name)
		if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return f.open(path)
		}
	}
	return nil, fmt.Errorf("%s: no weights in it, want %s or pytorch_model.bin", dir, weightsName)
}

func checkAdapter(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, adapterName)); err != nil {
		return nil // the usual case
	}
	return fmt.Errorf("%s: %s: LoRA and other adapters cannot be loaded; merge it into its model first (PEFT's merge_and_unload) and save that, or remove the adapter's files", dir, adapterName)
}
