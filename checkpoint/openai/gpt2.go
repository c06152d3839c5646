package openai

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/gorgpt/gorgpt/checkpoint/tfbundle"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// maxJSON bounds the small files beside the weights.
const maxJSON = 1 << 20

// IsGPT2 reports whether dir holds a TensorFlow checkpoint.
func IsGPT2(dir string) bool {
	found, err := filepath.Glob(filepath.Join(escape(dir), "*.index"))
	return err == nil && len(found) > 0
}

// escape quotes a path so that, as a pattern, it matches only itself.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// latest matches the line in TensorFlow's file "checkpoint" that names one of several checkpoints.
var latest = regexp.MustCompile(`(?m)^model_checkpoint_path:\s*"([^"/\\]+)"\s*$`)

// prefix returns the path of the checkpoint in dir, without its suffix.
func prefix(dir string) (string, error) {
	found, err := filepath.Glob(filepath.Join(escape(dir), "*.index"))
	if err != nil {
		return "", err
	}
	if len(found) == 1 {
		return strings.TrimSuffix(found[0], ".index"), nil
	}
	if len(found) > 1 {
		text, err := weights.ReadText(filepath.Join(dir, "checkpoint"), maxJSON)
		if m := latest.FindSubmatch(text); err == nil && m != nil {
			return filepath.Join(dir, string(m[1])), nil
		}
		return "", fmt.Errorf("%s: %d checkpoints, and no file \"checkpoint\" that names one", dir, len(found))
	}
	return "", fmt.Errorf("%s: no .index in it: not a TensorFlow checkpoint", dir)
}

// GPT2 opens the weights in a directory of OpenAI's gpt-2, such as models/124M. The caller closes it. The
// state of an optimizer is left out.
func GPT2(dir string) (weights.Source, error) {
	path, err := prefix(dir)
	if err != nil {
		return nil, err
	}
	b, err := tfbundle.Open(path)
	if err != nil {
		return nil, err
	}
	s := &renamed{src: b, from: make(map[string]string)}
	for _, t := range b.Tensors() {
		inner, ok := strings.CutPrefix(t.Name, "model/")
		if !ok || strings.HasSuffix(inner, "/Adam") || strings.HasSuffix(inner, "/Adam_1") {
			continue // the step counter and the moments of a fine-tuned model
		}
		name, shape := rename(inner), t.Shape
		if len(shape) == 3 && shape[0] == 1 {
			shape = shape[1:]
		}
		s.from[name] = t.Name
		s.infos = append(s.infos, weights.Info{Name: name, Type: t.Type, Shape: shape})
	}
	return s, nil
}

var layerName = regexp.MustCompile(`^h([0-9]+)/`)

// rename turns h3/mlp/c_fc/w into h.3.mlp.c_fc.weight.
func rename(name string) string {
	name = layerName.ReplaceAllString(name, "h.$1/")
	name = strings.ReplaceAll(name, "/", ".")
	for _, ending := range []struct{ from, to string }{{".w", ".weight"}, {".g", ".weight"}, {".b", ".bias"}} {
		if stem, ok := strings.CutSuffix(name, ending.from); ok {
			return stem + ending.to
		}
	}
	return name + ".weight" // wte and wpe
}

// renamed is a source with tensors under other names and shapes.
type renamed struct {
	src   weights.Source
	infos []weights.Info
	from  map[string]string
}

func (s *renamed) Name() string            { return s.src.Name() }
func (s *renamed) Tensors() []weights.Info { return s.infos }
func (s *renamed) Close() error            { return s.src.Close() }

func (s *renamed) Read(name string, dst []float32) error {
	from, ok := s.from[name]
	if !ok {
		return fmt.Errorf("%s: no tensor %s", s.Name(), weights.Show(name))
	}
	return s.src.Read(from, dst)
}

// config is a config.json in Hugging Face's form.
type config struct {
	ModelType string `json:"model_type"`
	Vocab     int    `json:"vocab_size"`
	Context   int    `json:"n_positions"`
	Width     int    `json:"n_embd"`
	Layers    int    `json:"n_layer"`
	Heads     int    `json:"n_head"`
}

// GPT2Config returns the config.json that corresponds to a directory's hparams.json.
func GPT2Config(dir string) ([]byte, error) {
	path := filepath.Join(dir, "hparams.json")
	text, err := weights.ReadText(path, maxJSON)
	if os.IsNotExist(err) {
		return nil, fmt.Errorf("%s: no hparams.json in it; it is needed for the number of heads", dir)
	}
	if err != nil {
		return nil, err
	}
	var h struct {
		Vocab   int `json:"n_vocab"`
		Context int `json:"n_ctx"`
		Width   int `json:"n_embd"`
		Heads   int `json:"n_head"`
		Layers  int `json:"n_layer"`
	}
	if err := plainjson.Unmarshal(text, &h); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return json.Marshal(config{"gpt2", h.Vocab, h.Context, h.Width, h.Layers, h.Heads})
}
