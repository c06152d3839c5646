package using

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/gorgpt/gorgpt/chat"
	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/cli/internal/command"
	"github.com/gorgpt/gorgpt/cluster"
	"github.com/gorgpt/gorgpt/datasets/pairs"
	"github.com/gorgpt/gorgpt/eval"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/internal/setting"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/internal/wholefile"
	"github.com/gorgpt/gorgpt/memory"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/run"
	"github.com/gorgpt/gorgpt/store"
	"github.com/gorgpt/gorgpt/tokenizer"
	"github.com/gorgpt/gorgpt/train"
)

// evaluation holds the arguments of eval, and what it runs with.
type evaluation struct {
	from, on, data string
	weights        string // a checkpoint.Width
	samples        string // file to write the samples to
	context        int
	// Options that have another form as flags.
	lastWindow, stop, separator, shots string
	precision                          string

	chat, asJSON bool
	options      eval.Options

	joining *cluster.Options
	world   *cluster.World
}

func newEval() *cobra.Command {
	var e evaluation
	cmd := &cobra.Command{
		Use:        "eval --from DIR --on NAME --data FILE",
		SuggestFor: []string{"evaluate", "test"},
		Short:      "Evaluate a model as the GPT papers did",
		Long: `Evaluate a model as the GPT papers did.

DIR is a checkpoint, such as RUN/checkpoints/best, a Hugging Face directory or a GGUF file.
The results are followed by the protocol that was used and by published values. Processes
started by mpirun, mpiexec or srun share the work, with the same results as a single
process (docs/cluster.md). Each NAME, and the FILE that it reads:

` + catalogue(),
		Example: `  gorgpt eval --from gpt2 --on perplexity --data wiki.test.raw --detokenizer wikitext --stride 512
  gorgpt eval --from gpt2 --on lambada --data lambada_test.jsonl --json
  gorgpt eval --from gpt2 --on piqa --data valid.jsonl --protocol gpt3 --shots paper --examples train.jsonl --show 1
  gorgpt eval --from gpt2 --on golden       # exit status 1 if a known number is missed`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			named, err := e.check(cmd)
			if err != nil {
				return err
			}
			if e.world, err = command.Join(cmd, e.joining); err != nil {
				return err
			}
			return e.run(cmd.Context(), named, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	e.settings().Flags(f)
	f.BoolVar(&e.asJSON, "json", false, "print one JSON object: metric, value, tokens, protocol, metrics, published, checks, shown")
	e.joining = command.RankFlags(cmd)
	return cmd
}

// settings returns the settings of what is measured, and how.
func (e *evaluation) settings() setting.List {
	o := &e.options
	return setting.List{
		setting.New("from", &e.from, "", "checkpoint directory, or anything else that gorgpt convert reads"),
		weightsSetting(&e.weights),
		setting.New("on", &e.on, "", "what to measure, one of the NAMEs listed above"),
		setting.New("data", &e.data, "", "file to measure on, or its URL in an object store, from which it is copied"),
		setting.New("context", &e.context, 0, "window, in tokens that the model is given at once (default: all positions of the model)", setting.AtLeast(0)),
		setting.New("stride", &o.Stride, 0, "perplexity: tokens by which the window moves each time; fewer are slower and give lower numbers (default: the whole window)", setting.AtLeast(0)),
		setting.New("last-window", &e.lastWindow, "short", "perplexity: last window of a text: only what is left (short), or as long as the others, reading again tokens that were counted before (full)", setting.OneOf("--last-window", "short", "full")),
		setting.New("documents", &o.Documents, false, "perplexity: read --data as JSON lines with a key text or page, and measure each document alone"),
		setting.New("words", &o.Words, "with-line-ends", "perplexity: how words are counted: words between white space, plus line ends, as in GPT-2's paper (with-line-ends), or the parts into which white space splits the text, as in lm-evaluation-harness (split)", setting.OneOf("--words", eval.WordCounts()...)),
		setting.New("bos", &o.BOS, false, "put the end-of-text token before a text, a context or a prompt, as for models trained on documents that end with it; with perplexity, the first token is then predicted too"),
		setting.New("chat", &e.chat, false, "put a prompt and its examples into one user's message of the model's chat template, and score or generate the assistant's reply"),
		setting.New("detokenizer", &o.Detokenizer, "none", "undo the tokenization of the data first: "+strings.Join(eval.Detokenizers(), ", "), setting.OneOf("detokenizer", eval.Detokenizers()...)),
		setting.New("stop-words", &o.StopWords, false, "lambada: skip words that no passage ends with, as in GPT-2's paper"),
		setting.New("references", &o.References, "", "qa, summarize, translate: file of reference responses, one line for each line of --data"),
		setting.New("template", &o.Template, "", "qa, summarize, translate: template of prompts: "+strings.Join(pairs.TemplateNames(), ", ")+" (default: plain, tldr, equals)", setting.OneOf("template", append(pairs.TemplateNames(), "")...)),
		setting.New("stop", &e.stop, "", `qa, summarize, translate: text that ends a response, where \n is a newline (default: the end of its first line that is not blank)`),
		setting.New("tokens", &o.Tokens, 0, "qa, summarize, translate: maximum number of tokens of a response (default: 32, 100, 60)", setting.AtLeast(0)),
		setting.New("beams", &o.Beams, 0, "qa, summarize, translate: number of beams to search for a response with; 1 is greedy (default: 1, with --protocol gpt3 4)", setting.AtLeast(0)),
		setting.New("length-penalty", &o.LengthPenalty, 0.6, "qa, summarize, translate: divide a beam's log-probability by (5 + tokens)/6 to this power (Wu et al. 2016); gorgpt generate divides by a power of tokens, as transformers does"),
		setting.New("protocol", &o.Protocol, "plain", "multiple choice, lambada, qa, translate: phrasing, normalization, decoding and separators: this program's (plain), GPT-3's paper's (gpt3) or lm-evaluation-harness's (harness); docs/evaluation.md has a table", setting.OneOf("protocol", eval.Protocols()...)),
		setting.New("normalize", &o.Normalizer, "", "multiple choice: score that decides: the log-likelihood (sum), its value per token, character or byte (tokens, chars, bytes), or the ratio to the likelihood of the choice alone (ratio) (default: the protocol's, which is sum for plain)",
			setting.OneOf("--normalize", append(eval.Normalizers(), "ratio", "")...)),
		setting.New("verbalizer", &o.Verbalizers, nil, "classification: word that stands for a class; give one for each class, in the order of the labels (default: the protocol's)"),
		setting.New("language", &o.Languages, nil, "translate: language named in prompts of --protocol harness, and of gpt3 without examples; give the source, then the target"),
		setting.New("shots", &e.shots, "0", "all but perplexity and golden: number of examples with answers before each question, of which as many are given as fit; or paper, the number in GPT-3's paper", shotsOrPaper),
		setting.New("examples", &o.Examples, "", "with --shots: file to draw the examples from (default: the rest of --data)"),
		setting.New("draw", &o.Draw, "random", "with --shots: how examples are drawn: at random for each question (random), or the first ones for all questions (first)", setting.OneOf("--draw", eval.Draws()...)),
		setting.New("separator", &e.separator, "", `with --shots: text after each example (default: \n\n, a blank line; for qa, summarize and translate \n, unless --protocol is harness)`),
		setting.New("seed", &o.Seed, 1337, "with --shots: random seed of the examples"),
		setting.New("limit", &o.Limit, 0, "use only this many tokens (with --documents, documents), passages or questions, from the beginning (default: all)", setting.AtLeast(0)),
		run.PrecisionSetting(&e.precision),
		setting.New("samples", &e.samples, "", "write a JSON line for each passage, question, document or response to this file: log_likelihoods, text, tokens, right, shots"),
		setting.New("show", &o.Show, 0, "all but perplexity and golden: for this many questions, print what the model was given and what was scored", setting.AtLeast(0)),
	}
}

// shotsOrPaper accepts a number from 0, or "paper".
func shotsOrPaper(name, value string) error {
	return setting.Where(func(v string) bool { n, err := strconv.Atoi(v); return v == "paper" || err == nil && n >= 0 }, "0 or more, or paper")(name, value)
}

// catalogue returns the list of measurements for the help text.
func catalogue() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, n := range eval.All() {
		fmt.Fprintf(w, "  %s\t%s\n  \t  FILE: %s\n", n.Name, n.About, n.Data)
	}
	w.Flush() // into memory
	return strings.TrimRight(b.String(), "\n")
}

// heeded maps a flag to the option that it sets, where that has another name. Measurements that can show prompts also
// accept --chat.
var heeded = map[string]string{"chat": "show", "stop-words": "stopwords", "last-window": "fulllast", "normalize": "normalizer", "verbalizer": "verbalizers", "language": "languages", "length-penalty": "lengthpenalty"}

// always lists the flags that apply to every measurement.
var always = []string{"from", "weights", "on", "data", "context", "precision", "samples"}

// check checks the flags before anything is opened, and finds the measurement.
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
	for _, setting := range e.settings() {
		if flag := setting.Name; cmd.Flags().Changed(flag) && !slices.Contains(always, flag) && !slices.Contains(named.Heeds, cmp.Or(heeded[flag], flag)) {
			return named, usage.Errorf("--%s has no meaning for %s", flag, named.Name)
		}
	}
	if err := e.settings().Validate(); err != nil {
		return named, err
	}
	if !slices.Contains(named.Protocols, e.options.Protocol) && named.Protocols != nil {
		return named, usage.Errorf("--protocol %s: %s supports %s", e.options.Protocol, named.Name, strings.Join(named.Protocols, ", "))
	}
	if e.options.Shots, err = strconv.Atoi(e.shots); err != nil { // "paper"
		if e.options.Shots = named.Shots; named.Shots == 0 {
			return named, usage.Errorf("--shots paper: GPT-3's paper does not have %s", named.Name)
		}
	}
	if err := e.checkTogether(cmd, named); err != nil {
		return named, err
	}
	e.options.FullLast = e.lastWindow == "full"
	e.options.Stop, e.options.Separator = lineEnds.Replace(e.stop), lineEnds.Replace(e.separator)
	return named, nil
}

// checkTogether checks flags that depend on each other.
func (e *evaluation) checkTogether(cmd *cobra.Command, named eval.Named) error {
	o := e.options
	for _, flag := range []string{"examples", "draw", "separator", "seed"} {
		if cmd.Flags().Changed(flag) && !cmd.Flags().Changed("shots") { // but accept an explicit --shots 0, as in a series of runs
			return usage.Errorf("--%s without --shots: say how many", flag)
		}
	}
	if e.chat && (o.BOS || o.Normalizer == "ratio") {
		return usage.Errorf("--chat cannot be combined with --bos or --normalize ratio: the chat template determines how a prompt begins, and a choice alone is a reply to nothing")
	}
	if cmd.Flags().Changed("seed") && o.Draw == "first" {
		return usage.Errorf("--seed has no meaning with --draw first: nothing is drawn at random")
	}
	if cmd.Flags().Changed("length-penalty") && o.Beams <= 1 { // --protocol gpt3 without --beams has its own, too
		return usage.Errorf("--length-penalty without --beams: say how many")
	}
	if cmd.Flags().Changed("words") && o.Limit > 0 && !o.Documents {
		return usage.Errorf("--words has no meaning with --limit: words of a part of the tokens are not counted")
	}
	if writes := slices.Contains(named.Heeds, "tokens"); cmd.Flags().Changed("precision") && (writes || named.Optional) {
		return usage.Errorf("--precision has no meaning for %s: it applies to scoring, not to generation or golden numbers", named.Name)
	}
	if named.Optional && e.samples != "" {
		return usage.Errorf("--samples: %s writes none", named.Name)
	}
	if named.Name == "perplexity" && filepath.Ext(e.data) == ".jsonl" && !o.Documents {
		return usage.Errorf("--data %s: these are JSON lines; use --documents to measure their texts", e.data)
	}
	return nil
}

func (e *evaluation) run(ctx context.Context, named eval.Named, stdout, stderr io.Writer) (err error) {
	computing, err := run.Computing(e.precision)
	if err != nil {
		return err
	}
	width, err := checkpoint.ParseWidth(e.weights)
	if err != nil {
		return usage.Of(err)
	}
	m, err := run.LoadWeightsAs(e.from, width)
	if err != nil {
		return err
	}
	if err := m.NeedTokenizer(); err != nil && !named.Optional { // golden needs none: its inputs are ids
		return err
	}
	window, err := e.window(models.DimsOf(m.Model).Context)
	if err != nil {
		return err
	}
	left, err := memory.Machine().CheckWindow(m.Model, window)
	if err != nil {
		return err
	}
	evaluator := named.New(e.options)
	if g, ok := evaluator.(eval.Generation); ok && g.Beams > 1 {
		if err := memory.CheckBeams(m.Model, g.Beams); err != nil {
			return err
		}
	}
	var samples *wholefile.File
	first := e.world.Rank() == 0
	if e.samples != "" && first { // before the work, which would be lost
		if err := e.spares(); err != nil {
			return err
		}
		if samples, err = wholefile.Create(e.samples); err != nil {
			return err
		}
		defer samples.Discard() // no-op after Commit
	}
	s := eval.NewSubject(models.Graphs(m.Model), m.Params, m.Tokenizer, window)
	s.Ends, s.CacheBytes, s.Graph, s.Peers = m.Ends, left, computing, e.world
	defer func() { err = errors.Join(err, s.Close()) }()
	if e.chat {
		if err := converse(s, m.Tokenizer); err != nil {
			return err
		}
	}
	if first {
		s.Progress = progress(stderr)
	}
	r, err := e.measure(ctx, s, evaluator)
	if err != nil || !first {
		return err
	}
	return e.tell(named, r, samples, stdout)
}

// measure evaluates, after checking that all ranks have the same settings and weights.
func (e *evaluation) measure(ctx context.Context, s *eval.Subject, evaluator eval.Evaluator) (eval.Result, error) {
	err := train.Alike(e.world, s.Params, [2]string{"setting", string(e.settings().Text(""))}, [2]string{"window", strconv.Itoa(s.Window)},
		[2]string{"instruction set of products", graph.Instructions(s.Graph...)})
	if err != nil {
		return eval.Result{}, err
	}
	data, err := store.Fetch(e.data)
	if err != nil {
		return eval.Result{}, err
	}
	r, err := evaluator.Evaluate(ctx, s, data)
	if errors.Is(err, syscall.EISDIR) {
		err = fmt.Errorf("%w; want the file to measure on", err)
	}
	if e.weights != string(checkpoint.AsStored) {
		r.Protocol = append(r.Protocol, eval.Setting{Name: "weights", Value: e.weights})
	}
	if p, known := graph.ParsePrecision(e.precision); known == nil && p != graph.Float32 {
		r.Protocol = append(r.Protocol, eval.Setting{Name: "precision", Value: fmt.Sprintf("products in %v, on %s", p, graph.Instructions(s.Graph...))})
	}
	for i := range r.Protocol {
		if r.Protocol[i].Name == "data" { // as named by the user, wherever the copy is
			r.Protocol[i].Value = e.data
		}
	}
	if err == nil { // the protocol includes a hash of the data
		err = train.Alike(e.world, nil, [2]string{"protocol", fmt.Sprint(r.Protocol)})
	}
	return r, err
}

// tell prints the result, and writes its samples if there is a file for them.
func (e *evaluation) tell(named eval.Named, r eval.Result, samples *wholefile.File, stdout io.Writer) (err error) {
	if e.asJSON {
		err = json.NewEncoder(stdout).Encode(r)
	} else {
		err = r.Print(stdout)
	}
	if err == nil && samples != nil {
		if err = writeSamples(samples, r.Samples); err == nil {
			err = samples.Commit()
		}
	}
	if err == nil && !r.Passed() {
		err = fmt.Errorf("%s: %.0f of %s failed", named.Name, (1-r.Value)*float64(len(r.Checks)), plural.Of(len(r.Checks), "check"))
	}
	return err
}

// converse makes prompts messages of a user in the tokenizer's chat template.
func converse(s *eval.Subject, tok tokenizer.Tokenizer) error {
	format, err := chat.For(tok)
	if err != nil {
		return err
	}
	s.Ends = slices.Concat(s.Ends, format.Stops())
	s.Chat = func(prompt string) ([]int, error) {
		return format.Prompt(append(format.Begin(""), chat.Message{Role: chat.User, Content: prompt}))
	}
	return nil
}

// window returns how many tokens a model with this many positions is given at once.
func (e *evaluation) window(positions int) (int, error) {
	window := cmp.Or(e.context, positions)
	switch {
	case window > positions:
		return 0, usage.Errorf("--context %d: the model has %s", window, plural.Of(positions, "position"))
	case e.options.Tokens >= window:
		return 0, usage.Errorf("--tokens %d: the window of %d must have room for a prompt too", e.options.Tokens, window)
	case e.options.Stride > window:
		return 0, usage.Errorf("--stride %d: the window has %s", e.options.Stride, plural.Of(window, "token"))
	}
	return window, nil
}

// lineEnds replaces the escapes of a command line.
var lineEnds = strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\\`, `\`)

// spares refuses to overwrite with samples a file that the evaluation reads, or one in a folder that it reads.
func (e *evaluation) spares() error {
	to, err := os.Stat(e.samples)
	if err != nil || !to.Mode().IsRegular() {
		return nil // nothing would be lost
	}
	path := e.samples
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	beside, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return err
	}
	for _, read := range []string{e.data, e.options.Examples, e.options.References, e.from} {
		if info, err := os.Stat(read); err == nil && (os.SameFile(info, to) || os.SameFile(info, beside)) {
			return usage.Errorf("--samples %s would overwrite what is read from %s; choose another file", e.samples, read)
		}
	}
	return nil
}

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

// progress returns a function that reports progress: by a bar on a terminal, otherwise by a line every few
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
			bar.Set(done) // failing to draw a bar is not a reason to stop
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
