package eval

import (
	"cmp"
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
	References  string // path of the responses to a file of prompts, line by line
	Template    string // how prompts are put, instead of the customary way; see pairs.Templates
	Tokens      int    // that a response has at most, instead of the customary number
}

// Named is a measurement of the catalogue.
type Named struct {
	Name, About string
	Data        string   // what the file holds
	Optional    bool     // it works without a file
	Heeds       []string // names of the Options that change it, in lower case
	New         func(Options) Evaluator
}

// All lists the measurements.
func All() []Named {
	choice := func(read func(string) ([]Question, error), format string, published ...Published) func(Options) Evaluator {
		return func(o Options) Evaluator {
			return MultipleChoice{
				Read: read, Format: format, Normalizer: o.Normalizer, Shots: o.Shots, Examples: o.Examples,
				Draw: o.Draw, Seed: o.Seed, Detokenizer: o.Detokenizer, BOS: o.BOS, Limit: o.Limit, Published: published,
			}
		}
	}
	choiceHeeds := []string{"normalizer", "shots", "examples", "draw", "seed", "detokenizer", "bos", "limit"}
	writingHeeds := []string{"references", "template", "tokens", "stop", "shots", "examples", "draw", "separator", "seed", "bos", "limit"}
	return []Named{
		{"perplexity", "perplexity per token, word and byte", "text, or with --documents JSONL (text)", false,
			[]string{"stride", "fulllast", "bos", "documents", "words", "detokenizer", "limit"},
			func(o Options) Evaluator {
				return Perplexity{
					Stride: o.Stride, FullLast: o.FullLast, Detokenizer: o.Detokenizer, Words: o.Words, BOS: o.BOS, Documents: o.Documents,
					Limit: o.Limit, Published: perplexityPublished,
				}
			}},
		{"lambada", "the last word of a passage: accuracy and perplexity", "JSONL (text), or a passage a line", false,
			[]string{"stopwords", "detokenizer", "bos", "limit"},
			func(o Options) Evaluator {
				return LAMBADA{StopWords: o.StopWords, Detokenizer: o.Detokenizer, BOS: o.BOS, Limit: o.Limit}
			}},
		{"cbt", "Children's Book Test: the missing word of ten", "as published: 20 lines, then the question", false, choiceHeeds,
			choice(ReadCBT, "cbt", cbtPublished...)},
		{"winograd", "Winograd schemas, WinoGrande: likelihood of what follows the pronoun", "JSONL (sentence with _, option1, option2, answer)", false, choiceHeeds,
			choice(ReadWinograd, "winograd, partial scoring", winogradPublished...)},
		{"winograd-full", "the same: likelihood of the whole sentence", "as winograd", false, choiceHeeds,
			choice(ReadWinogradFull, "winograd, full scoring", winogradPublished...)},
		{"hellaswag", "HellaSwag: the ending of four", "JSONL (ctx, endings, label)", false, choiceHeeds,
			choice(ReadHellaSwag, "hellaswag", hellaswagPublished...)},
		{"hellaswag-harness", "the same with the activity in front, without WikiHow's marks, as lm-evaluation-harness",
			"JSONL (activity_label, ctx_a, ctx_b, endings, label)", false, choiceHeeds,
			choice(ReadHellaSwagHarness, "hellaswag, as lm-evaluation-harness", hellaswagHarnessPublished...)},
		{"piqa", "PIQA: the solution of two", "JSONL (goal, sol1, sol2, label), or labels in X-labels.lst", false, choiceHeeds,
			choice(readTask("piqa", questionAnswer), "piqa: Question: …, Answer:")},
		{"commonsense_qa", "CommonsenseQA: the answer of five", "JSONL (question, choices, answerKey)", false, choiceHeeds,
			choice(readTask("commonsense_qa", questionAnswer), "commonsense_qa: Question: …, Answer:")},
		{"race", "RACE: the answer of four to a question on a text", "a folder of its files", false, choiceHeeds,
			choice(readTask("race", articleQuestion), "race: Article: …, Q: …, A:")},
		{"story_cloze", "Story Cloze: the ending of two", "CSV as published", false, choiceHeeds,
			choice(readTask("story_cloze", story), "story_cloze")},
		{"choices", "any multiple choice by likelihood", "JSONL (question or context, choices, answer)", false, choiceHeeds,
			choice(ReadChoices, "choices")},
		{"qa", "answers to questions on a text, as CoQA: F1 of words", "CoQA's JSON, or JSONL (question, answer)", false, writingHeeds,
			writing("f1", "plain", 32, qaPublished)},
		{"summarize", "summaries after TL;DR: ROUGE", "JSONL (article or dialogue, summary)", false, writingHeeds,
			writing("rougeL", "tldr", 100, summarizePublished)},
		{"translate", "english = french: BLEU", "JSONL (source, target), or lines with --references", false, writingHeeds,
			writing("bleu", "equals", 60, frenchPublished, englishPublished)},
		{"golden", "known numbers of a published model: training losses, continuations, logits; pass or fail",
			"JSON; left out: those known of the model", true, nil,
			func(Options) Evaluator { return goldenFile{} }},
	}
}

// writing makes a Generation with a custom for each choice that is left open.
func writing(metric, template string, tokens int, published ...Published) func(Options) Evaluator {
	return func(o Options) Evaluator {
		g := Generation{
			Read: readPairs(o.References), ReadExamples: pairs.Read, References: o.References, Metric: metric, Tokens: tokens,
			Stop: o.Stop, Shots: o.Shots, Examples: o.Examples, Draw: o.Draw, Separator: o.Separator, Seed: o.Seed, BOS: o.BOS, Limit: o.Limit, Published: published,
		}
		for _, t := range pairs.Templates() {
			if t.Name == cmp.Or(o.Template, template) {
				g.Template = t
			}
		}
		if o.Tokens > 0 {
			g.Tokens = o.Tokens
		}
		return g
	}
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
