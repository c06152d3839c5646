package eval

import (
	"context"

	"github.com/gorgpt/gorgpt/datasets/pairs"
	"github.com/gorgpt/gorgpt/internal/nearest"
)

// Evaluator is a kind of measurement with its protocol.
type Evaluator interface {
	Evaluate(ctx context.Context, s *Subject, path string) (Result, error)
}

// Options are the protocols' choices in one place, for a command line; each Named tells
// which it heeds. The zero value is the plainest protocol.
type Options struct {
	Stride      int
	FullLast    bool
	BOS         bool
	Documents   bool
	Words       string
	Detokenizer string
	StopWords   bool
	Normalizer  string
	Shots       int
	Examples    string // path of the examples for Shots
	Draw        string
	Separator   string
	Stop        string
	Seed        uint64
	Limit       int
	References  string   // path of the responses to a file of prompts, line by line
	Template    string   // how prompts are put, instead of the customary way; see pairs.Templates
	Tokens      int      // that a response has at most, instead of the customary number
	Protocol    string   // whose customs; see Protocols
	Verbalizers []string // what the classes are called, instead of the customary words
	Languages   []string // source and target of a translation, where the protocol names them
	Show        int      // how many samples tell what the model was given
	Beams       int      // that a response is searched with; below 2 is greedily
	// LengthPenalty is that of beams.
	LengthPenalty float64
}

// Named is a measurement of the catalogue.
type Named struct {
	Name, About string
	Data        string   // what the file holds
	Optional    bool     // it works without a file
	Heeds       []string // names of the Options that change it, in lower case
	Protocols   []string // that it has; nil: there is no choice
	Shots       int      // examples that GPT-3's paper gives; 0: it does not say
	New         func(Options) Evaluator
}

// All lists the measurements.
func All() []Named {
	all := []Named{
		{Name: "perplexity", About: "perplexity per token, word and byte", Data: "text, or with --documents JSONL (text)",
			Heeds: []string{"stride", "fulllast", "bos", "documents", "words", "detokenizer", "limit"},
			New: func(o Options) Evaluator {
				return Perplexity{
					Stride: o.Stride, FullLast: o.FullLast, Detokenizer: o.Detokenizer, Words: o.Words, BOS: o.BOS, Documents: o.Documents,
					Limit: o.Limit, Published: perplexityPublished,
				}
			}},
		{Name: "lambada", About: "the last word of a passage: accuracy and perplexity", Data: "JSONL (text), or a passage a line",
			Heeds:     []string{"protocol", "shots", "examples", "draw", "separator", "seed", "stopwords", "detokenizer", "bos", "limit", "show"},
			Protocols: Protocols(), Shots: lambadaShots,
			New: func(o Options) Evaluator {
				return LAMBADA{
					Protocol: o.Protocol, Shots: o.Shots, Examples: o.Examples, Draw: o.Draw, Separator: o.Separator, Seed: o.Seed,
					StopWords: o.StopWords, Detokenizer: o.Detokenizer, BOS: o.BOS, Limit: o.Limit, Show: o.Show,
				}
			}},
	}
	for _, t := range choiceTasks() {
		all = append(all, t.named())
	}
	all = append(all, writings()...)
	return append(all, Named{Name: "golden", About: "known numbers of a published model: training losses, continuations, logits; pass or fail",
		Data: "JSON; left out: those known of the model", Optional: true, New: func(Options) Evaluator { return goldenFile{} }})
}

// readPairs reads a file of pairs, or lines with those of another file.
func readPairs(references string) func(path string) ([]pairs.Pair, error) {
	if references == "" {
		return pairs.Read
	}
	return func(path string) ([]pairs.Pair, error) { return pairs.ReadParallel(path, references) }
}

// Find returns the named measurement. The error for another name offers the nearest.
func Find(name string) (Named, error) {
	var known []string
	for _, n := range All() {
		if n.Name == name {
			return n, nil
		}
		known = append(known, n.Name)
	}
	return Named{}, nearest.Unknown("evaluation", name, known)
}
