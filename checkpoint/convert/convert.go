package cli

import (
	"cmp"
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

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
)

// conversion is what convert is asked for.
type conversion struct {
	in, out, to      string
	dtype, shardSize string
	asJSON           bool
}

func newConvert() *cobra.Command {
	var c conversion
	cmd := &cobra.Command{
		Use:   "convert IN OUT",
		Short: "Turn anyone's weights into a checkpoint, or into llm.c's file",
		Long: `Turn anyone's weights into a checkpoint, or into llm.c's file.

IN is one of these; which, is seen by what is in it:

  a Hugging Face directory   config.json with model.safetensors or pytorch_model.bin,
                             in one file or several; or such a file in its directory
  OpenAI's GPT-2             a directory with model.ckpt.index and hparams.json
  OpenAI's GPT-1             a directory with params_0.npy and params_shapes.json
  nanoGPT's checkpoint       its ckpt.pt, or the directory that it is in
  llm.c's model file         a .bin of version 3 or 5
  a checkpoint of gorgpt     such as RUN/checkpoints/best

Nothing in a file is run. The weights are compared with the model that the
configuration declares: missing, further and misshapen tensors and numbers that are
not finite are errors. Files of a tokenizer come along, and tokenizer.json is made where
it is missing. OUT must not exist, or be an empty directory.`,
		Example: `  gorgpt convert models/124M gpt2                      # OpenAI's, for --from and for transformers
  gorgpt convert gpt2 model.bin                        # for llm.c, whose GPT-2 has biases and GELU in the tanh form
  gorgpt convert gpt2-xl gpt2-xl-half --dtype bf16 --shard-size 1GB`,
		Args: usageArgs(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			c.in, c.out = args[0], args[1]
			return c.run(cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&c.to, "to", "", "hf, a Hugging Face directory, or llm.c (default llm.c if OUT ends in .bin, or hf)")
	f.StringVar(&c.dtype, "dtype", "f32", "type of the numbers: f32 loses nothing; f16 and bf16 halve the file (llm.c: f32, bf16)")
	f.StringVar(&c.shardSize, "shard-size", "", "with --to hf, several files of at most this size, such as 5GB (default one file)")
	f.BoolVar(&c.asJSON, "json", false, "print one JSON object: kind, model, parameters, stored, out, to, dtype, tokenizer")
	return cmd
}

// dtypes are the number types by their flags.
var dtypes = map[string]weights.DType{"f32": weights.F32, "f16": weights.F16, "bf16": weights.BF16}

// found is what convert tells about its input.
type found struct {
	Kind       string `json:"kind"`
	Model      string `json:"model"`
	Parameters int64  `json:"parameters"`
	Stored     string `json:"stored"` // number type
	Out        string `json:"out"`
	To         string `json:"to"`
	DType      string `json:"dtype"`
	Tokenizer  string `json:"tokenizer"`
}

func (c *conversion) run(stdout io.Writer) error {
	dtype, shardBytes, err := c.check()
	if err != nil {
		return err
	}
	o, err := checkpoint.Recognise(c.in)
	if err != nil {
		return orBest(c.in, err)
	}
	defer o.Weights.Close()
	model, err := models.ParseUnedited(o.Config)
	if err != nil {
		return fmt.Errorf("%s: %w", c.in, err)
	}
	if edits, err := models.Edits(o.Config); err != nil || len(edits) > 0 && c.to == "llm.c" {
		return cmp.Or(err, fmt.Errorf("%s: the model was edited by %s, which a file of llm.c cannot tell", c.in, strings.Join(edits, ", ")))
	}
	params := graph.NewParams(0)
	if err := models.Declare(model, params); err != nil {
		return err
	}
	made, makes, err := c.tokenizer(o, model)
	if err != nil {
		return err
	}
	f := found{
		Kind: o.Kind, Model: modelName(model), Parameters: params.Count(), Stored: stored(o.Weights),
		Out: c.out, To: c.to, DType: string(dtype), Tokenizer: makes,
	}
	if !c.asJSON {
		if err := f.print(stdout, filepath.Base(o.Weights.Name()), model); err != nil {
			return err
		}
	}
	if err := checkpoint.MapParams(o.Weights, params, model.Absent()); err != nil {
		return err
	}
	if c.to == "llm.c" {
		config, err := model.JSON(-1)
		if err != nil {
			return err
		}
		if err := checkpoint.SaveLLMC(c.out, config, params, dtype); err != nil {
			return err
		}
	} else if err := c.saveHuggingFace(o, model, params, made, dtype, shardBytes); err != nil {
		return err
	}
	if c.asJSON {
		return json.NewEncoder(stdout).Encode(f)
	}
	_, err = fmt.Fprintln(stdout, c.out)
	return err
}

// check checks the flags and that nothing is in the way.
func (c *conversion) check() (weights.DType, int64, error) {
	if c.to == "" {
		c.to = "hf"
		if strings.HasSuffix(c.out, ".bin") {
			c.to = "llm.c"
		}
	}
	if c.to != "hf" && c.to != "llm.c" {
		return "", 0, unknown("--to", c.to, []string{"hf", "llm.c"})
	}
	dtype, ok := dtypes[c.dtype]
	if !ok {
		return "", 0, unknown("--dtype", c.dtype, slices.Sorted(maps.Keys(dtypes)))
	}
	shardBytes := int64(0)
	if c.to == "llm.c" && dtype == weights.F16 {
		return "", 0, usagef("--dtype f16: llm.c has f32 and bf16")
	}
	if c.shardSize != "" {
		if c.to != "hf" {
			return "", 0, usagef("--shard-size: llm.c has one file")
		}
		var err error
		if shardBytes, err = parseSize(c.shardSize); err != nil {
			return "", 0, usagef("--shard-size: %w", err)
		}
	}
	entries, err := os.ReadDir(c.out)
	if _, statErr := os.Lstat(c.out); errors.Is(statErr, fs.ErrNotExist) || err == nil && len(entries) == 0 && c.to == "hf" {
		return dtype, shardBytes, nil
	}
	return "", 0, fmt.Errorf("%s exists; choose another OUT, nothing is written over", c.out)
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
	return 0, fmt.Errorf("%q is no size such as 5GB, 200MB or 4000", s)
}

// modelName names the model, by the catalogue if it is there.
func modelName(m models.Model) string {
	for _, known := range models.All() {
		if known.Model.WithDropout(0) == m.WithDropout(0) {
			return known.Name
		}
	}
	var config struct {
		Type string `json:"model_type"`
	}
	if text, err := m.JSON(-1); err == nil && json.Unmarshal(text, &config) == nil {
		return config.Type + " of another size"
	}
	return "unknown"
}

// stored lists the number types of a source that can be read.
func stored(src weights.Source) string {
	types := make(map[string]bool)
	for _, t := range src.Tensors() {
		if t.Type.Readable() {
			types[string(t.Type)] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(types)), ", ")
}

// print tells what was found.
func (f found) print(w io.Writer, file string, m models.Model) error {
	_, err := fmt.Fprintf(w, "%s (%s, %s)\n%s\ntokenizer: %s\n", f.Kind, file, f.Stored, describe(f.Model, m, f.Parameters), f.Tokenizer)
	return err
}
