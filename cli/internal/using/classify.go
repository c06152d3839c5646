package using

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/cli/internal/command"
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/run"
)

func newClassify() *cobra.Command {
	var (
		from   string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:        "classify --from DIR [TEXT]...",
		SuggestFor: []string{"predict"},
		Short:      "Classify texts with a model made by gorgpt finetune",
		Long: `Classify texts with a model made by gorgpt finetune; DIR is RUN/checkpoints/best.

Give one TEXT for classification, two for entailment and similarity, and for multiple choice a text or
question followed by its choices. Without any, examples are read from standard input, one per line, with
tabs between their texts. The answer is the label or the number of the choice, with its probability, or
the score.`,
		Example: `  gorgpt classify --from runs/sst2-20260102-150405/checkpoints/best 'A quiet, moving film.'
  cut -f1,2 pairs.tsv | gorgpt classify --from DIR --json`,
		Annotations: map[string]string{command.EmptyIsText: "true"},

		RunE: func(cmd *cobra.Command, args []string) error {
			if from == "" {
				return usage.Errorf("--from is missing: the checkpoint to classify with")
			}
			t, err := finetune.Load(from)
			if err != nil {
				return run.NotCheckpoint(from, err)
			}
			c := classifier{Trained: t}
			if c.predictor, err = t.Predictor(1); err != nil {
				return err
			}
			defer c.predictor.Close()
			out := cmd.OutOrStdout()
			if len(args) > 0 {
				err := c.answer(out, args, asJSON)
				var input finetune.InputError
				if errors.As(err, &input) {
					return usage.Of(err)
				}
				return err
			}
			return c.answerLines(out, command.NewLines(cmd.InOrStdin()), asJSON)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&from, "from", "", "checkpoint of the classifier")
	f.BoolVar(&asJSON, "json", false, "print a JSON object for each example: answer, the probability of each label or whole number, and the score")
	return cmd
}

// classifier is a fine-tuned model from a checkpoint.
type classifier struct {
	*finetune.Trained
	predictor *finetune.Predictor
}

// answerLines answers an example a line, with tabs between its texts.
func (c *classifier) answerLines(out io.Writer, lines *command.Lines, asJSON bool) error {
	for {
		line, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := c.answer(out, strings.Split(line, "\t"), asJSON); err != nil {
			return fmt.Errorf("standard input, line %d: %w", lines.N, err)
		}
	}
}

// answer prints the classifier's answer for an example.
func (c *classifier) answer(out io.Writer, texts []string, asJSON bool) error {
	said, err := c.Classify(c.predictor, texts)
	if err != nil {
		return err
	}
	if asJSON {
		object := map[string]any{"answer": said.Answer, "probabilities": said.Probabilities}
		if c.Regression {
			object["score"] = said.Value
		}
		if c.Classifier.Squared {
			delete(object, "probabilities")
		}
		if len(c.Labels) > 0 {
			named := make(map[string]float64)
			for i, label := range c.Labels {
				named[label] = said.Probabilities[i]
			}
			object["probabilities"] = named
		}
		return json.NewEncoder(out).Encode(object)
	}
	if c.Regression {
		_, err = fmt.Fprintln(out, said.Answer)
		return err
	}
	_, err = fmt.Fprintf(out, "%s\t%.4f\n", said.Answer, said.Probabilities[int(said.Value)])
	return err
}
