package convert

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/plainjson"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// openAI is what is known of OpenAI's models by the size of their vocabulary, where no files tell it.
var openAI = map[int]struct {
	name      string
	tokenizer func() (tokenizer.Tokenizer, error)
	ends      []int
}{
	50257:  {"GPT-2's", tokenizer.GPT2, []int{50256}},
	201088: {"gpt-oss's", tokenizer.O200kHarmony, []int{200002, 199999, 200012}}, // return, endoftext, call: as generation_config.json has them
}

// tokenizer says what becomes of the tokenizer: the files that were found are copied.
// If tokenizer.json is not among them, it is made of them; if there are none, and the
// vocabulary is that of OpenAI's GPT-2 or gpt-oss, so is the tokenizer. Else made is nil.
func (c *conversion) tokenizer(o *checkpoint.Origin, m models.Model) (made tokenizer.Tokenizer, about string, err error) {
	if c.to == "llm.c" {
		return nil, "not written, llm.c's file has none", nil
	}
	if err := checkJSON(o.Tokenizer); err != nil {
		return nil, "", err
	}
	made, about = c.makeTokenizer(o, m)
	return made, about, nil
}

// checkJSON refuses files that are broken: nobody could read the copy. Those that only gorgpt
// does not read are copied.
func checkJSON(files map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if filepath.Ext(name) != ".json" {
			continue
		}
		data, err := os.ReadFile(files[name])
		if err != nil {
			return err
		}
		var any json.RawMessage
		if err := plainjson.Unmarshal(data, &any); err != nil {
			return fmt.Errorf("%s: broken: %w; mend it, or take it away to convert the weights alone", files[name], err)
		}
	}
	return nil
}

func (c *conversion) makeTokenizer(o *checkpoint.Origin, m models.Model) (made tokenizer.Tokenizer, about string) {
	files := strings.Join(slices.Sorted(maps.Keys(o.Tokenizer)), ", ")
	if path := o.Tokenizer["tokenizer.json"]; path != "" {
		if _, err := tokenizer.Load(filepath.Dir(path)); err != nil {
			return nil, files + "; copied, and not read here: " + strings.Join(strings.Fields(err.Error()), " ")
		}
		return nil, files
	}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(o.Tokenizer)), func(name string) bool { return name == "generation_config.json" })
	if len(names) > 0 {
		tok, err := tokenizer.Load(filepath.Dir(o.Tokenizer[names[0]])) // they lie together
		if err != nil {
			return nil, files + "; no tokenizer.json made of them: " + strings.Join(strings.Fields(err.Error()), " ")
		}
		return tok, files + ", and tokenizer.json made of them"
	}
	if known := openAI[models.DimsOf(m).Vocab]; known.tokenizer != nil {
		if tok, err := known.tokenizer(); err == nil {
			return tok, "no files beside the weights; " + known.name + ", by the size of the vocabulary"
		}
	}
	return nil, "no files beside the weights; to read and write text, copy tokenizer.json, or vocab.json and merges.txt, into " + c.out
}

// saveHuggingFace writes a Hugging Face directory.
func (c *conversion) saveHuggingFace(o *checkpoint.Origin, m models.Model, params *graph.Params, made tokenizer.Tokenizer) error {
	config, err := configFor(o, m, c.dtype)
	if err != nil {
		return err
	}
	if _, err := models.Parse(config); err != nil && c.dtype == weights.MXFP4 {
		return usage.Errorf("--dtype mxfp4: %s has no weights that files have in MXFP4; want f32, f16 or bf16", models.NameOf(m))
	}
	return checkpoint.Save(c.out, checkpoint.Contents{
		Config: config, Params: params, DType: c.dtype, ShardBytes: c.shardBytes,
		Tokenizer: func(dir string) error {
			if made != nil {
				if err := made.Save(dir); err != nil {
					return err
				}
			}
			for _, name := range slices.Sorted(maps.Keys(o.Tokenizer)) {
				if err := copyFile(filepath.Join(dir, name), o.Tokenizer[name]); err != nil {
					return err
				}
			}
			return nil
		},
	})
}

// configFor returns the config.json to write: what is in the one that was found is
// kept; a new one is complete.
func configFor(o *checkpoint.Origin, m models.Model, dtype weights.DType) ([]byte, error) {
	text := o.Config
	if o.MadeConfig {
		var err error
		if text, err = models.JSON(m, openAI[models.DimsOf(m).Vocab].ends...); err != nil {
			return nil, err
		}
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	name := map[weights.DType]string{weights.F32: "float32", weights.F16: "float16", weights.BF16: "bfloat16", weights.MXFP4: "bfloat16"}[dtype]
	if delete(fields, "quantization_config"); dtype == weights.MXFP4 {
		fields["quantization_config"] = json.RawMessage(`{"quant_method":"mxfp4"}`)
	}
	delete(fields, "torch_dtype") // transformers' name before version 5, which still reads it
	delete(fields, "dtype")
	fields["torch_dtype"] = json.RawMessage(strconv.Quote(name))
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(fields)
	return b.Bytes(), err
}

// copyFile copies a file.
func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
