package checkpoint

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"

	"github.com/gorgpt/gorgpt/checkpoint/safetensors"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/mapped"
	"github.com/gorgpt/gorgpt/models"
)

// The files of a checkpoint, besides config.json and the tokenizer's.
const (
	weightsName   = "model.safetensors"
	trainerName   = "trainer.json"
	optimizerName = "optimizer.safetensors"
	adaptersName  = "lora.safetensors"

	generationName = "generation_config.json" // transformers'
)

// maxJSON bounds the size of a JSON file that is read. A trainer.json may hold a data position of some
// megabytes; anything larger is another kind of file.
const maxJSON = 64 << 20

// Tensor is a named tensor in memory, row-major.
type Tensor = weights.Tensor

// Contents is what a checkpoint is made from.
type Contents struct {
	// Config becomes config.json. It is JSON text (a []byte or json.RawMessage), which is written as it is,
	// or any value that encoding/json can encode.
	Config any
	// Params becomes model.safetensors, in the form in which transformers expects the model described by
	// Config; see [WriteParams].
	Params *graph.Params
	// DType is the number type of model.safetensors, [weights.F32] if empty. The other types halve the file
	// and lose precision, so training does not resume bit for bit.
	DType weights.DType
	// ShardBytes, if above 0, limits the size of a file of weights: there are then several, and
	// model.safetensors.index.json.
	ShardBytes int64
	// Tokenizer writes the tokenizer's files into the directory; nil if there is none.
	Tokenizer func(dir string) error
	// Generation becomes generation_config.json, which transformers' generate reads besides config.json. If
	// it is nil, there is none.
	Generation json.RawMessage
	// Trainer becomes trainer.json, as Config does; nil leaves it out.
	Trainer any
	// Optimizer becomes optimizer.safetensors; nil leaves it out.
	Optimizer []Tensor
	// Adapters becomes lora.safetensors: adapters that a run trained beside frozen weights, and that Params
	// has merged; nil leaves it out.
	Adapters []Tensor
	// Beside identifies the frozen weights that Adapters were trained beside; see AdaptersBeside.
	Beside string
}

// Save makes dir a checkpoint in one step, as [Write] does: after an error, or if the process dies, dir is as
// it was before.
func Save(dir string, c Contents) error {
	if c.Config == nil || c.Params == nil {
		return fmt.Errorf("%s: a checkpoint needs a Config and Params", dir)
	}
	return Write(dir, func(temp string) error {
		err := mapped.Guard(func() error { return c.fill(temp) }) // the parameters may be mapped
		if err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		return nil
	})
}

// fill writes the files into an empty directory. Errors name the file but not the directory, whose name means
// nothing to the caller.
func (c Contents) fill(temp string) error {
	config, err := marshal(c.Config)
	if err == nil {
		c.Config, err = config, writeJSON(temp, configName, config)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", configName, err)
	}
	names, err := tensorsOf(config)
	if err != nil {
		return err
	}
	if c.Generation != nil {
		if err := writeJSON(temp, generationName, c.Generation); err != nil {
			return err
		}
	}
	if err := c.writeWeights(temp, names); err != nil {
		return err
	}
	if c.Tokenizer != nil {
		if err := c.Tokenizer(temp); err != nil {
			return fmt.Errorf("tokenizer: %w", err)
		}
	}
	beside := maps.Clone(torchMetadata)
	if c.Beside != "" {
		beside[besideKey] = c.Beside
	}
	for _, file := range []struct { // in the order that Follow expects
		name     string
		tensors  []Tensor
		metadata map[string]string
	}{{optimizerName, c.Optimizer, torchMetadata}, {adaptersName, c.Adapters, beside}} {
		if file.tensors == nil {
			continue
		}
		err := writeFile(temp, file.name, func(w io.Writer) error { return safetensors.WriteChecked(w, file.metadata, weights.F32, file.tensors) })
		if err != nil {
			return err
		}
	}
	if c.Trainer != nil {
		return writeJSON(temp, trainerName, c.Trainer)
	}
	return nil
}

// writeWeights writes model.safetensors, or several such files.
func (c Contents) writeWeights(temp string, names models.Tensors) error {
	tensors, t, err := named(c.Params, names, cmp.Or(c.DType, weights.F32))
	if err != nil {
		return fmt.Errorf("%s: %w", weightsName, err)
	}
	create := func(name string, write func(io.Writer) error) error { return writeFile(temp, name, write) }
	if c.ShardBytes > 0 {
		return safetensors.WriteShards(create, torchMetadata, t, tensors, c.ShardBytes)
	}
	return create(weightsName, func(w io.Writer) error { return safetensors.WriteChecked(w, torchMetadata, t, tensors) })
}

// writeFile creates a file in dir.
func writeFile(dir, name string, write func(w io.Writer) error) error {
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return fmt.Errorf("%s: %w", name, weights.Bare(err))
	}
	err = write(bareWriter{f})
	if err := cmp.Or(err, weights.Bare(f.Close())); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// bareWriter removes the path from a file's errors.
type bareWriter struct{ f *os.File }

func (w bareWriter) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	return n, weights.Bare(err)
}

// writeJSON creates a JSON file in dir.
func writeJSON(dir, name string, v any) error {
	text, err := marshal(v)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return writeFile(dir, name, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// marshal returns v as JSON text. If v is already text, it is only checked.
func marshal(v any) ([]byte, error) {
	if raw, ok := v.(json.RawMessage); ok {
		v = []byte(raw)
	}
	if text, ok := v.([]byte); ok {
		if !json.Valid(text) {
			return nil, errors.New("not valid JSON")
		}
		return text, nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return b.Bytes(), err
}
