package convert

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
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

// tokenizer decides what happens to the tokenizer. Files that were found are copied. If tokenizer.json is not
// among them, the tokenizer to save is made from them; if there are none, and the vocabulary is that of
// OpenAI's GPT-2 or gpt-oss, it is OpenAI's. Otherwise made is nil.
func (c *conversion) tokenizer(o *checkpoint.Origin, m models.Model) (made tokenizer.Tokenizer, about string, err error) {
	if c.to == "llm.c" {
		return nil, "not written: an llm.c file has none", nil
	}
	if err := checkJSON(o); err != nil {
		return nil, "", err
	}
	switch c.to {
	case "gguf":
		return wholeTokenizer(o, m)
	case "llama2.c":
		about, err = c.piecesOf(o)
		return nil, about, err
	}
	made, about = c.makeTokenizer(o, m)
	return made, about, nil
}

// checkJSON returns an error for broken files, since nothing could read a copy. Files that only gorgpt cannot
// read are copied.
func checkJSON(o *checkpoint.Origin) error {
	for _, name := range slices.Sorted(maps.Keys(o.Tokenizer)) {
		if filepath.Ext(name) != ".json" {
			continue
		}
		file := o.Tokenizer[name]
		data, err := fs.ReadFile(o.Files, file)
		if err != nil {
			return fmt.Errorf("%s: %w", o.Where(file), weights.Bare(err))
		}
		var any json.RawMessage
		if err := plainjson.Unmarshal(data, &any); err != nil {
			return fmt.Errorf("%s: broken: %w; fix it, or remove it to convert only the weights", o.Where(file), err)
		}
	}
	return nil
}

// pieceModel is the name of SentencePiece's file.
const pieceModel = "tokenizer.model"

// inferred returns the published model whose tokenizer a model without one has, by the size of its vocabulary. A model
// whose texts end with other tokens has another tokenizer.
func inferred(o *checkpoint.Origin, m models.Model) (checkpoint.Original, bool) {
	known, ok := checkpoint.OriginalOf(models.DimsOf(m).Vocab)
	if !ok {
		return known, false
	}
	ends, err := o.Ends()
	return known, err == nil && (len(ends) == 0 || slices.ContainsFunc(ends, func(id int) bool { return slices.Contains(known.Ends, id) }))
}

func (c *conversion) makeTokenizer(o *checkpoint.Origin, m models.Model) (made tokenizer.Tokenizer, about string) {
	files := strings.Join(slices.Sorted(maps.Keys(o.Tokenizer)), ", ")
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(o.Tokenizer)), func(name string) bool { return name == "generation_config.json" })
	if len(names) > 0 {
		has := o.Tokenizer["tokenizer.json"] != ""
		tok, err := tokenizer.LoadFS(o.Files, o.Where("."))
		switch {
		case err != nil && has:
			return nil, files + "; copied, but cannot be read here: " + strings.Join(strings.Fields(err.Error()), " ")
		case err != nil:
			return nil, files + "; tokenizer.json could not be made from them: " + strings.Join(strings.Fields(err.Error()), " ")
		case has:
			return nil, files
		}
		return tok, files + ", and tokenizer.json made from them"
	}
	if _, err := fs.Stat(o.Files, pieceModel); err == nil {
		return nil, pieceModel + " is not read: transformers converts it to tokenizer.json with AutoTokenizer and save_pretrained; copy that into " + c.out
	}
	if known, ok := inferred(o, m); ok {
		if tok, err := known.Tokenizer(); err == nil {
			return tok, "no files beside the weights; " + known.Name + ", inferred from the vocabulary size"
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
		return usage.Errorf("--dtype mxfp4: %s has no weights that are stored in MXFP4; want f32, f16 or bf16", models.NameOf(m))
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
				if err := copyFile(filepath.Join(dir, name), o, o.Tokenizer[name]); err != nil {
					return err
				}
			}
			return nil
		},
	})
}

// configFor returns the config.json to write. The content of one that was found is kept; a new one is
// complete.
func configFor(o *checkpoint.Origin, m models.Model, dtype weights.DType) ([]byte, error) {
	text := o.Config
	if o.MadeConfig {
		ends, err := endsOf(o)
		if known, ok := inferred(o, m); ok && len(ends) == 0 {
			ends = known.Ends
		}
		if err != nil {
			return nil, err
		}
		if text, err = models.JSON(m, ends...); err != nil {
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
	if err := keepBeginning(fields, o); err != nil {
		return nil, err
	}
	if err := setArchitectures(fields, m); err != nil {
		return nil, err
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

// setArchitectures names the class of transformers that has exactly the weights that are written: the source may be of a
// class with another head.
func setArchitectures(fields map[string]json.RawMessage, m models.Model) error {
	config, err := models.JSON(m, -1)
	if err != nil {
		return err
	}
	var own map[string]json.RawMessage
	if err := json.Unmarshal(config, &own); err != nil {
		return err
	}
	if own["architectures"] != nil {
		fields["architectures"] = own["architectures"]
	}
	return nil
}

// keepBeginning keeps the token that begins a text if the source's configuration has it.
func keepBeginning(fields map[string]json.RawMessage, o *checkpoint.Origin) error {
	var made map[string]json.RawMessage
	err := json.Unmarshal(o.Config, &made)
	if begin := made["bos_token_id"]; begin != nil {
		fields["bos_token_id"] = begin
	}
	return err
}

// copyFile copies one of a model's files.
func copyFile(to string, o *checkpoint.Origin, name string) error {
	in, err := o.Files.Open(name)
	if err != nil {
		return fmt.Errorf("%s: %w", o.Where(name), weights.Bare(err))
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
