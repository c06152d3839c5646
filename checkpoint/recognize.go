package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/gorgpt/gorgpt/checkpoint/llama2c"
	"github.com/gorgpt/gorgpt/checkpoint/llmc"
	"github.com/gorgpt/gorgpt/checkpoint/nanogpt"
	"github.com/gorgpt/gorgpt/checkpoint/openai"
	"github.com/gorgpt/gorgpt/checkpoint/pickle"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/filekind"
)

// Origin is a model found on disk in any of the forms that can be read.
type Origin struct {
	Kind    string         // description, as in "llm.c model file"
	Config  []byte         // config.json
	Weights weights.Source // the caller closes it

	// MadeConfig says that there was no config.json, and that Config was derived from other files.
	MadeConfig bool

	// Files holds the files of the tokenizer and the like, under their own names. Tokenizer maps Hugging
	// Face's names to these.
	Files     fs.FS
	Tokenizer map[string]string

	dir *Dir
}

// Where returns the path of one of the Files, for errors.
func (o *Origin) Where(name string) string { return o.dir.where(name) }

// Ends returns the tokens that end a text, as [Dir.Ends] does.
func (o *Origin) Ends() ([]int, error) { return o.dir.Ends() }

// MapParams fills the parameters of the model that Config describes; see [MapParams].
func (o *Origin) MapParams(ps *graph.Params) error {
	names, err := tensorsOf(o.Config)
	if err != nil {
		return err
	}
	return MapParamsAs(o.Weights, ps, names, AsStored)
}

// Form is a form in which models are stored.
type Form struct {
	Kind string // description, as in "llm.c model file"
	// Is reports whether a path, of which info is the description by the system, is in this form. start holds
	// the first bytes of a file.
	Is      func(path string, info os.FileInfo, start []byte) bool
	Weights func(path string) (weights.Source, error)
	// Config makes a config.json from the sizes in the file, for use if there is no config.json beside it. It
	// may be nil if the file does not hold them.
	Config func(path string) ([]byte, error)
	// Files returns what else is in the file, under the names of Hugging Face's files: tokenizer.json,
	// tokenizer_config.json, chat_template.jinja, generation_config.json. nil stands for the files beside it.
	Files func(path string) (fs.FS, error)

	// Alone says that the file needs no config.json, and that one beside it may belong to another model.
	Alone bool
}

func isDir(is func(dir string) bool) func(string, os.FileInfo, []byte) bool {
	return func(path string, info os.FileInfo, _ []byte) bool { return info.IsDir() && is(path) }
}

func isFile(is func(start []byte) bool) func(string, os.FileInfo, []byte) bool {
	return func(_ string, info os.FileInfo, start []byte) bool { return info.Mode().IsRegular() && is(start) }
}

// forms are tried in order.
var forms = []Form{
	{Kind: "OpenAI gpt-oss, original", Is: isDir(openai.IsGPTOSS), Weights: openHuggingFace, Config: openai.GPTOSSConfig, Alone: true},
	{Kind: "Hugging Face directory", Is: isDir(isHuggingFace), Weights: openHuggingFace},
	{Kind: "OpenAI GPT-2, TensorFlow checkpoint", Is: isDir(openai.IsGPT2), Weights: openai.GPT2, Config: openai.GPT2Config},
	{Kind: "OpenAI GPT-1, params_*.npy", Is: isDir(openai.IsGPT1), Weights: openai.GPT1, Config: openai.GPT1Config},
	{Kind: "nanoGPT checkpoint", Is: func(path string, _ os.FileInfo, _ []byte) bool { return nanogpt.Is(path) }, Weights: nanogpt.Open, Config: nanogpt.Config, Alone: true},
	ggufForm,
	{Kind: "PyTorch file", Is: isFile(pickle.IsFile), Weights: openPickle},
	{Kind: "llm.c model file", Is: isFile(llmc.IsFile), Weights: openLLMC, Config: llmcConfig, Alone: true},
	{Kind: "llama2.c model file", Is: isFile(llama2c.IsFile), Weights: openLlama2C, Config: llama2cConfig, Files: llama2cFiles, Alone: true},
	{Kind: "safetensors file", Is: isFile(isSafetensors), Weights: openSafetensors},
}

// registered are the forms added by RegisterForm.
var (
	formsMutex sync.Mutex
	registered []Form
)

// RegisterForm makes a form known to [Recognize], and thus to gorgpt convert. It is tried before those of
// this package. Call RegisterForm in an init function. A form without Is or Weights, or with a Kind that is
// already known, is an error.
func RegisterForm(f Form) error {
	if f.Kind == "" || f.Is == nil || f.Weights == nil {
		return fmt.Errorf("checkpoint: a form needs Kind, Is and Weights; %q lacks one", f.Kind)
	}
	if slices.ContainsFunc(allForms(), func(other Form) bool { return other.Kind == f.Kind }) {
		return fmt.Errorf("checkpoint: two forms are called %q", f.Kind)
	}
	formsMutex.Lock()
	defer formsMutex.Unlock()
	registered = append(registered, f)
	return nil
}

func allForms() []Form {
	formsMutex.Lock()
	defer formsMutex.Unlock()
	return slices.Concat(registered, forms)
}

// Recognize opens the model at a path: a Hugging Face directory or one of its files of weights, a directory of
// OpenAI's GPT-1, GPT-2 or gpt-oss, a checkpoint of nanoGPT, or a model file of llm.c, llama2.c or llama.cpp. It goes
// by the content rather than by names where it can. A config.json beside the weights takes precedence over sizes
// found elsewhere, except in the forms that need none ([Form.Alone]).
func Recognize(path string) (*Origin, error) {
	form, path, info, err := formOf(path)
	if info == nil {
		return nil, err
	}
	if form.Weights != nil {
		return form.open(path, info)
	}
	if err := checkAdapter(path); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%s: no model in it: want a Hugging Face directory, OpenAI's TensorFlow checkpoint or params_*.npy, pytorch_model.bin, nanoGPT's ckpt.pt, a .bin of llm.c or llama2.c, or a GGUF file", path)
}

// formOf returns the form of what is at a path, or at the target of a pointer there, and that path. If it is
// in no form, the form returned has no Weights; if it is also not a checkpoint or a pointer to one, that is
// an error, and info describes what is there.
func formOf(path string) (f Form, at string, info os.FileInfo, err error) {
	if path, err = fetched(path); err != nil {
		return f, path, nil, err
	}
	at, lost := follow(path)
	if lost != nil {
		at = path // a file in some form may look like a pointer
	}
	if info, err = os.Stat(at); err != nil {
		return f, at, nil, err
	}
	var start []byte
	if info.Mode().IsRegular() {
		if start, err = firstBytes(at); err != nil {
			return f, at, nil, err
		}
	}
	for _, f := range allForms() {
		if f.Is(at, info, start) {
			return f, at, info, nil
		}
	}
	return f, at, info, lost
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

func (f Form) open(path string, info os.FileInfo) (*Origin, error) {
	d, err := f.dir(path, info)
	if err != nil {
		return nil, err
	}
	o := &Origin{Kind: f.Kind, MadeConfig: d.made != nil, Files: d.files, Tokenizer: tokenizerFiles(d.files), dir: d}
	if o.Config, err = d.read(configName); err != nil {
		return nil, err
	}
	o.Weights, err = f.Weights(path)
	return o, err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// isHuggingFace reports whether a directory has weights under one of Hugging Face's names.
func isHuggingFace(dir string) bool {
	for _, f := range weightFiles {
		if exists(filepath.Join(dir, f.name)) {
			return true
		}
	}
	return false
}

// isSafetensors reports whether a file starts like a safetensors file: a length below 2²⁷, and {.
func isSafetensors(start []byte) bool {
	return len(start) > 8 && start[8] == '{' && start[4]|start[5]|start[6]|start[7] == 0
}

func openLLMC(path string) (weights.Source, error) { return opened(llmc.Open(path)) }

// llmcConfig makes a config.json from a file's header.
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

// tokenizerNames maps Hugging Face's names of tokenizer files to names under which the content may be found,
// such as OpenAI's. The first that exists is used.
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

// tokenizerFiles finds the files of a tokenizer and returns them by Hugging Face's names.
func tokenizerFiles(files fs.FS) map[string]string {
	found := make(map[string]string)
	for name, candidates := range tokenizerNames {
		for _, c := range candidates {
			if _, err := fs.Stat(files, c); !errors.Is(err, fs.ErrNotExist) {
				found[name] = c
				break
			}
		}
	}
	return found
}
