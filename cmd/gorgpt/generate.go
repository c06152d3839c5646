package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/tokenizer"
)

func newGenerate() *cobra.Command {
	var (
		from, prompt   string
		tokens         int
		o              generate.Options
		greedy, asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "generate --from DIR",
		Short: "Go on with a text",
		Long: `Go on with a text, as a trained model would.

DIR is a checkpoint, such as RUN/checkpoints/best, or any Hugging Face directory of a
GPT-2 or GPT-1 whose tokenizer is known here; other forms go through gorgpt convert
first. The text appears as it is chosen.`,
		Example: `  gorgpt generate --from runs/gpt2-nano-20260102-150405/checkpoints/best --prompt 'func main() {' --tokens 200`,
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from == "" {
				return usagef("--from is missing: the checkpoint to generate with")
			}
			if tokens < 1 {
				return usagef("--tokens %d: want 1 or more", tokens)
			}
			if greedy {
				o.Temperature = 0
			}
			if err := o.Validate(); err != nil {
				return usageError{err}
			}
			m, err := load(from)
			if err != nil {
				return err
			}
			ids, err := m.tokenizer.Append(nil, []byte(prompt))
			if err != nil {
				return fmt.Errorf("--prompt: %w", err)
			}
			if len(ids) == 0 {
				if ids, err = emptyPrompt(m.tokenizer); err != nil {
					return err
				}
			}
			g := generate.New(m.model, m.params, m.model.Dims().Context)
			defer g.Close()
			out := &writer{out: cmd.OutOrStdout(), tokenizer: m.tokenizer}
			if asJSON {
				out.out = io.Discard
			} else if _, err := io.WriteString(out.out, prompt); err != nil {
				return err
			}
			for id, err := range g.Stream(cmd.Context(), ids, tokens, o) {
				if err != nil {
					return err
				}
				if err := out.token(id); err != nil {
					return err
				}
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{
					"prompt_ids": ids, "ids": out.ids, "text": string(out.text),
				})
			}
			return out.end()
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&from, "from", "", "checkpoint directory")
	f.StringVar(&prompt, "prompt", "", "text to go on with (default the beginning of a text)")
	f.IntVar(&tokens, "tokens", 200, "tokens to generate")
	f.Float64Var(&o.Temperature, "temperature", 0.8, "above 1 wilder, below 1 tamer, 0 greedy")
	f.IntVar(&o.TopK, "top-k", 200, "choose among the K best tokens (0: all)")
	f.Float64Var(&o.TopP, "top-p", 1, "choose among the best tokens that together have this probability")
	f.BoolVar(&greedy, "greedy", false, "always the best token; the same as --temperature 0")
	f.Uint64Var(&o.Seed, "seed", 1337, "seed of the draws")
	f.BoolVar(&asJSON, "json", false, "print one JSON object: prompt_ids, ids, text")
	return cmd
}

// trained is a model out of a checkpoint.
type trained struct {
	model     models.Model
	params    *graph.Params
	tokenizer tokenizer.Tokenizer
}

// load opens a checkpoint or another Hugging Face directory, to be run: the weights
// are the mapped file where the system can.
func load(dir string) (*trained, error) {
	d, err := checkpoint.Open(dir)
	if err != nil {
		return nil, err
	}
	var raw json.RawMessage
	if err := d.Config(&raw); err != nil {
		return nil, err
	}
	m := &trained{params: graph.NewParams(0)}
	if m.model, err = models.Parse(raw); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	if m.tokenizer, err = tokenizer.Load(d.Path()); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s has no tokenizer.json", dir)
		}
		return nil, err
	}
	if m.tokenizer.Size() > m.model.Dims().Vocab {
		return nil, fmt.Errorf("%s: the tokenizer has %d tokens, the model %d", dir, m.tokenizer.Size(), m.model.Dims().Vocab)
	}
	if err := declareInto(m.model, m.params); err != nil {
		return nil, err
	}
	return m, d.MapParams(m.params, m.model.Absent())
}

// writer prints tokens as they come, but no part of a character.
type writer struct {
	out       io.Writer
	tokenizer tokenizer.Tokenizer
	ids       []int
	text      []byte
	written   int
}

func (w *writer) token(id int) error {
	w.ids = append(w.ids, id)
	var err error
	if w.text, err = w.tokenizer.AppendText(w.text, []int{id}); err != nil {
		return err
	}
	end := len(w.text)
	// A character of up to four bytes may still be coming.
	for back := 1; back <= min(3, end-w.written); back++ {
		if utf8.RuneStart(w.text[end-back]) {
			if !utf8.FullRune(w.text[end-back : end]) {
				end -= back
			}
			break
		}
	}
	_, err = w.out.Write(w.text[w.written:end])
	w.written = end
	return err
}

// end prints what is left, and a new line.
func (w *writer) end() error {
	_, err := fmt.Fprintf(w.out, "%s\n", w.text[w.written:])
	return err
}
