package cli

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"slices"
	"strconv"
	"strings"

	"gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/tokenizer"
	"github.com/gorgpt/gorgpt/train"
)

// prefetched is the number of batches read ahead.
const prefetched = 4

// corpus is the text of a run: one source or several, mixed by weight.
type corpus struct {
	sources []*datasets.Source
	weights []float64
	check   *datasets.Source // for validation; nil if it is a part of the sources

	training, validation []*datasets.Source // the parts of the sources, or all and check
}

// open opens the text that the recipe names.
func (r recipe) open() (corpus, error) {
	options, err := reading(r.Field, r.BadRecords)
	if err != nil {
		return corpus{}, err
	}
	specs, weights := []string{r.Data}, []float64{1}
	if len(r.Mix) > 0 {
		specs, weights = nil, nil
		for _, part := range r.Mix {
			w, spec, err := parsePart(part)
			if err != nil {
				return corpus{}, err
			}
			specs, weights = append(specs, spec), append(weights, w)
		}
	}
	c := corpus{weights: weights}
	for _, spec := range specs {
		src, err := datasets.Open(spec, options...)
		if err != nil {
			return c, err
		}
		c.sources = append(c.sources, src)
	}
	if r.ValData != "" {
		if c.check, err = datasets.Open(r.ValData, options...); err != nil {
			return c, err
		}
	}
	return c, c.split(r.Validation)
}

// What --field and --bad-records are for.
const (
	fieldHelp = "field of JSON lines, or column of Parquet, that holds the text"
	badHelp   = "what to do with lines that cannot be read: error stops, skip leaves them out and counts them"
)

// reading are the options that text is read with.
func reading(field, badRecords string) ([]datasets.Option, error) {
	options := []datasets.Option{datasets.Field(field)}
	switch badRecords {
	case "error":
	case "skip":
		options = append(options, datasets.SkipBad())
	default:
		return nil, unknown("treatment of bad records", badRecords, []string{"error", "skip"})
	}
	return options, nil
}

// partsOf tells the sizes of both parts of a source.
func partsOf(training, validation *datasets.Source) string {
	return fmt.Sprintf("; training %s, validation %s", training.About(), validation.About())
}

// split makes the parts.
func (c *corpus) split(fraction float64) error {
	for _, src := range c.sources {
		if c.check != nil {
			c.training = append(c.training, datasets.ForTraining(src))
			continue
		}
		training, validation, err := datasets.Split(src, fraction)
		if err != nil {
			return fmt.Errorf("%w; or name a text for validation with --val-data", err)
		}
		c.training, c.validation = append(c.training, training), append(c.validation, validation)
	}
	if c.check != nil {
		c.validation = []*datasets.Source{c.check}
	}
	return nil
}

// parsePart reads a part of a mixture: a weight and what --data takes.
func parsePart(part string) (weight float64, spec string, err error) {
	number, spec, _ := strings.Cut(strings.TrimSpace(part), " ")
	weight, err = strconv.ParseFloat(number, 64)
	if err != nil || !(weight > 0) || spec == "" {
		return 0, "", usagef("--mix %q: want a weight above 0 and the text, as in \"0.3 notes/*.txt\"", part)
	}
	return weight, strings.TrimSpace(spec), nil
}

// texts yields the text that a tokenizer is learned from. Text that is only for
// validation is part of it where asked for: a character that occurs nowhere else needs
// an id too.
func (c corpus) texts(validation bool) iter.Seq2[string, io.Reader] {
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

// tokenizer is the one to take where none is named: that of shards which gorgpt pack made, or
// bytes.
func (c corpus) tokenizer() string {
	for _, s := range c.sources {
		if made := s.Tokenizers(); len(made) > 0 {
			return made[0] // other shards of another are refused where they are read
		}
	}
	return "bytes"
}

// String describes the text in a line for each source.
func (c corpus) String() string {
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
		if c.check == nil {
			line += partsOf(c.training[i], c.validation[i])
		}
		lines = append(lines, line)
	}
	if c.check != nil {
		lines = append(lines, c.check.String()+" (validation)")
	}
	return strings.Join(lines, "\n")
}

// skipped tells what was left out so far, or is empty.
func (c corpus) skipped() string {
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
		lines = append(lines, fmt.Sprintf("left out: %s; the first: %v", counted(int64(n), "bad record"), first))
	}
	if padding > 0 {
		lines = append(lines, fmt.Sprintf("passed over: %s of padding after .gz data", counted(padding, "byte")))
	}
	return strings.Join(lines, "\n")
}

// streams makes the batches of a run.
func (r recipe) streams(c corpus, tok tokenizer.Tokenizer) (training, validation datasets.Stream, err error) {
	shape := datasets.Config{
		Batch: r.Batch, Context: r.Context, Seed: r.Seed, Buffer: r.Buffer,
		Anywhere: r.Windows == "anywhere", Packed: r.Windows == "packed",
	}
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
		single.Batch = r.Batch
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
	if training, err = mixed(learn, r); err != nil {
		return nil, nil, err
	}
	if validation, err = mixed(check, r); err != nil {
		return nil, nil, err
	}
	return datasets.Prefetch(training, prefetched), validation, nil
}

// mixed is the one stream, or the mixture of several.
func mixed(parts []datasets.Part, r recipe) (datasets.Stream, error) {
	if len(parts) == 1 {
		return parts[0].Stream, nil
	}
	return datasets.Mix(r.Batch, r.Seed, parts...)
}

// checkNoDecay refuses a pattern that is of no parameter, as a misspelt one.
func (r recipe) checkNoDecay(nodes []graph.Node) error {
	for _, pattern := range r.NoDecay {
		if !slices.ContainsFunc(nodes, func(n graph.Node) bool {
			ok, _ := path.Match(pattern, n.Path)
			return n.Op == "param" && ok
		}) {
			return usagef("--no-decay %s: no parameter has such a name; see gorgpt graph", pattern)
		}
	}
	return nil
}

// solver is the optimiser that the recipe names, with its settings.
func (r recipe) solver() (gorgonia.Solver, error) {
	var groups []train.Group
	for _, pattern := range r.NoDecay {
		groups = append(groups, train.Group{Pattern: pattern, Decay: new(0.0)})
	}
	if r.DecayAll {
		groups = append(groups, train.Group{Pattern: "*", Decay: &r.Decay})
	}
	if err := train.CheckGroups(groups); err != nil {
		return nil, usageError{err}
	}
	var rule train.Rule = train.AdamW{Beta1: r.Beta1, Beta2: r.Beta2, Epsilon: r.Epsilon}
	if r.Solver == "lion" {
		rule = train.Lion{Beta1: r.Beta1, Beta2: r.Beta2}
	}
	return &train.Optimizer{Rule: rule, Decay: r.Decay, Clip: r.Clip, Groups: groups}, nil
}
