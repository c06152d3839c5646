package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/gorgpt/gorgpt/datasets/pairs"
	"github.com/gorgpt/gorgpt/eval"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/internal/wholefile"
	"github.com/gorgpt/gorgpt/memory"
	"github.com/gorgpt/gorgpt/run"
)

// evaluation is what eval is asked for.
type evaluation struct {
	from, on, data string
	samples        string // where to write what is known of each
	context        int
	// Of the options, those that a flag writes otherwise.
	lastWindow, stop, separator string

	asJSON  bool
	options eval.Options
}

func newEval() *cobra.Command {
	var (
		e       evaluation
		options = &e.options
	)
	cmd := &cobra.Command{
		Use:   "eval --from DIR --on NAME --data FILE",
		Short: "Measure a model as the GPT papers did",
		Long: `Measure a model as the GPT papers did.

DIR is a checkpoint, such as RUN/checkpoints/best. Under the numbers stands how they were
made, and what others report. NAME and the FILE that it reads:

` + catalogue(),
		Example: `  gorgpt eval --from gpt2 --on perplexity --data wiki.test.raw --detokenizer wikitext --stride 512
  gorgpt eval --from gpt2 --on lambada --data lambada_test.jsonl --json
  gorgpt eval --from gpt2 --on golden       # exit status 1 if a known number is missed`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			named, err := e.check(cmd)
			if err != nil {
				return err
			}
			return e.run(cmd.Context(), named, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&e.from, "from", "", "checkpoint directory")
	f.StringVar(&e.on, "on", "", "what to measure; see above")
	f.StringVar(&e.data, "data", "", "file to measure on")
	f.IntVar(&e.context, "context", 0, "tokens that the model is given at once (default all that it has positions for)")
	f.IntVar(&options.Stride, "stride", 0, "perplexity: how far the window moves each time; less is slower and gives lower numbers (default the whole window)")
	f.StringVar(&e.lastWindow, "last-window", "short", "perplexity: what the last window of a text is: what is left (short), or as long as the others, reading again what was counted (full)")
	f.BoolVar(&options.Documents, "documents", false, "perplexity: --data has JSON lines with a key text or page, each a document that is measured alone")
	f.StringVar(&options.Words, "words", "with-line-ends", "perplexity: how words are counted: those between white space and the line ends, as GPT-2's paper (with-line-ends), or as many parts as white space splits the text into, as lm-evaluation-harness (split)")
	f.BoolVar(&options.BOS, "bos", false, "put the end of text in front of a text, a context or a prompt, as models see it that were trained on documents with an end; for perplexity, the first token is predicted then too")
	f.StringVar(&options.Detokenizer, "detokenizer", "none", "undo the tokenisation of the data first: "+strings.Join(eval.Detokenizers(), ", "))
	f.BoolVar(&options.StopWords, "stop-words", false, "lambada: pass over words that end no passage, as GPT-2's paper did")
	f.StringVar(&options.References, "references", "", "qa, summarize, translate: file of the right responses, a line for each of --data")
	f.StringVar(&options.Template, "template", "", "the same: how a prompt is put: "+strings.Join(templates(), ", ")+" (default plain, tldr, equals)")
	f.StringVar(&e.stop, "stop", "", `the same: text that ends a response; \n is a line end (default the end of its first line that is not blank)`)
	f.IntVar(&options.Tokens, "tokens", 0, "the same: tokens that a response has at most (default 32, 100, 60)")
	f.StringVar(&options.Normalizer, "normalize", "sum", "choices: what decides; the log-likelihood (sum), or that for each of its tokens, chars or bytes")
	f.IntVar(&options.Shots, "shots", 0, "choices and responses: examples with their answers before each question")
	f.StringVar(&options.Examples, "examples", "", "file to draw the examples from (default the rest of --data)")
	f.StringVar(&options.Draw, "draw", "random", "how the examples are drawn: random, others for each question, or the first ones, the same for all")
	f.StringVar(&e.separator, "separator", "", `responses: what stands after each example (default \n, a line end; after the examples of choices stands a blank line)`)
	f.Uint64Var(&options.Seed, "seed", 1337, "seed of the examples")
	f.IntVar(&options.Limit, "limit", 0, "only so many tokens (of --documents, documents), passages or questions, from the beginning (default all)")
	f.StringVar(&e.samples, "samples", "", "write a JSON line for each passage, question, document or response to this file: log_likelihoods, text, tokens, right")
	f.BoolVar(&e.asJSON, "json", false, "print one JSON object: metric, value, tokens, protocol, metrics, published, checks")
	return cmd
}

// catalogue lists the measurements for the help text.
func catalogue() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, n := range eval.All() {
		fmt.Fprintf(w, "  %s\t%s\n  \t  FILE: %s\n", n.Name, n.About, n.Data)
	}
	w.Flush() // into memory
	return strings.TrimRight(b.String(), "\n")
}

// heeded is the option that a flag sets.
var heeded = map[string]string{
	"stride": "stride", "bos": "bos", "detokenizer": "detokenizer", "stop-words": "stopwords",
	"last-window": "fulllast", "documents": "documents", "words": "words", "stop": "stop", "draw": "draw", "separator": "separator",
	"normalize": "normalizer", "shots": "shots", "examples": "examples", "seed": "seed", "limit": "limit",
	"references": "references", "template": "template", "tokens": "tokens",
}

// templates are the names of the ways to put a prompt.
func templates() []string {
	var names []string
	for _, t := range pairs.Templates() {
		names = append(names, t.Name)
	}
	return names
}

// check checks the flags before anything is opened.
func (e *evaluation) check(cmd *cobra.Command) (eval.Named, error) {
	if e.on == "" {
		return eval.Named{}, usage.Errorf("--on is missing: what to measure; see gorgpt eval -h")
	}
	named, err := eval.Find(e.on)
	if err != nil {
		return named, usage.Of(err)
	}
	if e.from == "" {
		return named, usage.Errorf("--from is missing: the checkpoint to measure")
	}
	if e.data == "" && !named.Optional {
		return named, usage.Errorf("--data is missing: %s reads %s", named.Name, named.Data)
	}
	for flag, option := range heeded {
		if cmd.Flags().Changed(flag) && !slices.Contains(named.Heeds, option) {
			return named, usage.Errorf("--%s has no meaning for %s", flag, named.Name)
		}
	}
	o := e.options
	if !slices.Contains(eval.Detokenizers(), o.Detokenizer) {
		return named, usage.Unknown("detokenizer", o.Detokenizer, eval.Detokenizers())
	}
	if !slices.Contains(eval.Normalizers(), o.Normalizer) {
		return named, usage.Unknown("--normalize", o.Normalizer, eval.Normalizers())
	}
	if o.Template != "" && !slices.Contains(templates(), o.Template) {
		return named, usage.Unknown("template", o.Template, templates())
	}
	for flag, n := range map[string]int{"tokens": o.Tokens, "context": e.context, "stride": o.Stride, "shots": o.Shots, "limit": o.Limit} {
		if n < 0 {
			return named, usage.Errorf("--%s %d: want 0 or more", flag, n)
		}
	}
	if !slices.Contains(eval.Draws(), o.Draw) {
		return named, usage.Unknown("--draw", o.Draw, eval.Draws())
	}
	if !slices.Contains(eval.WordCounts(), o.Words) {
		return named, usage.Unknown("--words", o.Words, eval.WordCounts())
	}
	if e.lastWindow != "short" && e.lastWindow != "full" {
		return named, usage.Unknown("--last-window", e.lastWindow, []string{"short", "full"})
	}
	for _, flag := range []string{"examples", "draw", "separator", "seed"} {
		if cmd.Flags().Changed(flag) && o.Shots == 0 {
			return named, usage.Errorf("--%s without --shots: say how many", flag)
		}
	}
	if cmd.Flags().Changed("seed") && o.Draw == "first" {
		return named, usage.Errorf("--seed has no meaning with --draw first: nothing is drawn at random")
	}
	if cmd.Flags().Changed("words") && o.Limit > 0 && !o.Documents {
		return named, usage.Errorf("--words has no meaning with --limit: words of a part of the tokens are not counted")
	}
	if named.Optional && e.samples != "" {
		return named, usage.Errorf("--samples: %s has none", named.Name)
	}
	if named.Name == "perplexity" && filepath.Ext(e.data) == ".jsonl" && !o.Documents {
		return named, usage.Errorf("--data %s: these are JSON lines; say --documents to measure their texts", e.data)
	}
	e.options.FullLast = e.lastWindow == "full"
	e.options.Stop, e.options.Separator = lineEnds.Replace(e.stop), lineEnds.Replace(e.separator)
	return named, nil
}

func (e *evaluation) run(ctx context.Context, named eval.Named, stdout, stderr io.Writer) (err error) {
	m, err := run.LoadWeights(e.from)
	if err != nil {
		return err
	}
	if err := m.NeedTokenizer(); err != nil && !named.Optional { // golden numbers are ids
		return err
	}
	window := m.Model.Dims().Context
	if e.context > window {
		return usage.Errorf("--context %d: the model has %s", e.context, plural.Of(window, "position"))
	}
	if e.context > 0 {
		window = e.context
	}
	if e.options.Tokens >= window {
		return usage.Errorf("--tokens %d: the window of %d must have room for a prompt too", e.options.Tokens, window)
	}
	if e.options.Stride > window {
		return usage.Errorf("--stride %d: the window has %s", e.options.Stride, plural.Of(window, "token"))
	}
	if err := memory.Machine().CheckWindow(m.Model, window); err != nil {
		return err
	}
	var samples *wholefile.File
	if e.samples != "" { // before the work: it would be lost
		if samples, err = wholefile.Create(e.samples); err != nil {
			return err
		}
		defer samples.Discard() // unless it is whole
	}
	s := eval.NewSubject(m.Model, m.Params, m.Tokenizer, window)
	s.Ends = m.Ends
	defer func() { err = errors.Join(err, s.Close()) }()
	s.Progress = progress(stderr)
	r, err := named.New(e.options).Evaluate(ctx, s, e.data)
	if err != nil {
		return err
	}
	if e.asJSON {
		err = json.NewEncoder(stdout).Encode(r)
	} else {
		err = r.Print(stdout)
	}
	if err == nil && samples != nil {
		if err := writeSamples(samples, r.Samples); err != nil {
			return err
		}
		if err := samples.Commit(); err != nil {
			return err
		}
	}
	if err == nil && !r.Passed() {
		err = fmt.Errorf("%s: %.0f of %s failed", named.Name, (1-r.Value)*float64(len(r.Checks)), plural.Of(len(r.Checks), "check"))
	}
	return err
}

// lineEnds are written so on a command line.
var lineEnds = strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\\`, `\`)

func writeSamples(w io.Writer, samples []eval.Sample) error {
	lines := bufio.NewWriter(w)
	e := json.NewEncoder(lines)
	e.SetEscapeHTML(false)
	for _, s := range samples {
		if err := e.Encode(s); err != nil {
			return err
		}
	}
	return lines.Flush()
}

// progress tells how far some work is: on a terminal by a bar, else by a line every few
// seconds.
func progress(w io.Writer) func(done, total int) {
	start := time.Now()
	shown := start
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		var bar *progressbar.ProgressBar
		return func(done, total int) {
			if bar == nil {
				bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(w), progressbar.OptionShowCount(),
					progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))
			}
			bar.Set(done) // a bar that cannot be drawn is no reason to stop
		}
	}
	return func(done, total int) {
		if now := time.Now(); done > 0 && done < total && now.Sub(shown) > 5*time.Second {
			shown = now
			left := time.Duration(float64(now.Sub(start)) / float64(done) * float64(total-done))
			fmt.Fprintf(w, "%d/%d, %s left\n", done, total, left.Round(time.Second))
		}
	}
}
