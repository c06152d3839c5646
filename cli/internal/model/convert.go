package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/checkpoint/convert"
	"github.com/gorgpt/gorgpt/cli/internal/command"
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/run"
	"github.com/gorgpt/gorgpt/store"
)

func newConvert() *cobra.Command {
	var (
		o      convert.Options
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:        "convert IN OUT",
		SuggestFor: []string{"export", "import", "quantize"},
		Short:      "Convert weights to a checkpoint, or to a file for llm.c, llama2.c or llama.cpp",
		Long: `Convert weights to a checkpoint, or to a file for llm.c, llama2.c or llama.cpp.

IN is one of these, recognized by its contents:

  a Hugging Face directory   config.json with model.safetensors or pytorch_model.bin,
                             in one file or several; or one of these files in its directory
  OpenAI's GPT-2             a directory with model.ckpt.index and hparams.json
  OpenAI's GPT-1             a directory with params_0.npy and params_shapes.json
  nanoGPT's checkpoint       its ckpt.pt, or the directory that it is in
  llm.c's model file         a .bin of version 3 or 5
  llama2.c's model file      a .bin of the first format or of version 1 or 2; the tokenizer is
                             tok32000.bin (for 32,000 tokens) or tokenizer.bin beside it
  a GGUF file of llama.cpp   including its tokenizer and its chat template
  a checkpoint of gorgpt     such as RUN/checkpoints/best

Nothing in a file is executed. The weights are checked against the model that the
configuration declares: missing, unexpected and misshapen tensors are errors, and so are
numbers that are not finite. Tokenizer files are copied, and tokenizer.json is made if it
is missing. OUT must not exist, or must be an empty directory.`,
		Example: `  gorgpt convert models/124M gpt2                      # from OpenAI's files, for --from and for transformers
  gorgpt convert gpt2 model.bin                        # for llm.c, whose GPT-2 has biases and the tanh form of GELU
  gorgpt convert gpt2 gpt2.gguf --dtype q8_0           # for llama.cpp
  gorgpt convert stories15M.bin stories                # from llama2.c; and back: convert stories x.bin --to llama2.c
  gorgpt convert runs/gpt3/checkpoints/best neo --to gpt-neo --fold-query-bias
  gorgpt convert gpt2-xl gpt2-xl-half --dtype bf16 --shard-size 1GB`,
		Args: command.Args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("weights") && cmd.Flags().Changed("dtype") {
				return usage.Errorf("--weights and --dtype say the same: give one of them")
			}
			return convertTo(cmd.OutOrStdout(), args[0], args[1], o, asJSON)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.To, "to", "", "output format: hf (a Hugging Face directory), gpt-neo (one in which transformers has GPT-3's banded attention), llm.c, llama2.c, or gguf for llama.cpp (default: llm.c if OUT ends in .bin, gguf if in .gguf, otherwise hf)")
	f.BoolVar(&o.FoldQueryBias, "fold-query-bias", false, "with --to gpt-neo, whose queries have no bias: fold the bias into ln_1; the precision that this costs is reported")
	f.StringVar(&o.DType, "dtype", "f32", "number type: f32 is lossless; f16 and bf16 halve the file (llm.c: f32, bf16; llama2.c: f32); in a GGUF file, q8_0 has matrices in 8 bits, q4_0, q4_1 and mxfp4 in 4, and q4 is q4_0 with the embedding and the head in q8_0; for gpt-oss, mxfp4 has the experts in 4 bits and the rest in bf16")
	f.StringVar(&o.DType, "weights", "f32", "same as --dtype, with the names that generate and eval use: int8 for q8_0")
	f.StringVar(&o.ShardSize, "shard-size", "", "with --to hf or gpt-neo: maximum size of a file, such as 5GB; write several (default: one file)")
	f.BoolVar(&asJSON, "json", false, "print one JSON object: kind, model, parameters, stored, out, to, dtype, tokenizer, notes")
	return cmd
}

// convertTo converts, and prints what was found and what was made.
func convertTo(out io.Writer, from, to string, o convert.Options, asJSON bool) error {
	if !asJSON {
		o.Found = func(r *convert.Result) error {
			_, err := fmt.Fprintf(out, "%s (%s, %s)\n%s\ntokenizer: %s\n", r.Kind, filepath.Base(r.File), r.Stored, r.About, r.Tokenizer)
			return err
		}
	}
	if _, err := os.Stat(filepath.Join(from, finetune.DescriptionName)); err == nil {
		return fmt.Errorf("%s is a classifier, which no other format can hold; gorgpt classify and serve read it as it is", from)
	}
	at, send, err := beside(to)
	if err != nil {
		return err
	}
	defer send.end()
	r, err := convert.Convert(from, at, o)
	if err == nil && at != to {
		r.Out, err = to, send.send()
	}
	switch {
	case usage.Is(err):
		return err
	case err != nil:
		return run.OrBest(from, err)
	case asJSON:
		return json.NewEncoder(out).Encode(r)
	}
	_, err = fmt.Fprintln(out, strings.Join(append(r.Notes, r.Out), "\n"))
	return err
}

// sending is a local result to be uploaded to a URL; the zero value is nothing to upload.
type sending struct{ temp, at, url string }

// beside returns the local path at which to make the result: the path to itself, or a temporary one if to is a URL, at
// which nothing may exist yet.
func beside(to string) (at string, s sending, err error) {
	if at, err = store.Local(to); err != nil || !store.IsURL(at) {
		return at, s, err
	}
	if _, err := store.Stat(to); err == nil {
		return "", s, fmt.Errorf("%s: already exists", to)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", s, err
	}
	s.url = to
	s.temp, err = os.MkdirTemp("", "gorgpt-convert")
	s.at = filepath.Join(s.temp, store.Base(to))
	return s.at, s, err
}

// send uploads the result.
func (s sending) send() error {
	info, err := os.Stat(s.at)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return checkpoint.Send(s.at, s.url)
	}
	return store.Copy(s.at, s.url)
}

// end removes the temporary files.
func (s sending) end() {
	if s.temp != "" {
		os.RemoveAll(s.temp)
	}
}
