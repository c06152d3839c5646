// Package convert turns a model in any form that can be read into a checkpoint, or into a file of llm.c,
// llama2.c or llama.cpp.
//
//	r, err := convert.Convert("models/124M", "gpt2", convert.Options{})
//
// Nothing in a file is run. The weights are checked against the model that the configuration declares.
// Tokenizer files are copied, and tokenizer.json is made if it is missing.
package convert

import (
	"cmp"
	"errors"
	"fmt"
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
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/family"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// dtypes maps the values of the flag to number types.
var dtypes = map[string]weights.DType{"f32": weights.F32, "f16": weights.F16, "bf16": weights.BF16, "mxfp4": weights.MXFP4, "q8_0": weights.Q8_0, "q4_0": weights.Q4_0, "q4_1": weights.Q4_1,
	"int8": weights.Q8_0, "q4": weights.Q4_0}

// single are the forms that consist of one file: the suffix of a file name that selects the form, if any, and
// its number types.
var single = map[string]struct {
	suffix string
	dtypes []string
}{
	"llm.c":    {".bin", []string{"f32", "bf16"}},
	"llama2.c": {"", []string{"f32"}},
	"gguf":     {".gguf", []string{"f32", "f16", "bf16", "q8_0", "int8", "q4", "q4_0", "q4_1", "mxfp4"}},
}

// Result describes what [Convert] found, and what it wrote.
type Result struct {
	Kind       string `json:"kind"`
	Model      string `json:"model"`
	Parameters int64  `json:"parameters"`
	Stored     string `json:"stored"` // number type
	Out        string `json:"out"`
	To         string `json:"to"`
	DType      string `json:"dtype"`
	Tokenizer  string `json:"tokenizer"`
	// Notes say what was lost in the conversion, or is not what it seems, one line each.
	Notes []string `json:"notes,omitempty"`

	File  string `json:"-"` // of the weights
	About string `json:"-"` // the model described in one line
}

// Options say how the weights are written.
type Options struct {
	// To is "hf", a Hugging Face directory; "gpt-neo", one of a GPT-Neo; "llm.c", "llama2.c" or "gguf". "" is llm.c
	// if the name ends in .bin, gguf if it ends in .gguf, and otherwise hf.
	To string
	// DType is "f32", "f16" or "bf16"; for gguf also "q8_0" ("int8"), "q4_0", "q4_1", "mxfp4" or "q4", which is q4_0
	// with tables in q8_0; "mxfp4" for models with experts that have it; "" is f32.
	DType string
	// ShardSize is the maximum size of the files of a Hugging Face directory, as "5GB"; "" makes one file.
	ShardSize string

	// FoldQueryBias moves the bias of queries, which a GPT-Neo lacks, into its first layer norms: see package
	// models/gptneo.
	FoldQueryBias bool

	// Found, if not nil, is called with what was found before the weights are read. An error ends the
	// conversion.
	Found func(*Result) error
}

// conversion is a conversion whose options were checked.
type conversion struct {
	in, out, to string
	named       string // name under which the number type was given
	dtype       weights.DType
	tables      weights.DType // for the embedding and the head, if different
	shardBytes  int64

	foldQueryBias bool
	export        models.Export // of another family, if requested
	pieces        []byte        // the tokenizer for a file of llama2.c, or nil
}

// Convert reads the model at a path, in any form that [checkpoint.Recognize] knows, and writes it to another
// path, which must not exist or be an empty directory.
func Convert(in, out string, options Options) (*Result, error) {
	c, err := options.check(in, out)
	if err != nil {
		return nil, err
	}
	o, err := checkpoint.Recognize(in)
	if err != nil {
		return nil, err
	}
	defer o.Weights.Close()
	model, err := models.ParseUnedited(o.Config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in, err)
	}
	edits, err := models.Edits(o.Config)
	if err != nil || len(edits) > 0 && c.to != "hf" {
		return nil, cmp.Or(err, fmt.Errorf("%s: the model was edited by %s, which the format %s cannot record", in, strings.Join(edits, ", "), c.to))
	}
	params := graph.NewParams(0)
	if err := models.Declare(model, params); err != nil {
		return nil, err
	}
	made, makes, err := c.tokenizer(o, model)
	if err != nil {
		return nil, err
	}
	r := &Result{
		Kind: o.Kind, Model: models.NameOf(model), Parameters: params.Count(), Stored: stored(o.Weights),
		Out: c.out, To: c.to, DType: string(c.dtype), Tokenizer: makes, File: o.Weights.Name(),
	}
	r.About = models.Describe(r.Model, model, r.Parameters)
	if len(edits) > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("the model was edited by %s: transformers would open it without that", strings.Join(edits, ", ")))
	}
	if heads := otherHeads(o.Weights); len(heads) > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("left out: a head for another task than writing text, %s", strings.Join(heads, " and ")))
	}
	if options.Found != nil {
		if err := options.Found(r); err != nil {
			return nil, err
		}
	}
	if err := o.MapParams(params); err != nil {
		return nil, err
	}
	return r, c.save(o, model, params, made, r)
}

// otherHeads lists the tensors of heads that are not converted.
func otherHeads(src weights.Source) (names []string) {
	for _, t := range src.Tensors() {
		if family.IsOtherHead(t.Name) {
			names = append(names, weights.Show(t.Name))
		}
	}
	return names
}

// save writes the model.
func (c *conversion) save(o *checkpoint.Origin, m models.Model, params *graph.Params, made tokenizer.Tokenizer, r *Result) error {
	switch {
	case c.to == "hf":
		return c.saveHuggingFace(o, m, params, made)
	case c.export.Of != nil:
		return c.saveExport(o, m, params, made, r)
	case c.to == "gguf":
		return c.saveGGUF(o, m, params, made, r)
	case c.to == "llama2.c":
		return c.saveLlama2C(m, params)
	}
	config, err := models.JSON(m, -1)
	if err != nil {
		return err
	}
	return checkpoint.SaveLLMC(c.out, config, params, c.dtype)
}

// check checks the options, and that nothing would be overwritten.
func (o Options) check(in, out string) (*conversion, error) {
	out = cmp.Or(strings.TrimRight(out, "/"), out)
	c := &conversion{in: in, out: out, to: o.To, foldQueryBias: o.FoldQueryBias}
	suffix := strings.ToLower(filepath.Ext(out))
	if c.to == "" {
		c.to = "hf"
		for to, f := range single {
			if f.suffix != "" && suffix == f.suffix {
				c.to = to
			}
		}
	}
	if o.To == "" && c.to == "hf" && slices.Contains([]string{".safetensors", ".gguf", ".bin", ".pt"}, suffix) {
		return nil, usage.Errorf("%s: a Hugging Face model is a folder, and this is the name of a file", out)
	}
	names, exports, err := forms()
	if err != nil {
		return nil, err
	}
	if !slices.Contains(names, c.to) {
		return nil, usage.Unknown("--to", c.to, names)
	}
	if c.export = exports[c.to]; o.FoldQueryBias && c.export.Of == nil {
		return nil, usage.Errorf("--fold-query-bias applies only to --to %s: the other formats can store the bias", strings.Join(slices.Sorted(maps.Keys(exports)), ", "))
	}
	var ok bool
	c.named = cmp.Or(o.DType, "f32")
	if c.dtype, ok = dtypes[c.named]; !ok {
		return nil, usage.Unknown("number type", c.named, slices.Sorted(maps.Keys(dtypes)))
	}
	one, isFile := single[c.to]
	switch {
	case isFile && !slices.Contains(one.dtypes, c.named):
		return nil, usage.Errorf("number type %s: %s supports %s", c.named, c.to, strings.Join(one.dtypes, ", "))
	case !isFile && slices.Contains([]weights.DType{weights.Q8_0, weights.Q4_0, weights.Q4_1}, c.dtype):
		return nil, usage.Errorf("number type %s: only gguf supports it", c.named)
	}
	if o.DType == "q4" {
		c.tables = weights.Q8_0
	}
	if o.ShardSize != "" {
		if isFile {
			return nil, usage.Errorf("--shard-size: %s writes a single file", c.to)
		}
		var err error
		if c.shardBytes, err = parseSize(o.ShardSize); err != nil {
			return nil, usage.Errorf("--shard-size: %w", err)
		}
	}
	entries, err := os.ReadDir(out)
	if _, statErr := os.Lstat(out); errors.Is(statErr, fs.ErrNotExist) || err == nil && len(entries) == 0 && !isFile {
		return c, nil
	}
	return nil, fmt.Errorf("%s exists; choose another OUT: existing files are never overwritten", out)
}

// parseSize reads a size such as 5GB or 200MB.
func parseSize(s string) (int64, error) {
	units := []struct {
		name  string
		bytes int64
	}{{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1}}
	for _, u := range units {
		digits, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		if n, err := strconv.ParseInt(digits, 10, 64); err == nil && n > 0 && n <= 1<<62/u.bytes {
			return n * u.bytes, nil
		}
		break
	}
	return 0, fmt.Errorf("%q is not a size; want one such as 5GB, 200MB or 4000", s)
}

// stored lists the readable number types of a source.
func stored(src weights.Source) string {
	types := make(map[string]bool)
	if p, err := weights.Packed(src); err == nil { // otherwise reading reports the error
		src = p
	}
	for _, t := range src.Tensors() {
		if t.Type.Readable() {
			types[string(t.Type)] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(types)), ", ")
}
