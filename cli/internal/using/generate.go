package using

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/cli/internal/command"
	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/internal/setting"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/run"
)

func newGenerate() *cobra.Command {
	var (
		w      generation
		prompt string
	)
	cmd := &cobra.Command{
		Use:        "generate --from DIR",
		SuggestFor: []string{"chat", "complete", "sample"},
		Short:      "Generate text from a prompt",
		Long: `Generate text from a prompt with a trained model.

DIR is a checkpoint, such as RUN/checkpoints/best; a Hugging Face directory or GGUF file
of a family that gorgpt models lists, with a supported tokenizer; or anything else that
gorgpt convert reads. The text is printed as it is generated.

Without --prompt, prompts are read from standard input, one per line, or typed on a
terminal. An empty prompt is the beginning of a text. A text ends at the end-of-text token
that the checkpoint's files name (generation_config.json, config.json, then the
tokenizer's), at a --stop string, after --tokens, or when --no-repeat leaves no token to
choose. When the text reaches the model's context, the older half of the context is
forgotten.

Flags that contradict each other, or have no effect together with others, are refused.`,
		Example: `  gorgpt generate --from runs/gpt2-minute-20260102-150405/checkpoints/best --prompt 'func main() {' --tokens 200
  gorgpt generate --from DIR --prompt 'Once' --samples 3 --temperature 1 --min-p 0.05 --stop '.'
  gorgpt generate --from DIR --prompt 'Once' --beams 4 --json < /dev/null
  gorgpt generate --from DIR --bench --tokens 256
  echo 'What is 2+2?' | gorgpt generate --from SmolLM2-135M-Instruct.gguf --chat --greedy
  gorgpt generate --from gpt-oss-20b --chat --system 'Be brief.' --tokens 1000`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return w.run(cmd, prompt) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&w.from, "from", "", "checkpoint directory, or anything else that gorgpt convert reads")
	setting.List{weightsSetting(&w.weights)}.Flags(f)
	f.StringVar(&prompt, "prompt", "", "text to continue (default: each line of standard input)")
	command.TakesEmpty(f, "prompt")
	w.writing.Settings().Flags(f)
	f.BoolVar(&w.greedy, "greedy", false, "always choose the most likely token; same as --temperature 0")
	f.IntSliceVar(&w.writing.Stop, "stop-token", nil, "end at this token id, as at the end of text; may be repeated")
	f.BoolVar(&w.asJSON, "json", false, "print a JSON object for each text, one per line: prompt_ids, ids, text, and finish (length, stop, end_of_text or no_candidates)")
	f.BoolVar(&w.talk, "chat", false, "hold a conversation in the model's chat template, or in harmony (gpt-oss): each line of standard input is a user's message, the reply follows, with its reasoning on standard error; with --json, lines are messages")
	f.StringVar(&w.system, "system", "", "with --chat: system prompt, or in harmony the developer's instructions")
	f.StringVar(&w.template, "chat-template", "", "with --chat: file with a chat template (Jinja) to use instead of the model's own")
	f.BoolVar(&w.bench, "bench", false, "print tokens per second instead of the text")
	return cmd
}

// generation holds the arguments of generate, and what it runs with.
type generation struct {
	from, weights         string
	writing               run.Writing
	greedy, asJSON, bench bool
	talk                  bool
	system, template      string

	*run.Writer
	out, stderr io.Writer
}

// run generates from the prompt that was given, or from those of standard input.
func (w *generation) run(cmd *cobra.Command, prompt string) error {
	w.out, w.stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
	if err := w.check(cmd.Flags().Changed); err != nil {
		return err
	}
	width, err := checkpoint.ParseWidth(w.weights)
	if err != nil {
		return usage.Of(err)
	}
	model, err := run.LoadAs(w.from, width)
	if err != nil {
		return err
	}
	if w.Writer, err = model.Writer(w.writing); err != nil {
		return err
	}
	defer w.Close()
	defer func() {
		if why := w.Generator.Whole(); why != nil {
			fmt.Fprintln(w.stderr, "every token required a run over the whole window:", why)
		}
	}()
	if err := w.sayUnheeded(model.Generation); err != nil {
		return err
	}
	switch {
	case w.talk:
		return w.chat(cmd.Context(), cmd.InOrStdin())
	case w.bench:
		return w.measure(cmd.Context(), prompt)
	case cmd.Flags().Changed("prompt"):
		return w.prompt(cmd.Context(), prompt)
	}
	return w.prompts(cmd.Context(), cmd.InOrStdin())
}

// check refuses flags that contradict each other or have no effect, and completes the settings.
func (w *generation) check(given func(flag string) bool) error {
	if w.from == "" {
		return usage.Errorf("--from is missing: the checkpoint to generate with")
	}
	o := &w.writing
	always := "" // the flag that makes every token the most likely one
	switch {
	case w.greedy:
		always = "--greedy"
	case o.Temperature == 0:
		always = "--temperature 0"
	}
	err := setting.NoneIdle(given,
		setting.Idle{Holds: w.talk, Settings: []string{"prompt", "samples", "beams", "special", "stop", "logprobs", "bench"}, With: "--chat, which reads the user's messages from standard input and answers each once"},
		setting.Idle{Holds: !w.talk, Settings: []string{"system", "chat-template"}, With: "plain prompts: it is for --chat"},
		setting.Idle{Holds: w.asJSON, Settings: []string{"system"}, With: "--json: send a message with the role system instead"},
		setting.Idle{Holds: w.bench, Settings: []string{"beams", "stop", "json", "logprobs"}, With: "--bench, which measures sampling and prints no text; for JSON, use gorgpt bench --decode --json"},
		setting.Idle{Holds: o.Beams > 0, Settings: []string{"greedy", "temperature", "top-k", "top-p", "min-p", "seed"}, With: "--beams: a beam search does not sample"},
		setting.Idle{Holds: w.greedy && o.Temperature != 0, Settings: []string{"temperature"}, With: "--greedy"},
		setting.Idle{Holds: always != "", Settings: []string{"top-k", "top-p", "min-p", "seed"}, With: always + ": nothing is sampled"},
		setting.Idle{Holds: always != "" && !w.bench && o.Samples > 1, Settings: []string{"samples"}, With: always + ": all would be the same"},
		setting.Idle{Holds: o.Beams == 0, Settings: []string{"length-penalty"}, With: "sampling: it is for --beams"},
	)
	switch {
	case err != nil:
		return err
	case w.bench && o.Tokens == 1:
		return usage.Errorf("--tokens 1: with --bench, want 2 or more: it measures those after the first")
	case o.LogProbs > 0 && !w.asJSON:
		return usage.Errorf("--logprobs %d: only with --json", o.LogProbs)
	}
	if w.greedy {
		o.Temperature = 0
	}
	for i, stop := range o.Stops {
		o.Stops[i] = lineEnds.Replace(stop)
	}
	return o.Validate()
}

// prompts generates from each line of in. On a terminal, it asks for prompts.
func (w *generation) prompts(ctx context.Context, in io.Reader) error {
	f, ok := in.(interface{ Fd() uintptr })
	terminal := ok && term.IsTerminal(int(f.Fd()))
	if terminal {
		fmt.Fprintln(w.stderr, "Type the beginning of a text; press Ctrl-D to quit.")
	}
	lines := command.NewLines(in)
	for {
		if terminal {
			fmt.Fprint(w.stderr, "> ")
		}
		line, err := lines.Next()
		if errors.Is(err, io.EOF) {
			if lines.N == 0 && !terminal {
				return w.prompt(ctx, "") // no input: begin a new text
			}
			return nil
		}
		if err != nil {
			return err
		}
		if err := w.prompt(ctx, line); err != nil {
			return err
		}
	}
}

// prompt generates from one prompt.
func (w *generation) prompt(ctx context.Context, prompt string) error {
	ids, err := w.Encode(prompt)
	if err != nil {
		return err
	}
	if w.writing.Beams == 0 && w.writing.Samples == 1 && !w.asJSON {
		return w.stream(ctx, prompt, ids)
	}
	texts, err := w.Texts(ctx, ids)
	if err != nil {
		return err
	}
	if w.writing.Beams > 0 && !w.asJSON {
		texts = texts[:1] // the best
	}
	return w.print(prompt, texts)
}

// stream prints a text as it is generated.
func (w *generation) stream(ctx context.Context, prompt string, ids []int) error {
	print := func(piece string) error {
		_, err := io.WriteString(w.out, piece)
		return err
	}
	if err := print(prompt); err != nil {
		return err
	}
	finish, err := w.Stream(ctx, ids, print)
	fmt.Fprintln(w.out) // so that an error is printed on its own line
	if err == nil {
		w.exhausted(finish)
	}
	return err
}

// exhausted reports, unless the output is JSON, that a text ends because no token can follow.
func (w *generation) exhausted(why string) {
	if why == string(generate.NoCandidates) {
		fmt.Fprintf(w.stderr, "the text ends here: --no-repeat %d leaves no token to continue with\n", w.writing.NoRepeat)
	}
}

// print writes texts: as JSON, or as plain text, numbered if there are several.
func (w *generation) print(prompt string, texts []run.Text) error {
	encoder := json.NewEncoder(w.out)
	for i, t := range texts {
		var err error
		switch {
		case w.asJSON:
			err = encoder.Encode(t)
		case len(texts) == 1:
			_, err = fmt.Fprintf(w.out, "%s%s\n", prompt, t.Text)
		default:
			_, err = fmt.Fprintf(w.out, "── %d\n%s%s\n", i+1, prompt, t.Text)
		}
		if err != nil {
			return err
		}
		if !w.asJSON {
			w.exhausted(t.Finish)
		}
	}
	return nil
}

// measure prints how fast tokens are generated.
func (w *generation) measure(ctx context.Context, prompt string) error {
	ids, err := w.Encode(prompt)
	if err != nil {
		return err
	}
	s, err := w.Measure(ctx, ids)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.out, "first token  %.4g s after a prompt of %d\nthen         %.4g tokens/s, %d at once\nmemory       %.4g MB of keys and values\n",
		s.First, len(ids), s.Rate, w.writing.Samples, float64(s.Memory)/1e6)
	return err
}

// sayUnheeded reports settings of the checkpoint that transformers' generate would apply and gorgpt does not.
func (w *generation) sayUnheeded(generation json.RawMessage) error {
	asked, err := checkpoint.Unheeded(generation)
	if err != nil {
		return fmt.Errorf("generation_config.json: %w", err)
	}
	if len(asked) > 0 {
		fmt.Fprintf(w.stderr, "generation_config.json asks for %s; this is ignored here; use flags instead\n", strings.Join(asked, ", "))
	}
	return nil
}
