package eval

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/internal/plural"
)

// prompts puts examples before questions. If the wanted number of examples does not fit the
// window, a question gets as many of the first drawn as fit; or, if cut is set, all of them
// without their beginning.
type prompts struct {
	shots       int
	draw        string
	seed        uint64
	description string   // comes before the examples
	separator   string   // comes after each
	pool        []string // the examples with their answers
	own         bool     // question i is example i
	cut, bos    bool
	used        []int // how many examples each question so far has
	unfit       int   // how many questions so far do not fit the window with their examples
}

// place determines how many examples question i gets. It calls encode with the text before the question;
// encode encodes the question after it and reports whether all fits the window. The last call counts.
func (p *prompts) place(i int, encode func(front string) (fits bool, err error)) error {
	drawn := slices.Collect(draw(p.shots, p.draw, len(p.pool), i, p.own, p.seed))
	behind := func(k int) (bool, error) {
		front := p.description
		for _, example := range drawn[:k] {
			front += p.pool[example] + p.separator
		}
		return encode(front)
	}
	k := len(drawn)
	fits, err := behind(k)
	if err == nil && !fits && !p.cut {
		k = sort.Search(k, func(k int) bool { // the least k such that k+1 examples do not fit
			fits, failed := behind(k + 1)
			err = cmp.Or(err, failed)
			return failed != nil || !fits
		})
		if err == nil {
			fits, err = behind(k)
		}
	}
	if !fits {
		p.unfit++
	}
	p.used = append(p.used, k)
	return err
}

// put encodes the choices of question i after its examples.
func (p *prompts) put(s *Subject, i int, choices []Choice) ([]Sequence, error) {
	all := make([]Sequence, len(choices))
	return all, p.place(i, func(front string) (bool, error) {
		for c, choice := range choices {
			ids, from, err := s.encode(front+choice.Before, choice.Text, p.bos)
			if err != nil {
				return false, fmt.Errorf("question %d, choice %d: %w", i+1, c+1, err)
			}
			all[c] = Sequence{ids, from}
		}
		return fitting(all, s.Window), nil
	})
}

// fitting reports whether the sequences fit a window, without their last tokens, which are only predicted.
func fitting(all []Sequence, window int) bool {
	return !slices.ContainsFunc(all, func(q Sequence) bool { return len(q.IDs)-1 > window })
}

// settings returns how many examples there were, and where they are from; customary is where the protocol's
// paper draws them from.
func (p *prompts) settings(examples, customary string) Settings {
	text := shotsText(p.shots, p.draw, p.own, examples, p.seed)
	if p.shots == 0 {
		return Settings{{"shots", text}}
	}
	if customary != "" {
		text += "; the paper draws from " + customary
	}
	fewer, sum := 0, 0
	for _, k := range p.used {
		sum += k
		if k < p.shots {
			fewer++
		}
	}
	return Settings{
		{"shots", text}, {"separator", strconv.Quote(p.separator)},
		{"questions_with_fewer_shots", strconv.Itoa(fewer)}, {"least_shots", strconv.Itoa(slices.Min(p.used))},
		{"mean_shots", strconv.FormatFloat(float64(sum)/float64(len(p.used)), 'g', 5, 64)},
	}
}

// cuts returns how many questions lost their beginning, if any did.
func (p *prompts) cuts() Settings {
	if p.unfit == 0 {
		return nil
	}
	return Settings{{"prompts_cut", strconv.Itoa(p.unfit)}}
}

// sample returns a sample for the last question that was placed. If it is among the first show, the sample has
// what the model was given, as text: one prompt, or one for each sequence if they differ, and what is scored.
func (p *prompts) sample(s *Subject, show int, given []Sequence) (sample Sample, err error) {
	sample.Shots = p.used[len(p.used)-1]
	if len(p.used) > show {
		return sample, nil
	}
	text := func(ids []int) string {
		text, failed := s.Tokenizer.AppendText(nil, ids)
		err = cmp.Or(err, failed)
		return string(text)
	}
	for _, q := range given {
		if len(q.IDs)-q.From <= s.Window { // a longer one is scored in parts
			q = q.fit(s.Window)
		}
		sample.Prompts = append(sample.Prompts, text(q.IDs[:q.From]))
		if q.From < len(q.IDs) { // a prompt to respond to has nothing to score
			sample.Scored = append(sample.Scored, text(q.IDs[q.From:]))
		}
	}
	if one := slices.Compact(slices.Clone(sample.Prompts)); len(one) == 1 {
		sample.Prompts = one
	}
	return sample, err
}

// sameFile reports whether the examples and the questions are the same file.
func sameFile(examples, questions string) bool {
	a, err := os.Stat(examples)
	if err != nil {
		return false
	}
	b, err := os.Stat(questions)
	return err == nil && os.SameFile(a, b)
}

// print writes a sample: the prompt between rules, and below it the texts that were scored or generated.
func (q Sample) print(b *strings.Builder, number int) {
	for i, prompt := range q.Prompts {
		fmt.Fprintf(b, "prompt %d", number)
		if len(q.Prompts) > 1 {
			fmt.Fprintf(b, ", choice %d", i+1)
		}
		fmt.Fprintf(b, ", with %s\n%s\n%s\n%s\n", plural.Of(q.Shots, "example"), rule, prompt, rule)
	}
	for i, text := range q.Scored {
		mark := " "
		if q.Answer == i {
			mark = "*"
		}
		fmt.Fprintf(b, "%s %q  %.6g\n", mark, text, q.LogLikelihoods[i])
	}
	if q.Scored == nil {
		fmt.Fprintf(b, "  written: %q\n", q.Text)
	}
}

var rule = strings.Repeat("─", 60)
