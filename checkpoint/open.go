package checkpoint

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gorgpt/gorgpt/checkpoint/safetensors"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/plainjson"
	"github.com/gorgpt/gorgpt/internal/plaintext"
	"github.com/gorgpt/gorgpt/models"
)

// Dir is a checkpoint opened for reading: a directory, or a single file that holds the same.
type Dir struct {
	path    string
	files   fs.FS  // config.json, unless made has it, and the tokenizer's files
	beside  string // where these are, for errors
	made    []byte // a config.json derived from other files, or nil
	weights func(path string) (weights.Source, error)
}

// Open opens the checkpoint at a path, or the one that a pointer there stands for: a directory with a
// config.json, or another form that [Recognize] knows and that gives the sizes, such as a GGUF file. It does
// not read weights yet. If the path is a URL (see package store), Open reads a copy, which stays in the
// user's cache.
func Open(path string) (*Dir, error) {
	form, path, info, err := formOf(path)
	if strings.HasPrefix(filepath.Base(path), tempPrefix) {
		return nil, fmt.Errorf("%s: an unfinished checkpoint", path)
	}
	hasConfig := info != nil && info.IsDir() && isRegular(filepath.Join(path, configName))
	switch {
	case err != nil:
		return nil, err
	case form.Config != nil || form.Weights != nil && (hasConfig || !info.IsDir()):
		return form.dir(path, info)
	case hasConfig: // the weights are still to come, or broken
		return &Dir{path: path, files: os.DirFS(path), beside: path, weights: openHuggingFace}, nil
	}
	if err := checkAdapter(path); err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s: a file, want the directory of a checkpoint, or a weights file in a supported format", path)
	}
	return nil, fmt.Errorf("%s: no %s in it: not a checkpoint", path, configName)
}

// dir opens a path that is in the form.
func (f Form) dir(path string, info os.FileInfo) (*Dir, error) {
	d := &Dir{path: path, beside: path, weights: f.Weights}
	if !info.IsDir() {
		d.beside = filepath.Dir(path)
	}
	d.files = os.DirFS(d.beside)
	var err error
	switch {
	case isRegular(filepath.Join(d.beside, configName)) && !f.Alone:
	case f.Config != nil:
		d.made, err = f.Config(path)
	default:
		err = fmt.Errorf("%s: no %s next to it; it is needed for the number of heads", path, configName)
	}
	if err == nil && f.Files != nil {
		d.beside = path
		d.files, err = f.Files(path)
	}
	return d, err
}

// Path returns the checkpoint's directory, with pointers followed, or its file.
func (d *Dir) Path() string { return d.path }

// Files returns the files of the checkpoint other than weights, by Hugging Face's names: those in the
// directory, or those derived from a single file, without config.json in this case.
func (d *Dir) Files() fs.FS { return d.files }

// Config decodes config.json into v, as encoding/json does.
func (d *Dir) Config(v any) error { return d.readJSON(configName, v, plainjson.UnmarshalOwn) }

// Weights opens the stored weights: model.safetensors, pytorch_model.bin, several of either with an index, or
// those of another form. The caller closes the source.
func (d *Dir) Weights() (weights.Source, error) { return d.weights(d.path) }

// Params fills the parameters with the weights; see [ReadParams]. Those that match one of the patterns may be
// missing, as in [models.Tensors].
func (d *Dir) Params(ps *graph.Params, missing ...string) error {
	return d.fill(ReadParams, ps, missing)
}

// MapParams is Params for a model that is only run, or frozen; see [MapParams].
func (d *Dir) MapParams(ps *graph.Params, missing ...string) error {
	return d.fill(MapParams, ps, missing)
}

func (d *Dir) fill(read func(weights.Source, *graph.Params, models.Tensors) error, ps *graph.Params, missing []string) error {
	src, err := d.Weights()
	if err != nil {
		return err
	}
	var config json.RawMessage
	if err := d.Config(&config); err != nil {
		return cmp.Or(err, src.Close())
	}
	names, err := tensorsOf(config)
	if err != nil {
		return cmp.Or(fmt.Errorf("%s: %w", d.path, err), src.Close())
	}
	names.Missing = missing
	return cmp.Or(read(src, ps, names), src.Close())
}

// tensorsOf returns what a config.json says about the weights beside it: nothing, if its family is not known.
func tensorsOf(config []byte) (models.Tensors, error) {
	names, err := models.TensorsOfConfig(config)
	if errors.Is(err, models.ErrNoFamily) {
		return models.Tensors{}, nil
	}
	return names, err
}

// Trainer decodes trainer.json into v. If the checkpoint has none, the error is fs.ErrNotExist.
func (d *Dir) Trainer(v any) error { return d.readJSON(trainerName, v, plainjson.UnmarshalOwn) }

// Optimizer opens optimizer.safetensors. The caller closes it. If the checkpoint has none, the error is
// fs.ErrNotExist.
func (d *Dir) Optimizer() (*safetensors.File, error) { return d.tensors(optimizerName) }

// Adapters opens lora.safetensors, as Optimizer opens its file.
func (d *Dir) Adapters() (*safetensors.File, error) { return d.tensors(adaptersName) }

// besideKey is the key of Contents.Beside in the metadata of lora.safetensors.
const besideKey = "beside"

// AdaptersBeside returns what identifies the frozen weights that a file of adapters was trained beside, or "" if the
// file is from before this was recorded.
func AdaptersBeside(f *safetensors.File) string { return f.Metadata()[besideKey] }

// tensors opens a file of tensors beside the weights.
func (d *Dir) tensors(name string) (*safetensors.File, error) {
	if _, err := fs.Stat(d.files, name); err != nil {
		return nil, d.named(err, name)
	}
	return safetensors.Open(d.where(name))
}

// readJSON decodes a file of the checkpoint.
func (d *Dir) readJSON(name string, v any, decode func([]byte, any) error) error {
	text, err := d.read(name)
	if err != nil {
		return err
	}
	if err := decode(text, v); err != nil {
		return fmt.Errorf("%s: %w", d.where(name), err)
	}
	return nil
}

// where returns the path of a file of the checkpoint, for errors.
func (d *Dir) where(name string) string { return filepath.Join(d.beside, name) }

// read reads a text file of the checkpoint.
func (d *Dir) read(name string) ([]byte, error) {
	if name == configName && d.made != nil {
		return d.made, nil
	}
	info, err := fs.Stat(d.files, name)
	if err == nil && (info.Size() > maxJSON || !info.Mode().IsRegular()) {
		return nil, fmt.Errorf("%s: %d bytes, want a JSON file of at most %d", d.where(name), info.Size(), maxJSON)
	}
	var text []byte
	if err == nil {
		text, err = fs.ReadFile(d.files, name)
	}
	if err != nil {
		return nil, d.named(err, name)
	}
	return plaintext.Of(d.where(name), text)
}

// named replaces the path in a file system's error by the one that the user knows.
func (d *Dir) named(err error, name string) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return &fs.PathError{Op: pathErr.Op, Path: d.where(name), Err: pathErr.Err}
	}
	return fmt.Errorf("%s: %w", d.where(name), err)
}

// isRegular reports whether there is a regular file at a path.
func isRegular(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
