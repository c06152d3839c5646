package eval

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/internal/nearest"
)

// Protocols returns the names of the protocols that a measurement can follow in phrasing, examples and
// normalization: the plain one of this package; that of GPT-3's paper (Brown et al. 2020, §2.4,
// appendices G and H), for the tasks in it; and that of lm-evaluation-harness 0.4.13, for its tasks.
func Protocols() []string { return []string{"plain", "gpt3", "harness"} }

// custom says how a protocol measures a task.
type custom struct {
	phrasing
	normalizer string // "": sum
	given      string // for ratio: the text after which the likelihood of an answer alone is taken
	from       string // the split that examples are drawn from; "": not specified
	cut        bool   // examples that do not fit lose their beginning, instead of being left out
}

// choiceTask is a multiple-choice task under each protocol. Protocols that do not have it have no
// phrasing.
type choiceTask struct {
	name, about, data    string
	plain, gpt3, harness custom
	shots                int // number of examples in GPT-3's paper; 0: the task is not in it
	published            []Published
}

// by returns the task under a protocol.
func (t choiceTask) by(protocol string) (custom, error) {
	c, known := map[string]custom{"plain": t.plain, "gpt3": t.gpt3, "harness": t.harness}[cmp.Or(protocol, "plain")]
	switch {
	case !known:
		return c, nearest.Unknown("protocol", protocol, Protocols())
	case c.read == nil:
		return c, fmt.Errorf("eval: %s has no protocol %s; want one of %s", t.name, protocol, strings.Join(t.protocols(), ", "))
	}
	return c, nil
}

func (t choiceTask) protocols() []string {
	return slices.DeleteFunc(Protocols(), func(name string) bool {
		return name == "gpt3" && t.gpt3.read == nil || name == "harness" && t.harness.read == nil
	})
}

// measure returns the measurement that options ask for.
func (t choiceTask) measure(o Options) Evaluator {
	c, err := t.by(o.Protocol)
	m := MultipleChoice{
		Format: c.format, Protocol: cmp.Or(o.Protocol, "plain"), Normalizer: cmp.Or(o.Normalizer, c.normalizer), Given: c.given,
		Shots: o.Shots, Examples: o.Examples, Draw: o.Draw, Separator: o.Separator, From: c.from, Cut: c.cut, Seed: o.Seed,
		Detokenizer: o.Detokenizer, BOS: o.BOS, Limit: o.Limit, Show: o.Show,
		Published: slices.Concat(t.published, gpt3Published(t.name, t.shots)),
	}
	if m.Read = func(string) ([]Question, error) { return nil, err }; err == nil {
		m.Read = c.read(o.Verbalizers)
	}
	if m.Words = c.words; m.Words != nil && o.Verbalizers != nil {
		m.Words = o.Verbalizers
	}
	return m
}

// named returns the task's entry in the catalogue.
func (t choiceTask) named() Named {
	heeds := []string{"protocol", "normalizer", "shots", "examples", "draw", "separator", "seed", "detokenizer", "bos", "limit", "show"}
	if t.plain.words != nil {
		heeds = append(heeds, "verbalizers")
	}
	return Named{Name: t.name, About: t.about, Data: t.data, Heeds: heeds, Protocols: t.protocols(), Shots: t.shots, New: t.measure}
}

// The paper compares completions by their likelihood per token, except for ARC, OpenBookQA and
// RACE: there, by the ratio to their likelihood after "Answer: " or "A: " (§2.4).
func perToken(p phrasing, from string) custom {
	return custom{phrasing: p, normalizer: "tokens", given: "Answer:", from: from}
}

func relative(p phrasing, given string) custom {
	return custom{phrasing: p, normalizer: "ratio", given: given, from: "train"}
}

// ours and harness compare sums. If ratio is chosen, the answer alone has no text before it.
func ours(p phrasing) custom    { return custom{phrasing: p} }
func harness(p phrasing) custom { return custom{phrasing: p, cut: true} }
