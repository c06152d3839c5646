package tokens

import (
	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/cli/internal/command"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/tokenizer"
)

func newTokenize() *cobra.Command {
	var (
		kind string
		o    tokenizer.Lines
	)
	cmd := &cobra.Command{
		Use:   "tokenize",
		Short: "Turn text into token ids, and back",
		Long: `Turn text into token ids, and back.

Each line of standard input is a text, without its line break; each line of standard
output is a JSON array of its ids. With --jsonl a line of input is a JSON object, with
the text in "text", or in "b64" in base64 for bytes that are not UTF-8. With --decode
it is the other way round: arrays in, texts out; with --jsonl as objects with "text",
or "b64" where the bytes are not UTF-8.

<|endoftext|> and its like in a text are text, unless --special is given. gpt1 finds
words by Hugging Face's path, the one without ftfy and spaCy, and is not lossless.`,
		Example: `  echo 'Hello world' | gorgpt tokenize
  echo '[15496, 995]' | gorgpt tokenize --decode
  gorgpt tokenize --tokenizer runs/x/checkpoints/best --jsonl < texts.jsonl`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Decode && o.Special {
				return usage.Errorf("--special is for text; leave it out with --decode")
			}
			if o.Decode && o.Count {
				return usage.Errorf("--count is for text; leave it out with --decode")
			}
			tok, err := tokenizer.Find(kind, nil)
			if err != nil {
				return err
			}
			return o.Convert(tok, cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&kind, "tokenizer", "gpt2", "gpt2; bytes; gpt1:DIR, the folder with GPT-1's vocabulary; a folder with tokenizer files, such as a checkpoint; or a GGUF file")
	f.BoolVar(&o.Decode, "decode", false, "ids to text")
	f.BoolVar(&o.JSONL, "jsonl", false, `texts are JSON objects, {"text": …} or {"b64": …}`)
	f.BoolVar(&o.Special, "special", false, "special tokens that are written in a text become their ids")
	f.BoolVar(&o.Count, "count", false, "print how many ids a text has, instead of the ids")
	return cmd
}
