package eval

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/gorgpt/gorgpt/datasets/pairs"
	"github.com/gorgpt/gorgpt/internal/nearest"
	"github.com/gorgpt/gorgpt/internal/plural"
)

// writings returns the measurements that compare generated responses.
func writings() []Named {
	heeds := []string{"references", "template", "tokens", "stop", "beams", "lengthpenalty", "shots", "examples", "draw", "separator", "seed", "bos", "limit", "show"}
	by := append([]string{"protocol"}, heeds...)
	return []Named{
		{Name: "qa", About: "answers to questions on a text, as in CoQA: F1 of words", Data: "CoQA's JSON, or JSONL (question, answer)",
			Heeds: by, Protocols: Protocols(), Shots: qaShots, New: byProtocol(writing("f1", "plain", 32, qaPublished))},
		{Name: "summarize", About: "summaries after TL;DR: ROUGE", Data: "JSONL (article or dialogue, summary)",
			Heeds: heeds, New: writing("rougeL", "tldr", 100, summarizePublished)},
		{Name: "translate", About: "translations, as in english = french: BLEU", Data: "JSONL (source, target), or lines with --references",
			Heeds: append([]string{"languages"}, by...), Protocols: Protocols(), Shots: translateShots, New: translation},
	}
}

// writing returns a function that makes a Generation of options, with defaults for what they leave open.
func writing(metric, template string, tokens int, published ...Published) func(Options) Evaluator {
	return func(o Options) Evaluator {
		g := Generation{
			Read: readPairs(o.References), ReadExamples: pairs.Read, References: o.References, Metric: metric, Tokens: tokens,
			Stop: o.Stop, Beams: o.Beams, LengthPenalty: o.LengthPenalty, Shots: o.Shots, Examples: o.Examples, Draw: o.Draw, Separator: o.Separator, Seed: o.Seed, BOS: o.BOS, Limit: o.Limit,
			Show: o.Show, Published: published,
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

// The numbers of examples that GPT-3's paper uses for translation (§3.3) and CoQA (table H.1).
const (
	translateShots = 64
	qaShots        = 5
)

// byProtocol adds the protocols of GPT-3's paper and of the harness to plain. The paper searches with 4
// beams and a length penalty of 0.6 (§2.4); the harness ends responses at a line end, puts a blank line
// after examples, and cuts examples that do not fit.
func byProtocol(plain func(Options) Evaluator) func(Options) Evaluator {
	return func(o Options) Evaluator {
		g := plain(o).(Generation)
		switch g.Protocol = o.Protocol; cmp.Or(o.Protocol, "plain") {
		case "plain":
		case "gpt3":
			g.From = "train"
			if g.Beams == 0 {
				g.Beams, g.LengthPenalty = 4, 0.6
			}
		case "harness":
			g.Cut, g.Stop, g.Separator = true, cmp.Or(o.Stop, "\n"), cmp.Or(o.Separator, "\n\n")
		default:
			g.Read = func(string) ([]pairs.Pair, error) { return nil, nearest.Unknown("protocol", o.Protocol, Protocols()) }
		}
		return g
	}
}

// translation phrases a translation as each protocol does: as "… =" in the plain one, and in the paper if
// there are examples; as "Q: What is the German translation of …" in the paper if there are none (figure
// G.36); and as "English phrase: …, German phrase:" in the harness, with two spaces after it in examples.
func translation(o Options) Evaluator {
	g := byProtocol(writing("bleu", "equals", 60, frenchPublished, englishPublished))(o).(Generation)
	named := o.Protocol == "harness" || o.Protocol == "gpt3" && o.Shots == 0
	refused := func(format string, args ...any) Evaluator {
		g.Read = func(string) ([]pairs.Pair, error) {
			return nil, fmt.Errorf(format+": want two, the source and the target", args...)
		}
		return g
	}
	switch n := len(o.Languages); {
	case named && o.Template == "" && (n != 2 || strings.TrimSpace(o.Languages[0]) == "" || strings.TrimSpace(o.Languages[1]) == ""):
		return refused("eval: the prompts of protocol %s name the languages", o.Protocol)
	case n != 0 && n != 2:
		return refused("eval: %s for a translation", plural.Of(n, "language"))
	}
	if g.Languages = o.Languages; !named || o.Template != "" {
		return g
	}
	g.Gap, g.Template = " ", pairs.Template{Name: "harness", Before: o.Languages[0] + " phrase: ", After: "\n" + o.Languages[1] + " phrase:"}
	if o.Protocol == "gpt3" {
		g.Gap, g.Template = "", pairs.Template{Name: "gpt3", Before: "Q: What is the " + o.Languages[1] + " translation of ", After: "\nA:"}
	}
	return g
}
