package checkpoint

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gorgpt/gorgpt/checkpoint/llmc"
	"github.com/gorgpt/gorgpt/checkpoint/nanogpt"
	"github.com/gorgpt/gorgpt/checkpoint/openai"
	"github.com/gorgpt/gorgpt/checkpoint/pickle"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/filekind"
)

// Origin is a model found on disk in any of the forms that are read.
type Origin struct {
	Kind    string         // in words, as in "llm.c model file"
	Config  []byte         // config.json
	Weights weights.Source // the caller closes it

	// MadeConfig tells that there was no config.json: Config has the sizes alone, as
	// other files tell them.
	MadeConfig bool

	// Tokenizer maps the names of Hugging Face's tokenizer files to the paths where
	// the like were found.
	Tokenizer map[string]string
}

// MapParams fills the parameters of the model that Config describes; see [MapParams].
func (o *Origin) MapParams(ps *graph.Params) error {
	names, err := tensorsOf(o.Config)
	if err != nil {
		return err
	}
	return MapParams(o.Weights, ps, names)
}

// form is one form in which models are stored.
type form struct {
	kind    string
	is      func(path string, info os.FileInfo, start []byte) bool
	weights func(path string) (weights.Source, error)
	config  func(path string) ([]byte, error) // where no config.json is beside; nil if nothing else tells the sizes

	// alone says that the file tells all by itself, and that a config.json beside it
	// may be another model's.
	alone bool
}

func isDir(is func(dir string) bool) func(string, os.FileInfo, []byte) bool {
	return func(path string, info os.FileInfo, _ []byte) bool { return info.IsDir() && is(path) }
}

func isFile(is func(start []byte) bool) func(string, os.FileInfo, []byte) bool {
	return func(_ string, info os.FileInfo, start []byte) bool { return info.Mode().IsRegular() && is(start) }
}

// forms are tried in turn.
var forms = []form{
	{kind: "Hugging Face directory", is: isDir(isHuggingFace), weights: openHuggingFace},
	{kind: "OpenAI GPT-2, TensorFlow checkpoint", is: isDir(openai.IsGPT2), weights: openai.GPT2, config: openai.GPT2Config},
	{kind: "OpenAI GPT-1, params_*.npy", is: isDir(openai.IsGPT1), weights: openai.GPT1, config: openai.GPT1Config},
	{kind: "nanoGPT checkpoint", is: func(path string, _ os.FileInfo, _ []byte) bool { return nanogpt.Is(path) }, weights: nanogpt.Open, config: nanogpt.Config, alone: true},
	{kind: "PyTorch file", is: isFile(pickle.IsFile), weights: openPickle},
	{kind: "llm.c model file", is: isFile(llmc.IsFile), weights: openLLMC, config: llmcConfig, alone: true},
	{kind: "safetensors file", is: isFile(isSafetensors), weights: openSafetensors},
}

// Recognise opens a model by a path: a Hugging Face directory or one of its files of
// weights, a directory of OpenAI's GPT-1 or GPT-2, a checkpoint of nanoGPT, or a model file of
// llm.c. It looks at what is there and not at names where it can. A config.json beside the
// weights is taken whatever else tells the sizes, except beside a file of the last two.
func Recognise(path string) (*Origin, error) {
	dir, err := follow(path)
	if err == nil {
		path = dir
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	var start []byte
	if info.Mode().IsRegular() {
		if start, err = firstBytes(path); err != nil {
			return nil, err
		}
	}
	for _, f := range forms {
		if f.is(path, info, start) {
			return f.open(path, info)
		}
	}
	if err := checkAdapter(path); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%s: no model in it: want a Hugging Face directory, OpenAI's TensorFlow checkpoint or params_*.npy, pytorch_model.bin, nanoGPT's ckpt.pt, or a .bin of llm.c", path)
}

// hint tells what to do with a directory that holds a model, but is no checkpoint.
func hint(dir string) string {
	info, err := os.Stat(dir)
	if err != nil {
		return ""
	}
	for _, f := range forms {
		if f.is(dir, info, nil) && f.config != nil {
			return fmt.Sprintf(", but %s: make one of it by gorgpt convert", f.kind)
		}
	}
	return ""
}

// firstBytes returns the start of a file.
func firstBytes(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := filekind.CheckPointer(f); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return io.ReadAll(io.LimitReader(f, 32))
}

func (f form) open(path string, info os.FileInfo) (*Origin, error) {
	dir := path
	if !info.IsDir() {
		dir = filepath.Dir(path)
	}
	o := &Origin{Kind: f.kind, Tokenizer: tokenizerFiles(dir)}
	var err error
	switch beside := filepath.Join(dir, configName); {
	case exists(beside) && !f.alone:
		o.Config, err = weights.ReadText(beside, maxJSON)
	case f.config != nil:
		o.Config, err = f.config(path)
		o.MadeConfig = true
	default:
		err = fmt.Errorf("%s: no %s beside it, which tells the number of heads", path, configName)
	}
	if err != nil {
		return nil, err
	}
	o.Weights, err = f.weights(path)
	if err != nil {
		return nil, err
	}
	return o, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// isHuggingFace reports whether a directory has weights under one of the names.
func isHuggingFace(dir string) bool {
	for _, f := range weightFiles {
		if exists(filepath.Join(dir, f.name)) {
			return true
		}
	}
	return false
}

// isSafetensors reports whether a file starts like one: a length below 2²⁷, and {.
func isSafetensors(start []byte) bool {
	return len(start) > 8 && start[8] == '{' && start[4]|start[5]|start[6]|start[7] == 0
}

func openLLMC(path string) (weights.Source, error) { return opened(llmc.Open(path)) }

// llmcConfig makes the config.json of a file's header.
func llmcConfig(path string) ([]byte, error) {
	f, err := llmc.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d := f.Dims()
	return json.Marshal(map[string]any{
		"model_type": "gpt2", "vocab_size": d.Vocab, "n_positions": d.Context,
		"n_embd": d.Width, "n_layer": d.Layers, "n_head": d.Heads,
	})
}

// tokenizerNames are Hugging Face's files of a tokenizer, and OpenAI's of the same
// content, the first that is there.
var tokenizerNames = map[string][]string{
	"vocab.json":              {"vocab.json", "encoder.json", "encoder_bpe_40000.json"},
	"merges.txt":              {"merges.txt", "vocab.bpe", "vocab_40000.bpe"},
	"tokenizer.json":          {"tokenizer.json"},
	"tokenizer_config.json":   {"tokenizer_config.json"},
	"special_tokens_map.json": {"special_tokens_map.json"},
	"added_tokens.json":       {"added_tokens.json"},
	"chat_template.jinja":     {"chat_template.jinja"},
	"generation_config.json":  {"generation_config.json"},
}

// tokenizerFiles finds the files of a tokenizer in dir.
func tokenizerFiles(dir string) map[string]string {
	found := make(map[string]string)
	for name, candidates := range tokenizerNames {
		for _, c := range candidates {
			if path := filepath.Join(dir, c); exists(path) {
				found[name] = path
				break
			}
		}
	}
	return found
}
