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
		Use:        "tokenize",
		SuggestFor: []string{"decode", "encode"},
		Short:      "Convert text to token ids, and back",
		Long: `Convert text to token ids, and back.

Each line of standard input is a text, without its line break; each line of standard
output is a JSON array of its ids. With --jsonl, each line of input is a JSON object with
the text in "text", or in base64 in "b64" if its bytes are not UTF-8. With --decode, the
input is arrays of ids and the output is texts; with --jsonl, objects with "text", or with
"b64" if the bytes are not UTF-8.

Special tokens written in a text, such as <|endoftext|>, are encoded as text unless
--special is given. gpt1 splits words as Hugging Face does without ftfy and spaCy, and is
not lossless.`,
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
	f.StringVar(&kind, "tokenizer", "gpt2", "gpt2; bytes; gpt1:DIR (the folder with GPT-1's vocabulary); a folder with tokenizer files, such as a checkpoint; or a GGUF file")
	f.BoolVar(&o.Decode, "decode", false, "convert ids to text")
	f.BoolVar(&o.JSONL, "jsonl", false, `read or write texts as JSON objects, {"text": …} or {"b64": …}`)
	f.BoolVar(&o.Special, "special", false, "encode special tokens written in a text as their ids")
	f.BoolVar(&o.Count, "count", false, "print the number of ids of each text instead of the ids")
	return cmd
}
