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

// Options are the options of all measurements, for a command line; each Named lists
// those that it heeds. The zero value is the plainest protocol.
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
	Template    string   // template of prompts, instead of the default; see pairs.Templates
	Tokens      int      // maximum length of a response, instead of the default
	Protocol    string   // see Protocols
	Verbalizers []string // words for the classes, instead of the default ones
	Languages   []string // source and target of a translation, if the protocol names them
	Show        int      // how many samples contain what the model was given
	Beams       int      // number of beams; below 2 is greedy decoding
	// LengthPenalty is the length penalty of a search with Beams.
	LengthPenalty float64
}

// Named is a measurement of the catalogue.
type Named struct {
	Name, About string
	Data        string   // what the file holds
	Optional    bool     // the file may be left out
	Heeds       []string // names of the Options that it heeds, in lower case
	Protocols   []string // protocols that it has; nil: there is no choice
	Shots       int      // number of examples in GPT-3's paper; 0: it does not say
	New         func(Options) Evaluator
}

// All returns all measurements.
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
		{Name: "lambada", About: "the last word of a passage: accuracy and perplexity", Data: "JSONL (text), or one passage per line",
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
	return append(all, Named{Name: "golden", About: "known outputs of a published model: training losses, continuations, logits; pass or fail",
		Data: "JSON (default: what is known of the model)", Optional: true, New: func(Options) Evaluator { return goldenFile{} }})
}

// readPairs returns the function that reads a file of pairs or, if references is set, a file of prompts whose
// responses are the lines of references.
func readPairs(references string) func(path string) ([]pairs.Pair, error) {
	if references == "" {
		return pairs.Read
	}
	return func(path string) ([]pairs.Pair, error) { return pairs.ReadParallel(path, references) }
}

// Find returns the named measurement. The error for an unknown name suggests the nearest one.
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
