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
		Use:   "convert IN OUT",
		Short: "Turn anyone's weights into a checkpoint, or into a file of llm.c, llama2.c or llama.cpp",
		Long: `Turn anyone's weights into a checkpoint, or into a file of llm.c, llama2.c or llama.cpp.

IN is one of these; which, is seen by what is in it:

  a Hugging Face directory   config.json with model.safetensors or pytorch_model.bin,
                             in one file or several; or such a file in its directory
  OpenAI's GPT-2             a directory with model.ckpt.index and hparams.json
  OpenAI's GPT-1             a directory with params_0.npy and params_shapes.json
  nanoGPT's checkpoint       its ckpt.pt, or the directory that it is in
  llm.c's model file         a .bin of version 3 or 5
  llama2.c's model file      a .bin of the first form, version 1 or 2; the tokenizer is
                             tok32000.bin (of so many tokens) or tokenizer.bin beside it
  a GGUF file of llama.cpp   its tokenizer and its chat template included
  a checkpoint of gorgpt     such as RUN/checkpoints/best

Nothing in a file is run. The weights are compared with the model that the
configuration declares: missing, further and misshapen tensors and numbers that are
not finite are errors. Files of a tokenizer come along, and tokenizer.json is made where
it is missing. OUT must not exist, or be an empty directory.`,
		Example: `  gorgpt convert models/124M gpt2                      # OpenAI's, for --from and for transformers
  gorgpt convert gpt2 model.bin                        # for llm.c, whose GPT-2 has biases and GELU in the tanh form
  gorgpt convert gpt2 gpt2.gguf --dtype q8_0           # for llama.cpp
  gorgpt convert stories15M.bin stories                # llama2.c's, and back: convert stories x.bin --to llama2.c
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
	f.StringVar(&o.To, "to", "", "hf, a Hugging Face directory; gpt-neo, one in which transformers has GPT-3's bands; llm.c; llama2.c; or gguf, for llama.cpp (default llm.c if OUT ends in .bin, gguf if in .gguf, or hf)")
	f.BoolVar(&o.FoldQueryBias, "fold-query-bias", false, "with --to gpt-neo, whose queries have no bias, have ln_1 make it; what that costs in digits is said")
	f.StringVar(&o.DType, "dtype", "f32", "type of the numbers: f32 loses nothing; f16 and bf16 halve the file (llm.c: f32, bf16; llama2.c: f32); q8_0 has a GGUF file's matrices in 8 bits, q4_0, q4_1 and mxfp4 in 4, q4 as q4_0 with the embedding and the head in q8_0; mxfp4 has gpt-oss's experts in 4 bits, the rest in bf16")
	f.StringVar(&o.DType, "weights", "f32", "the same as --dtype, in the words of generate and eval, where q8_0 is int8")
	f.StringVar(&o.ShardSize, "shard-size", "", "with --to hf or gpt-neo, several files of at most this size, such as 5GB (default one file)")
	f.BoolVar(&asJSON, "json", false, "print one JSON object: kind, model, parameters, stored, out, to, dtype, tokenizer, notes")
	return cmd
}

// convertTo converts, and tells what was found and made.
func convertTo(out io.Writer, from, to string, o convert.Options, asJSON bool) error {
	if !asJSON {
		o.Found = func(r *convert.Result) error {
			_, err := fmt.Fprintf(out, "%s (%s, %s)\n%s\ntokenizer: %s\n", r.Kind, filepath.Base(r.File), r.Stored, r.About, r.Tokenizer)
			return err
		}
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

// sending is what was made here and goes to a URL.
type sending struct{ temp, at, url string }

// beside is where to make what is to be at a path, or at a URL with nothing there.
func beside(to string) (at string, s sending, err error) {
	if at, err = store.Local(to); err != nil || !store.IsURL(at) {
		return at, s, err
	}
	if _, err := store.Stat(to); err == nil {
		return "", s, fmt.Errorf("%s: there is something already", to)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", s, err
	}
	s.url = to
	s.temp, err = os.MkdirTemp("", "gorgpt-convert")
	s.at = filepath.Join(s.temp, store.Base(to))
	return s.at, s, err
}

// send copies it.
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

// end removes what was made here.
func (s sending) end() {
	if s.temp != "" {
		os.RemoveAll(s.temp)
	}
}
