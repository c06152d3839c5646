package run

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/internal/setting"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/memory"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// Writing holds the settings for generating text with a model.
type Writing struct {
	Tokens, Samples  int // of each text, at most; texts per prompt
	generate.Options     // Stop are tokens in addition to those that end a text

	Beams         int // above 0 means beam search, without sampling
	LengthPenalty float64
	Special       bool     // special tokens written in a prompt become their ids
	Stops         []string // texts end before these; the one that is complete first ends the text
}

// DefaultWriting returns settings for one text of 200 tokens, sampled from the 200 best.
func DefaultWriting() Writing {
	var o Writing
	o.Settings().Reset()
	return o
}

// Settings returns the settings.
func (o *Writing) Settings() setting.List {
	return setting.List{
		setting.New("tokens", &o.Tokens, 200, "maximum number of tokens to generate", setting.AtLeast(1)),
		setting.New("samples", &o.Samples, 1, "number of texts per prompt, generated together", setting.AtLeast(1)),
		setting.New("temperature", &o.Temperature, 0.8, "sampling temperature: more random above 1, less below 1, greedy at 0", setting.NotNegative),
		setting.New("top-k", &o.TopK, 200, "sample from the K most likely tokens (0: all)", setting.AtLeast(0)),
		setting.New("top-p", &o.TopP, 1, "sample from the most likely tokens that together have this probability (0: the best alone, 1: all)", share(true, true, "a share from 0 to 1")),
		setting.New("min-p", &o.MinP, 0, "sample from tokens with at least this share of the best token's probability (0: all)", share(true, true, "a share from 0 to 1")),
		setting.New("repetition-penalty", &o.RepetitionPenalty, 1, "make tokens that occurred before less likely, if above 1",
			setting.Where(func(x float64) bool { return x >= generate.LeastRepetition && x <= generate.MostRepetition }, "0.01 to 100, where 1 means no penalty")),
		setting.New("no-repeat", &o.NoRepeat, 0, "never repeat a sequence of this many tokens (0: allow it)", setting.AtLeast(0)),
		setting.New("beams", &o.Beams, 0, "search for the most likely texts with this many beams, instead of sampling (0: sample)", setting.AtLeast(0)),
		setting.New("length-penalty", &o.LengthPenalty, 1, "with --beams: divide a beam's log-probability by its length to this power; above 0 favors long texts"),
		setting.New("special", &o.Special, false, "encode special tokens written in the prompt as their ids"),
		setting.New("stop", &o.Stops, nil, `end before this text, where \n is a newline; may be repeated: the first one to be complete counts`),
		setting.New("seed", &o.Seed, 1337, "random seed of sampling"),
		setting.New("logprobs", &o.LogProbs, 0, "with --json: include the log-probabilities of the tokens, and of this many best tokens", setting.AtLeast(0)),
	}
}

// Validate reports a setting that is not valid.
func (o Writing) Validate() error {
	if err := o.Settings().Validate(); err != nil {
		return err
	}
	if o.Beams > 0 && (o.Samples > 1 || o.LogProbs > 0) {
		return usage.Errorf("--beams %d: --samples and --logprobs cannot be combined with a beam search", o.Beams)
	}
	if err := o.Options.Validate(); err != nil {
		return usage.Of(err)
	}
	return nil
}

// Text is what a model generates after a prompt.
type Text struct {
	PromptIDs []int     `json:"prompt_ids"`
	IDs       []int     `json:"ids"`
	Text      string    `json:"text"`
	Finish    string    `json:"finish"`            // length, stop, end_of_text or no_candidates
	LogProb   *float64  `json:"logprob,omitempty"` // for beam search
	Score     *float64  `json:"score,omitempty"`
	LogProbs  []LogProb `json:"logprobs,omitempty"`
}

// LogProb is a token's log-probability, and those of the best tokens at its position.
type LogProb struct {
	ID      int       `json:"id"`
	LogProb float64   `json:"logprob"`
	Best    []LogProb `json:"best,omitempty"`
}

// Writer generates text.
type Writer struct {
	Generator *generate.Generator

	model   *Trained
	writing Writing
	options generate.Options // including the tokens that end a text
}

// Writer returns a writer for the model.
func (m *Trained) Writer(o Writing) (*Writer, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.TopP == 0 { // which generate takes to mean all
		o.TopP = math.SmallestNonzeroFloat64
	}
	check := func() error {
		return memory.CheckGeneration(fmt.Sprintf("--samples %d", o.Samples), m.Model, o.Samples)
	}
	if o.Beams > 0 {
		check = func() error { return memory.CheckBeams(m.Model, o.Beams) }
	}
	if err := check(); err != nil {
		return nil, err
	}
	vocab := min(models.DimsOf(m.Model).Vocab, m.Tokenizer.Size())
	for _, id := range o.Stop {
		if id < 0 || id >= vocab {
			return nil, usage.Errorf("--stop-token %d: the vocabulary has the tokens 0 to %d", id, vocab-1)
		}
	}
	if o.LogProbs > vocab {
		return nil, usage.Errorf("--logprobs %d: the vocabulary has %s", o.LogProbs, plural.Of(vocab, "token"))
	}
	w := &Writer{Generator: generate.New(models.Graphs(m.Model), m.Params, models.DimsOf(m.Model).Context), model: m, writing: o, options: o.Options}
	w.Generator.Vocab, w.Generator.Vacant = vocab, tokenizer.Vacant(m.Tokenizer)
	w.options.Stop = slices.Concat(o.Stop, m.Ends)
	return w, nil
}

// Close closes the writer's programs.
func (w *Writer) Close() error { return w.Generator.Close() }

// Encode returns the tokens of a prompt.
func (w *Writer) Encode(prompt string) ([]int, error) {
	encode := w.model.Tokenizer.Append
	if w.writing.Special {
		encode = tokenizer.ReadSpecial(w.model.Tokenizer).Append
	}
	ids, err := encode(nil, []byte(prompt))
	if err != nil {
		return nil, fmt.Errorf("--prompt: %w", err)
	}
	if len(ids) == 0 {
		return tokenizer.EmptyPrompt(w.model.Tokenizer), nil
	}
	before, _ := tokenizer.Around(w.model.Tokenizer) // tokens that follow a text are left out, since they would end it
	return append(slices.Clone(before), ids...), nil
}

// Texts returns continuations of a prompt: samples, or what a beam search finds, best first.
func (w *Writer) Texts(ctx context.Context, prompt []int) ([]Text, error) {
	if w.writing.Beams > 0 {
		return w.search(ctx, prompt)
	}
	texts := make([]Text, w.writing.Samples)
	decoded := make([]*generate.Text, len(texts))
	for i := range texts {
		texts[i] = Text{PromptIDs: prompt, IDs: []int{}}
		decoded[i] = w.text(prompt)
	}
	running := len(texts)
	for token, err := range w.Generator.Batch(ctx, slices.Repeat([][]int{prompt}, len(texts)), w.writing.Tokens, w.options) {
		if err != nil {
			return nil, err
		}
		t, d := &texts[token.Sequence], decoded[token.Sequence]
		if d.Stopped() {
			continue
		}
		if err := w.add(t, d, token); err != nil {
			return nil, err
		}
		if d.Stopped() || token.Last {
			t.Text, t.Finish = d.String(), w.finish(token.Finish, token.ID, d)
			if running--; running == 0 {
				break
			}
		}
	}
	return texts, nil
}

// text returns what decodes the tokens that follow a prompt.
func (w *Writer) text(prompt []int) *generate.Text {
	return generate.NewText(tokenizer.Following(w.model.Tokenizer, prompt), w.writing.Stops...)
}

// add adds a token to a text, unless there is none.
func (w *Writer) add(t *Text, d *generate.Text, token generate.Token) error {
	if token.ID < 0 {
		return nil
	}
	t.IDs = append(t.IDs, token.ID)
	if w.options.LogProbs > 0 {
		l := LogProb{ID: token.ID, LogProb: token.LogProb}
		for _, c := range token.Best {
			l.Best = append(l.Best, LogProb{ID: c.ID, LogProb: c.LogProb})
		}
		t.LogProbs = append(t.LogProbs, l)
	}
	if w.ends(token.ID) {
		return nil
	}
	_, err := d.Add(token.ID)
	return err
}

// ends reports whether a token ends the text, without being part of it.
func (w *Writer) ends(id int) bool { return slices.Contains(w.options.Stop, id) }

// finish returns why a text ends whose last token is id.
func (w *Writer) finish(why generate.Finish, id int, t *generate.Text) string {
	if slices.Contains(w.model.Ends, id) && why == generate.StopToken {
		return "end_of_text"
	}
	if t.Stopped() { // at a stop string
		return string(generate.StopToken)
	}
	return string(why)
}

// Stream generates one sample and calls piece with each piece of it as it is generated. It returns
// why the text ends.
func (w *Writer) Stream(ctx context.Context, prompt []int, piece func(string) error) (finish string, err error) {
	t := w.text(prompt)
	for token, err := range w.Generator.Stream(ctx, prompt, w.writing.Tokens, w.options) {
		if err != nil {
			return "", err
		}
		finish = w.finish(token.Finish, token.ID, t)
		if token.ID < 0 || w.ends(token.ID) {
			break
		}
		text, err := t.Add(token.ID)
		if err != nil {
			return "", err
		}
		if err := piece(text); err != nil {
			return "", err
		}
		if t.Stopped() {
			break
		}
	}
	return finish, piece(t.Rest())
}

// search returns the results of a beam search.
func (w *Writer) search(ctx context.Context, prompt []int) ([]Text, error) {
	o := generate.BeamOptions{
		Beams: w.writing.Beams, LengthPenalty: w.writing.LengthPenalty, Stop: w.options.Stop,
		RepetitionPenalty: w.options.RepetitionPenalty, NoRepeat: w.options.NoRepeat,
	}
	if len(w.writing.Stops) > 0 { // what would follow a stop must not influence which text is best
		o.Ends = func(ids []int) (bool, error) {
			t := w.text(prompt)
			for _, id := range ids {
				if _, err := t.Add(id); err != nil {
					return false, err
				}
			}
			return t.Stopped(), nil
		}
	}
	found, err := w.Generator.Beam(ctx, prompt, w.writing.Tokens, o)
	if err != nil {
		return nil, err
	}
	var texts []Text
	for _, h := range found {
		t := w.text(prompt)
		for _, id := range h.IDs {
			if w.ends(id) {
				break
			}
			if _, err := t.Add(id); err != nil {
				return nil, err
			}
		}
		why := string(h.Finish)
		if n := len(h.IDs); n > 0 {
			why = w.finish(h.Finish, h.IDs[n-1], t)
		}
		texts = append(texts, Text{PromptIDs: prompt, IDs: h.IDs, Text: t.String(), Finish: why, LogProb: &h.LogProb, Score: &h.Score})
	}
	return texts, nil
}

// Speed is how fast a model generates text.
type Speed struct {
	First  float64 // seconds to the first token, after the prompt
	Rate   float64 // tokens per second after that, over all sequences
	Memory int64   // bytes used by keys and values
}

// Measure generates tokens, past the ends of texts, and returns the speed.
func (w *Writer) Measure(ctx context.Context, prompt []int) (s Speed, err error) {
	if s.Memory, err = w.Generator.MemoryBytes(w.writing.Samples); err != nil {
		return s, err
	}
	prompts := slices.Repeat([][]int{prompt}, w.writing.Samples)
	start, count := time.Now(), 0
	for token, err := range w.Generator.Batch(ctx, prompts, w.writing.Tokens, w.writing.Options) {
		if err != nil {
			return s, err
		}
		if token.ID < 0 {
			continue
		}
		if count++; count == len(prompts) {
			s.First = time.Since(start).Seconds()
		}
	}
	s.Rate = float64(count-len(prompts)) / (time.Since(start).Seconds() - s.First)
	return s, nil
}
