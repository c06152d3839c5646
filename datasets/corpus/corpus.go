// Package corpus opens the text of a training run: one source, or several mixed by weight, and the
// part of it that is held out for validation.
//
//	c, err := corpus.Open(corpus.Spec{Mix: []string{"0.7 books/*.jsonl", "0.3 notes"}, Validation: 0.1})
//	tok, err := tokenizer.Find("bpe:4096", c.Texts(false))
//	training, validation, err := c.Streams(tok, datasets.Config{Batch: 12, Context: 64, Seed: 1})
package corpus

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// prefetched is the number of batches read ahead.
const prefetched = 4

// Spec describes the text of a run.
type Spec struct {
	Data       string   // as for datasets.Open
	Mix        []string // several of these in place of Data, each preceded by its weight; see [CheckPart]
	ValData    string   // text for validation; if empty, a share of the training text is held out
	Validation float64  // that share; 0 for none
	Field      string   // the field of JSON lines, or column of Parquet files, that holds the text
	BadRecords string   // "error", or "skip" to skip and count records that cannot be read; "" is "error"
}

// Corpus is the text of a run, from which streams are made.
type Corpus struct {
	sources []*datasets.Source
	weights []float64
	check   *datasets.Source // for validation; nil if it is a part of the sources

	training, validation []*datasets.Source // parts of the sources, or the sources and check
}

// Open opens the text and splits off the validation part.
func Open(s Spec) (*Corpus, error) {
	options, err := s.reading()
	if err != nil {
		return nil, err
	}
	c := &Corpus{weights: []float64{1}}
	specs := []string{s.Data}
	if len(s.Mix) > 0 {
		specs, c.weights = nil, nil
		for _, part := range s.Mix {
			w, spec, err := parsePart(part)
			if err != nil {
				return nil, err
			}
			specs, c.weights = append(specs, spec), append(c.weights, w)
		}
	}
	for _, spec := range specs {
		src, err := datasets.Open(spec, options...)
		if err != nil {
			return nil, err
		}
		c.sources = append(c.sources, src)
	}
	if s.ValData != "" {
		if c.check, err = datasets.Open(s.ValData, options...); err != nil {
			return nil, err
		}
	}
	return c, c.split(s.Validation)
}

// BadRecords are the valid values of [Spec].BadRecords.
var BadRecords = []string{"error", "skip"}

// reading returns the options for opening text.
func (s Spec) reading() (options []datasets.Option, err error) {
	if s.Field != "" {
		options = append(options, datasets.Field(s.Field))
	}
	switch s.BadRecords {
	case "", "error":
	case "skip":
		options = append(options, datasets.SkipBad())
	default:
		return nil, usage.Unknown("treatment of bad records", s.BadRecords, BadRecords)
	}
	return options, nil
}

// SplitError reports that no text can be held out for validation.
type SplitError struct{ error }

func (e *SplitError) Unwrap() error { return e.error }

func (e *SplitError) Error() string {
	return e.error.Error() + "; or name a text for validation with --val-data"
}

// Unused lists what of the Spec has no effect on this text, by the names that train and pack have for it, and why.
func (c *Corpus) Unused() map[string]string {
	all := c.sources
	if c.check != nil {
		all = append(slices.Clone(all), c.check)
	}
	unused := make(map[string]string)
	if !slices.ContainsFunc(all, (*datasets.Source).Fields) {
		unused["field"] = "this text, which has no JSON lines with fields and no Parquet files with columns"
		if !slices.ContainsFunc(all, func(s *datasets.Source) bool { return !s.Shards() }) {
			unused["field"] = "token shards, whose text is encoded already"
		}
	}
	if c.check == nil && len(c.validation) > 0 && !slices.ContainsFunc(c.sources, func(s *datasets.Source) bool { return !s.SplitByName() }) {
		unused["validation"] = "token shards whose names say which are for validation"
	}
	return unused
}

// Parts returns the sources of the training text and those for validation.
func (c *Corpus) Parts() (training, validation []*datasets.Source) { return c.training, c.validation }

// split sets the training and validation parts.
func (c *Corpus) split(fraction float64) error {
	for _, src := range c.sources {
		if c.check != nil {
			c.training = append(c.training, datasets.ForTraining(src))
			continue
		}
		if fraction == 0 {
			c.training = append(c.training, src)
			continue
		}
		training, validation, err := datasets.Split(src, fraction)
		if err != nil {
			return &SplitError{err}
		}
		c.training, c.validation = append(c.training, training), append(c.validation, validation)
	}
	if c.check != nil {
		c.validation = []*datasets.Source{c.check}
	}
	return nil
}

// CheckPart checks a part of a mixture, which is a weight above 0 and a text, as in
// "0.3 notes/*.txt".
func CheckPart(part string) error {
	_, _, err := parsePart(part)
	return err
}

// parsePart parses a part of a mixture: a weight and a text as for --data.
func parsePart(part string) (weight float64, spec string, err error) {
	number, spec, _ := strings.Cut(strings.TrimSpace(part), " ")
	weight, err = strconv.ParseFloat(number, 64)
	if err != nil || !(weight > 0) || spec == "" {
		return 0, "", usage.Errorf("--mix %q: want a weight above 0 and the text, as in \"0.3 notes/*.txt\"", part)
	}
	return weight, strings.TrimSpace(spec), nil
}

// Texts yields the text that a tokenizer is learned from. If validation is set, this
// includes text that is only for validation: a character that occurs nowhere else needs
// an id too.
func (c *Corpus) Texts(validation bool) iter.Seq2[string, io.Reader] {
	return func(yield func(string, io.Reader) bool) {
		sources := c.sources
		if validation && c.check != nil {
			sources = append(slices.Clone(sources), c.check)
		}
		for _, s := range sources {
			for name, r := range s.Texts() {
				if !yield(name, r) {
					return
				}
			}
		}
	}
}

// Tokenizer returns the name of the default tokenizer: that of shards made by gorgpt pack, or byte pairs learned
// from the text. The vocabulary is 4,096 for a text of 4 MiB or more, half of that for half as much text, and so
// on; a text below 512 KiB is encoded as bytes. In a short text, most tokens of a large vocabulary would occur too
// rarely to be trained. Shards that do not name their tokenizer are taken for bytes, which is an error later if
// they are not.
func (c *Corpus) Tokenizer() string {
	size, shards := int64(0), false
	for _, s := range c.sources {
		if made := s.Tokenizers(); len(made) > 0 {
			return made[0] // shards of another tokenizer are refused when they are read
		}
		size, shards = size+s.Size(), shards || s.Shards()
	}
	for n := int64(mostPairs); n >= leastPairs && !shards; n /= 2 {
		if size >= n<<10 {
			return fmt.Sprintf("bpe:%d", n)
		}
	}
	return "bytes"
}

// mostPairs and leastPairs bound the vocabulary that Tokenizer chooses.
const mostPairs, leastPairs = 4096, 512

// String describes the text in a line for each source.
func (c *Corpus) String() string {
	var lines []string
	total := 0.0
	for _, w := range c.weights {
		total += w
	}
	for i, s := range c.sources {
		line := s.String()
		if len(c.sources) > 1 {
			line += fmt.Sprintf(" (%.3g %%)", 100*c.weights[i]/total)
		}
		if c.check == nil && len(c.validation) > 0 {
			line += fmt.Sprintf("; training %s, validation %s", c.training[i].About(), c.validation[i].About())
		}
		lines = append(lines, line)
	}
	if c.check != nil {
		lines = append(lines, c.check.String()+" (validation)")
	}
	return strings.Join(lines, "\n")
}

// Skipped describes what was skipped so far; it is empty if nothing was.
func (c *Corpus) Skipped() string {
	n, padding := 0, int64(0)
	var first error
	for _, s := range append(c.sources[:len(c.sources):len(c.sources)], c.check) {
		if s == nil {
			continue
		}
		k, err := s.Skipped()
		n += k
		padding += s.Padding()
		if first == nil {
			first = err
		}
	}
	var lines []string
	if n > 0 {
		lines = append(lines, fmt.Sprintf("left out: %s; the first: %v", plural.Counted(int64(n), "bad record"), first))
	}
	if padding > 0 {
		lines = append(lines, fmt.Sprintf("ignored: %s of padding after .gz data", plural.Counted(padding, "byte")))
	}
	return strings.Join(lines, "\n")
}

// Streams returns the batches of a run. The training stream is read ahead and must be closed. The
// validation stream ends when all of its text has been read; it is nil if no text was held out.
func (c *Corpus) Streams(tok tokenizer.Tokenizer, shape datasets.Config) (training, validation datasets.Stream, err error) {
	single := shape
	if len(c.sources) > 1 {
		single.Batch = 1
	}
	var learn, check []datasets.Part
	defer func() {
		if err != nil {
			for _, p := range append(learn, check...) {
				p.Stream.Close()
			}
		}
	}()
	for i, text := range c.training {
		s, err := datasets.NewTraining(text, tok, single)
		if err != nil {
			return nil, nil, fmt.Errorf("training text: %w", err)
		}
		learn = append(learn, datasets.Part{Stream: s, Weight: c.weights[i]})
	}
	if c.check != nil {
		single.Batch = shape.Batch
	}
	for i, text := range c.validation {
		v, err := datasets.NewValidation(text, tok, single)
		if err != nil {
			if short, ok := errors.AsType[*datasets.ShortError](err); ok && c.check == nil {
				err = fmt.Errorf("%w; name a text for validation with --val-data, or a larger share with --validation", short)
			}
			return nil, nil, fmt.Errorf("validation text: %w", err)
		}
		check = append(check, datasets.Part{Stream: v, Weight: c.weights[i]})
	}
	if training, err = mixed(learn, shape); err != nil {
		return nil, nil, err
	}
	if len(check) > 0 {
		if validation, err = mixed(check, shape); err != nil {
			return nil, nil, err
		}
	}
	return datasets.Prefetch(training, prefetched), validation, nil
}

// mixed returns a single stream as it is, or a mixture of several.
func mixed(parts []datasets.Part, shape datasets.Config) (datasets.Stream, error) {
	if len(parts) == 1 {
		return parts[0].Stream, nil
	}
	return datasets.Mix(shape.Batch, shape.Seed, parts...)
}
