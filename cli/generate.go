package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/internal/setting"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/memory"
	"github.com/gorgpt/gorgpt/run"
	"github.com/gorgpt/gorgpt/tokenizer"
)

func newGenerate() *cobra.Command {
	var (
		w       generation
		from    string
		prompt  string
		greedy  bool
		measure bool
	)
	cmd := &cobra.Command{
		Use:   "generate --from DIR",
		Short: "Go on with a text",
		Long: `Go on with a text, as a trained model would.

DIR is a checkpoint, such as RUN/checkpoints/best, or any Hugging Face directory of a
GPT-2 or GPT-1 whose tokenizer is known here; other forms go through gorgpt convert
first. The text appears as it is chosen.

Without --prompt, prompts are read from standard input, one a line; on a terminal one
can type them. An empty prompt is the beginning of a text. A text ends with the end of
text that the checkpoint's files name (generation_config.json, config.json, then the
tokenizer's), at a --stop string, after --tokens, or where --no-repeat leaves nothing to
go on with. Where it reaches the model's context, the older half of what the model sees
is forgotten.

Flags that contradict each other, or would do nothing beside others, are refused.`,
		Example: `  gorgpt generate --from runs/gpt2-nano-20260102-150405/checkpoints/best --prompt 'func main() {' --tokens 200
  gorgpt generate --from DIR --prompt 'Once' --samples 3 --temperature 1 --min-p 0.05 --stop '.'
  gorgpt generate --from DIR --prompt 'Once' --beams 4 --json < /dev/null
  gorgpt generate --from DIR --bench --tokens 256`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from == "" {
				return usage.Errorf("--from is missing: the checkpoint to generate with")
			}
			if err := w.together(cmd.Flags().Changed, greedy, measure); err != nil {
				return err
			}
			if greedy {
				w.options.Temperature = 0
			}
			if err := w.check(); err != nil {
				return err
			}
			for i, stop := range w.stops {
				w.stops[i] = lineEnds.Replace(stop)
			}
			if w.options.TopP == 0 { // where Options keep all
				w.options.TopP = math.SmallestNonzeroFloat64
			}
			var err error
			if w.model, err = run.Load(from); err != nil {
				return err
			}
			if err := w.enough(); err != nil {
				return err
			}
			vocab := min(w.model.Model.Dims().Vocab, w.model.Tokenizer.Size())
			for _, id := range w.options.Stop {
				if id < 0 || id >= vocab {
					return usage.Errorf("--stop-token %d: the vocabulary has the tokens 0 to %d", id, vocab-1)
				}
			}
			if n := w.options.LogProbs; n > vocab {
				return usage.Errorf("--logprobs %d: the vocabulary has %s", n, plural.Of(vocab, "token"))
			}
			if !measure {
				w.options.Stop = append(w.options.Stop, w.model.Ends...)
			}
			w.beam = generate.BeamOptions{
				Beams: w.beams, LengthPenalty: w.lengthPenalty, Stop: w.options.Stop,
				RepetitionPenalty: w.options.RepetitionPenalty, NoRepeat: w.options.NoRepeat,
			}
			w.generator = generate.New(w.model.Model, w.model.Params, w.model.Model.Dims().Context)
			w.generator.Vocab, w.generator.Vacant = vocab, tokenizer.Vacant(w.model.Tokenizer)
			defer w.generator.Close()
			defer func() {
				if why := w.generator.Whole(); why != nil {
					fmt.Fprintln(w.stderr, "every token took a run over the whole window:", why)
				}
			}()
			w.out, w.stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
			if err := w.sayUnheeded(); err != nil {
				return err
			}
			switch {
			case measure:
				return w.measure(cmd.Context(), prompt)
			case cmd.Flags().Changed("prompt"):
				return w.prompt(cmd.Context(), prompt)
			}
			return w.prompts(cmd.Context(), cmd.InOrStdin())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&from, "from", "", "checkpoint directory")
	f.StringVar(&prompt, "prompt", "", "text to go on with (default: a line of standard input each)")
	takesEmpty(f, "prompt")
	f.IntVar(&w.tokens, "tokens", 200, "most tokens to generate")
	f.IntVar(&w.samples, "samples", 1, "texts for a prompt, at once")
	f.Float64Var(&w.options.Temperature, "temperature", 0.8, "above 1 wilder, below 1 tamer, 0 greedy")
	f.IntVar(&w.options.TopK, "top-k", 200, "choose among the K best tokens (0: all)")
	f.Float64Var(&w.options.TopP, "top-p", 1, "choose among the best tokens that together have this probability (0: the best one alone, 1: all)")
	f.Float64Var(&w.options.MinP, "min-p", 0, "choose among tokens with at least this share of the best one's probability")
	f.Float64Var(&w.options.RepetitionPenalty, "repetition-penalty", 1, "above 1 makes tokens that were there less likely")
	f.IntVar(&w.options.NoRepeat, "no-repeat", 0, "never repeat a run of so many tokens (0: allow it)")
	f.BoolVar(&greedy, "greedy", false, "always the best token; the same as --temperature 0")
	f.IntVar(&w.beams, "beams", 0, "search for the likeliest texts with so many beams, instead of drawing")
	f.Float64Var(&w.lengthPenalty, "length-penalty", 1, "power of the length that a beam's log-probability is divided by; above 0 favours long texts")
	f.BoolVar(&w.special, "special", false, "special tokens that are written in the prompt become their ids")
	f.StringArrayVar(&w.stops, "stop", nil, `end before this text, in which \n is a line end; may be given more than once: the one that is complete first counts`)
	f.IntSliceVar(&w.options.Stop, "stop-token", nil, "end at this token, as at the end of text; may be given more than once")
	f.Uint64Var(&w.options.Seed, "seed", 1337, "seed of the draws")
	f.BoolVar(&w.asJSON, "json", false, "print a JSON object a text, on a line each: prompt_ids, ids, text, and finish: length, stop, end_of_text or no_candidates")
	f.IntVar(&w.options.LogProbs, "logprobs", 0, "with --json, give log-probabilities of the tokens, and of so many best ones")
	f.BoolVar(&measure, "bench", false, "print tokens a second instead of the text")
	return cmd
}

// generation is what gorgpt generate is asked for.
type generation struct {
	tokens, samples, beams int
	lengthPenalty          float64
	options                generate.Options
	beam                   generate.BeamOptions
	stops                  []string
	special                bool
	asJSON                 bool

	model     *run.Trained
	generator *generate.Generator
	out       io.Writer
	stderr    io.Writer
}

// together refuses flags that contradict each other or would do nothing.
func (w *generation) together(given func(flag string) bool, greedy, measure bool) error {
	always := "" // what takes the best token
	switch {
	case greedy:
		always = "--greedy"
	case w.options.Temperature == 0:
		always = "--temperature 0"
	}
	err := setting.NoneIdle(given,
		setting.Idle{Holds: measure, Settings: []string{"beams", "stop", "json", "logprobs"}, With: "--bench, which measures draws and prints no text; gorgpt bench --decode --json has its figures for programs"},
		setting.Idle{Holds: w.beams > 0, Settings: []string{"greedy", "temperature", "top-k", "top-p", "min-p", "seed"}, With: "--beams: a search draws nothing"},
		setting.Idle{Holds: greedy && w.options.Temperature != 0, Settings: []string{"temperature"}, With: "--greedy"},
		setting.Idle{Holds: always != "", Settings: []string{"top-k", "top-p", "min-p", "seed"}, With: always + ": nothing is drawn"},
		setting.Idle{Holds: always != "" && !measure && w.samples > 1, Settings: []string{"samples"}, With: always + ": all would be the same"},
		setting.Idle{Holds: w.beams == 0, Settings: []string{"length-penalty"}, With: "draws: it is for --beams"},
	)
	if err != nil {
		return err
	}
	if measure && w.tokens == 1 {
		return usage.Errorf("--tokens 1: with --bench, want 2 or more: it measures those after the first")
	}
	return nil
}

// check tells which flag is out of range.
func (w *generation) check() error {
	for _, f := range []struct {
		name         string
		value, least int
	}{{"tokens", w.tokens, 1}, {"samples", w.samples, 1}, {"beams", w.beams, 0}} {
		if f.value < f.least {
			return usage.Errorf("--%s %d: want %d or more", f.name, f.value, f.least)
		}
	}
	if w.options.LogProbs > 0 && !w.asJSON {
		return usage.Errorf("--logprobs %d: only with --json", w.options.LogProbs)
	}
	if w.beams > 0 && (w.samples > 1 || w.options.LogProbs > 0) {
		return usage.Errorf("--beams %d: neither --samples nor --logprobs goes with a search", w.beams)
	}
	if err := w.options.Validate(); err != nil {
		return usage.Of(err)
	}
	if w.options.RepetitionPenalty == 0 {
		return usage.Errorf("--repetition-penalty 0: want above 0; 1 is none")
	}
	return nil
}

// enough refuses more sequences at once than the machine has memory for.
func (w *generation) enough() error {
	if w.beams > 0 {
		return memory.CheckBeams(w.model.Model, w.beams)
	}
	return memory.CheckGeneration(fmt.Sprintf("--samples %d", w.samples), w.model.Model, w.samples)
}

// prompts goes on with each line of in. A terminal is asked for them.
func (w *generation) prompts(ctx context.Context, in io.Reader) error {
	f, ok := in.(interface{ Fd() uintptr })
	terminal := ok && term.IsTerminal(int(f.Fd()))
	if terminal {
		fmt.Fprintln(w.stderr, "Type the beginning of a text, and Ctrl-D to end.")
	}
	lines := newLines(in)
	for {
		if terminal {
			fmt.Fprint(w.stderr, "> ")
		}
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			if lines.n == 0 && !terminal {
				return w.prompt(ctx, "") // nothing was given: the beginning of a text
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

// generated is what --json prints.
type generated struct {
	PromptIDs []int     `json:"prompt_ids"`
	IDs       []int     `json:"ids"`
	Text      string    `json:"text"`
	Finish    string    `json:"finish"`
	LogProb   *float64  `json:"logprob,omitempty"` // of a beam
	Score     *float64  `json:"score,omitempty"`
	LogProbs  []logProb `json:"logprobs,omitempty"`
}

// logProb is a token's log-probability, and those of the best in its place.
type logProb struct {
	ID      int       `json:"id"`
	LogProb float64   `json:"logprob"`
	Best    []logProb `json:"best,omitempty"`
}

// encode returns the tokens of a prompt.
func (w *generation) encode(prompt string) ([]int, error) {
	encode := w.model.Tokenizer.Append
	if w.special {
		encode = tokenizer.ReadSpecial(w.model.Tokenizer).Append
	}
	ids, err := encode(nil, []byte(prompt))
	if err != nil {
		return nil, fmt.Errorf("--prompt: %w", err)
	}
	if len(ids) == 0 {
		return tokenizer.EmptyPrompt(w.model.Tokenizer), nil
	}
	before, _ := tokenizer.Around(w.model.Tokenizer) // what is after a text would end it
	return append(slices.Clone(before), ids...), nil
}

// prompt goes on with one prompt.
func (w *generation) prompt(ctx context.Context, prompt string) error {
	ids, err := w.encode(prompt)
	if err != nil {
		return err
	}
	if w.beams > 0 {
		return w.search(ctx, prompt, ids)
	}
	if w.samples == 1 && !w.asJSON {
		return w.stream(ctx, prompt, ids)
	}
	prompts := make([][]int, w.samples)
	texts := make([]generated, w.samples)
	decoded := make([]*generate.Text, w.samples)
	for i := range prompts {
		prompts[i] = ids
		texts[i] = generated{PromptIDs: ids, IDs: []int{}}
		decoded[i] = generate.NewText(w.model.Tokenizer, w.stops...)
	}
	running := w.samples
	for token, err := range w.generator.Batch(ctx, prompts, w.tokens, w.options) {
		if err != nil {
			return err
		}
		t := &texts[token.Sequence]
		if decoded[token.Sequence].Stopped() {
			continue
		}
		if token.ID >= 0 {
			t.IDs = append(t.IDs, token.ID)
			if w.options.LogProbs > 0 {
				l := logProb{ID: token.ID, LogProb: token.LogProb}
				for _, c := range token.Best {
					l.Best = append(l.Best, logProb{ID: c.ID, LogProb: c.LogProb})
				}
				t.LogProbs = append(t.LogProbs, l)
			}
			if !w.ends(token.ID) {
				if _, err := decoded[token.Sequence].Add(token.ID); err != nil {
					return err
				}
			}
		}
		if decoded[token.Sequence].Stopped() || token.Last {
			t.Finish = w.finish(token.Finish, token.ID, decoded[token.Sequence])
			if running--; running == 0 {
				break
			}
		}
	}
	for i := range texts {
		texts[i].Text = decoded[i].String()
	}
	return w.print(prompt, texts)
}

// ends tells whether a token ends the text, which it is no part of.
func (w *generation) ends(id int) bool {
	return slices.Contains(w.options.Stop, id)
}

// finish is why a text ends whose last token is id.
func (w *generation) finish(why generate.Finish, id int, t *generate.Text) string {
	if slices.Contains(w.model.Ends, id) && why == generate.StopToken {
		return "end_of_text"
	}
	if t.Stopped() { // at a stop string
		return string(generate.StopToken)
	}
	return string(why)
}

// exhausted tells whoever reads texts, not JSON, of one that ends as nothing can follow.
func (w *generation) exhausted(why string) {
	if why == string(generate.NoCandidates) {
		fmt.Fprintf(w.stderr, "the text ends here: --no-repeat %d leaves no token to go on with\n", w.options.NoRepeat)
	}
}

// stream prints a text as it is chosen.
func (w *generation) stream(ctx context.Context, prompt string, ids []int) error {
	t := generate.NewText(w.model.Tokenizer, w.stops...)
	if _, err := io.WriteString(w.out, prompt); err != nil {
		return err
	}
	for token, err := range w.generator.Stream(ctx, ids, w.tokens, w.options) {
		if err != nil {
			fmt.Fprintln(w.out) // what went wrong stands on a line of its own
			return err
		}
		if token.ID < 0 {
			defer w.exhausted(string(token.Finish))
			break
		}
		if w.ends(token.ID) {
			break
		}
		piece, err := t.Add(token.ID)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w.out, piece); err != nil {
			return err
		}
		if t.Stopped() {
			break
		}
	}
	_, err := fmt.Fprintln(w.out, t.Rest())
	return err
}

// search prints what a beam search finds.
func (w *generation) search(ctx context.Context, prompt string, ids []int) error {
	found, err := w.generator.Beam(ctx, ids, w.tokens, w.beam)
	if err != nil {
		return err
	}
	var texts []generated
	for _, h := range found {
		t := generate.NewText(w.model.Tokenizer, w.stops...)
		for _, id := range h.IDs {
			if w.ends(id) {
				break
			}
			if _, err := t.Add(id); err != nil {
				return err
			}
		}
		why := string(h.Finish)
		if n := len(h.IDs); n > 0 {
			why = w.finish(h.Finish, h.IDs[n-1], t)
		}
		texts = append(texts, generated{PromptIDs: ids, IDs: h.IDs, Text: t.String(), Finish: why, LogProb: &h.LogProb, Score: &h.Score})
	}
	if !w.asJSON {
		texts = texts[:1] // the best
	}
	return w.print(prompt, texts)
}

// print writes texts: as JSON, or as they are, numbered if there are several.
func (w *generation) print(prompt string, texts []generated) error {
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

// sayUnheeded tells of what transformers' generate would do by itself for this checkpoint.
func (w *generation) sayUnheeded() error {
	asked, err := checkpoint.Unheeded(w.model.Generation)
	if err != nil {
		return fmt.Errorf("generation_config.json: %w", err)
	}
	if len(asked) > 0 {
		fmt.Fprintf(w.stderr, "generation_config.json asks for %s; only flags do such things here\n", strings.Join(asked, ", "))
	}
	return nil
}
