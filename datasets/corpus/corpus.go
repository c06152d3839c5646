// Package corpus is the text of a training run: one source or several, mixed by weight, and what
// of it is kept for validation.
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

// Spec says which text.
type Spec struct {
	Data       string   // what datasets.Open takes
	Mix        []string // instead of it several of these, each after its weight; see [CheckPart]
	ValData    string   // text for validation; without it, a share of the others is for that
	Validation float64  // the share; 0 keeps none
	Field      string   // of JSON lines or Parquet that holds the text
	BadRecords string   // "error", or "skip" to leave out and count what cannot be read; "" is error
}

// Corpus is the text of a run. Streams are read from it.
type Corpus struct {
	sources []*datasets.Source
	weights []float64
	check   *datasets.Source // for validation; nil if it is a part of the sources

	training, validation []*datasets.Source // the parts of the sources, or all and check
}

// Open finds the text, and cuts off what is for validation.
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

// BadRecords are the ways to treat lines that cannot be read.
var BadRecords = []string{"error", "skip"}

// reading are the options that text is read with.
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

// SplitError says that nothing can be kept for validation.
type SplitError struct{ error }

func (e *SplitError) Unwrap() error { return e.error }

func (e *SplitError) Error() string {
	return e.error.Error() + "; or name a text for validation with --val-data"
}

// Parts are the sources of the training text, and those for validation.
func (c *Corpus) Parts() (training, validation []*datasets.Source) { return c.training, c.validation }

// split makes the parts.
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

// CheckPart tells what is wrong with a part of a mixture: a weight above 0 and a text, as in
// "0.3 notes/*.txt".
func CheckPart(part string) error {
	_, _, err := parsePart(part)
	return err
}

// parsePart reads a part of a mixture: a weight and what --data takes.
func parsePart(part string) (weight float64, spec string, err error) {
	number, spec, _ := strings.Cut(strings.TrimSpace(part), " ")
	weight, err = strconv.ParseFloat(number, 64)
	if err != nil || !(weight > 0) || spec == "" {
		return 0, "", usage.Errorf("--mix %q: want a weight above 0 and the text, as in \"0.3 notes/*.txt\"", part)
	}
	return weight, strings.TrimSpace(spec), nil
}

// Texts yields the text that a tokenizer is learned from. Text that is only for
// validation is part of it where asked for: a character that occurs nowhere else needs
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

// Tokenizer names the one to take where none is named: that of shards which gorgpt pack made, or byte
// pairs of the text. There are 4,096 of 4 MiB or more, and half as many of half as much, down to bytes of less than
// 512 KiB: of a short text, most of so many tokens would occur too seldom to be learned. Shards that do not tell theirs are
// taken for bytes, which is refused where they are something else.
func (c *Corpus) Tokenizer() string {
	size, shards := int64(0), false
	for _, s := range c.sources {
		if made := s.Tokenizers(); len(made) > 0 {
			return made[0] // other shards of another are refused where they are read
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

// mostPairs and leastPairs are the sizes of a vocabulary that is chosen.
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

// Skipped tells what was left out so far, or is empty.
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
		lines = append(lines, fmt.Sprintf("passed over: %s of padding after .gz data", plural.Counted(padding, "byte")))
	}
	return strings.Join(lines, "\n")
}

// Streams makes the batches of a run. Training is read ahead; close it. Validation ends when all
// of it was read; it is nil where nothing is kept for it.
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

// mixed is the one stream, or the mixture of several.
func mixed(parts []datasets.Part, shape datasets.Config) (datasets.Stream, error) {
	if len(parts) == 1 {
		return parts[0].Stream, nil
	}
	return datasets.Mix(shape.Batch, shape.Seed, parts...)
}
