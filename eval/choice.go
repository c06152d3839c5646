package eval

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gorgpt/gorgpt/internal/nearest"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// Question is a multiple choice.
type Question struct {
	Choices []Choice
	Answer  int // the index of the right one
}

// Choice is a text and what stands before it. The likelihood of the text decides.
type Choice struct{ Before, Text string }

// Normalizers name what the log-likelihood of a choice is divided by, since longer texts
// are less likely: nothing, its tokens (as llm.c and GPT-3), its characters or its bytes.
// The space that joins a choice to what stands before it is neither a character nor a byte
// of it. In lm-evaluation-harness, sum is acc, chars acc_norm and bytes acc_bytes.
//
// There is "ratio" too, which takes another run of the model: the likelihood over that which the choice has
// after "Answer:" or the like, or after nothing, which is the harness's acc_mutual_info.
func Normalizers() []string { return []string{"sum", "tokens", "chars", "bytes"} }

// MultipleChoice is the share of questions whose most likely choice is the right one.
type MultipleChoice struct {
	// Read reads the questions of a file, as [ReadChoices] does.
	Read func(path string) ([]Question, error)
	// Format names what Read reads, and Protocol whose custom it is, for the result's.
	Format, Protocol string
	// Words are what classes are called in what Read reads, for the result's protocol.
	Words []string
	// Normalizer decides the headline, the others are given too; "" is "sum".
	Normalizer string
	// Given is what stands before a choice alone, for "ratio"; "" is nothing.
	Given string
	// Shots puts so many other questions with their right choices in front of each
	// (Brown et al. 2020, §2), drawn from Examples by Seed, or if there are none
	// from the rest of the same file. Draw is how; see Draws. Separator stands after each, "" is a blank line.
	Shots     int
	Examples  string // path
	Draw      string
	Separator string
	Seed      uint64
	// From is the split that the protocol draws examples from, which is only said.
	From string
	// Cut has examples that do not fit the window lose their beginning. Otherwise a question has
	// as many as fit, which is counted.
	Cut bool
	// Detokenizer is applied to all texts; see Detokenizers.
	Detokenizer string
	// BOS puts the end of text in front of what stands before a choice. Where nothing does, it
	// stands there anyway.
	BOS bool
	// Limit takes only so many questions; 0 is all.
	Limit int
	// Show has the first so many samples tell what the model was given.
	Show int
	// Published are values of others, by Format.
	Published []Published
}

// Evaluate measures a file of questions.
func (m MultipleChoice) Evaluate(ctx context.Context, s *Subject, path string) (Result, error) {
	protocol, err := folder(path)
	if err != nil {
		return Result{}, err
	}
	if known := append(Normalizers(), "ratio"); !slices.Contains(known, m.normalizer()) {
		return Result{}, nearest.Unknown("normalizer", m.Normalizer, known)
	}
	questions, err := m.Read(path)
	if err != nil {
		return Result{}, err
	}
	pool, own := questions, true
	if m.Examples != "" && !sameFile(m.Examples, path) {
		if pool, err = m.Read(m.Examples); err != nil {
			return Result{}, err
		}
		own = false
	}
	if m.Limit > 0 {
		questions = questions[:min(m.Limit, len(questions))]
	}
	samples, scores, p, err := m.score(ctx, s, questions, pool, own)
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", path, err)
	}
	r := Result{Metric: "accuracy_" + m.normalizer(), Samples: samples}
	for _, q := range samples {
		r.Tokens += int64(q.Tokens)
	}
	r.Metrics, r.Value = m.accuracies(questions, scores)
	r.Published, r.Near = m.Published, nearGPT3(s)
	r.Protocol = append(append(protocol, s.runs()...), Setting{"protocol", cmp.Or(m.Protocol, "plain")},
		Setting{"format", m.Format}, Setting{"questions", strconv.Itoa(len(questions))}, Setting{"normalizer", m.normalizer()})
	if m.normalizer() == "ratio" {
		r.Protocol = append(r.Protocol, Setting{"ratio_to", strconv.Quote(m.Given)})
	}
	if m.Words != nil {
		r.Protocol = append(r.Protocol, Setting{"verbalizers", strings.Join(m.Words, ", ")})
	}
	r.Protocol = append(append(r.Protocol, append(p.settings(m.Examples, m.From), p.cuts()...)...),
		Setting{"detokenizer", orNone(m.Detokenizer)}, Setting{"window", strconv.Itoa(s.Window)},
		Setting{"bos", s.bosText(m.BOS, "end of text where nothing stands before a choice")}, Setting{"tokenizer", s.Tokenizer.Name()})
	return r, nil
}

// accuracies are those under each normalizer and by chance, and the headline's.
func (m MultipleChoice) accuracies(questions []Question, scores [][]ChoiceScore) (all Numbers, headline float64) {
	names, chance := Normalizers(), 0.
	if m.normalizer() == "ratio" { // another run, so only where it is asked for
		names = append(names, "ratio")
	}
	for _, q := range questions {
		chance += 1 / float64(len(q.Choices)) / float64(len(questions))
	}
	for _, name := range names {
		right := 0
		for i, q := range questions {
			if best(scores[i], name) == q.Answer {
				right++
			}
		}
		value := float64(right) / float64(len(questions))
		all = append(all, Number{"accuracy_" + name, value})
		if name == m.normalizer() {
			headline = value
		}
	}
	return append(all, Number{"chance", chance}), headline
}

func (m MultipleChoice) normalizer() string { return cmp.Or(m.Normalizer, "sum") }

// ChoiceScore is the likelihood of one choice.
type ChoiceScore struct {
	LogLikelihood        float64
	Alone                float64 // its log-likelihood after what a ratio is to, where one is asked for
	Tokens, Chars, Bytes int
}

// Normalized divides the log-likelihood; see Normalizers.
func (c ChoiceScore) Normalized(by string) float64 {
	switch by {
	case "tokens":
		return c.LogLikelihood / float64(c.Tokens)
	case "chars":
		return c.LogLikelihood / float64(max(1, c.Chars))
	case "bytes":
		return c.LogLikelihood / float64(max(1, c.Bytes))
	case "ratio":
		return c.LogLikelihood - c.Alone
	}
	return c.LogLikelihood
}

func best(scores []ChoiceScore, by string) int {
	best := 0
	for i, c := range scores {
		if c.Normalized(by) > scores[best].Normalized(by) {
			best = i
		}
	}
	return best
}

// Score returns the likelihood of each choice of each question. Examples come from pool,
// which if own is the list that the questions are the first of.
func (m MultipleChoice) Score(ctx context.Context, s *Subject, questions, pool []Question, own bool) ([][]ChoiceScore, error) {
	_, scores, _, err := m.score(ctx, s, questions, pool, own)
	return scores, err
}

func (m MultipleChoice) score(ctx context.Context, s *Subject, questions, pool []Question, own bool) (samples []Sample, scores [][]ChoiceScore, p *prompts, err error) {
	detokenize, err := findDetokenizer(m.Detokenizer)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := checkShots(m.Shots, m.Draw, len(pool), own); err != nil {
		return nil, nil, nil, err
	}
	p = &prompts{shots: m.Shots, draw: m.Draw, seed: m.Seed, separator: cmp.Or(m.Separator, "\n\n"), own: own, cut: m.Cut, bos: m.BOS}
	if m.Shots > 0 {
		for _, q := range pool {
			right := q.Choices[q.Answer]
			p.pool = append(p.pool, detokenize.apply(right.Before+right.Text))
		}
	}
	samples, scores = make([]Sample, len(questions)), make([][]ChoiceScore, len(questions))
	scorer := s.NewScorer()
	next, err := m.ask(s, p, detokenize, questions)
	for i := range questions {
		if err := cmp.Or(err, s.step(ctx, i, len(questions))); err != nil {
			return nil, nil, nil, err
		}
		now := next
		if next, err = m.ask(s, p, detokenize, questions); err != nil {
			return nil, nil, nil, err
		}
		if samples[i] = now.sample; !s.own(i, len(questions)) {
			continue
		}
		if scorer.Next = nil; s.own(i+1, len(questions)) {
			scorer.Next = next.begins()
		}
		if scores[i], err = m.question(s, scorer, now.choices, now.given); err != nil {
			return nil, nil, nil, fmt.Errorf("question %d, %w", i+1, err)
		}
	}
	if err := join(s, scores); err != nil {
		return nil, nil, nil, err
	}
	for i, q := range questions {
		right := best(scores[i], m.normalizer()) == q.Answer
		sample := &samples[i]
		sample.Right, sample.Answer = &right, q.Answer
		for _, c := range scores[i] {
			sample.Tokens += c.Tokens
			sample.LogLikelihoods = append(sample.LogLikelihoods, c.LogLikelihood)
		}
	}
	return samples, scores, p, s.step(ctx, len(questions), len(questions))
}

// asked is a question as the model is given it.
type asked struct {
	choices []Choice
	given   []Sequence
	sample  Sample
}

// begins is what scorers are told of it.
func (q asked) begins() []int {
	if len(q.given) == 0 {
		return nil
	}
	return q.given[0].IDs
}

// ask puts the next of the questions, if there is one.
func (m MultipleChoice) ask(s *Subject, p *prompts, detokenize detokenizer, questions []Question) (q asked, err error) {
	i := len(p.used)
	if i == len(questions) {
		return q, nil
	}
	if len(questions[i].Choices) == 0 {
		return q, fmt.Errorf("question %d has no choices", i+1)
	}
	for _, choice := range questions[i].Choices {
		q.choices = append(q.choices, Choice{detokenize.apply(choice.Before), detokenize.apply(choice.Text)})
	}
	if q.given, err = p.put(s, i, q.choices); err != nil {
		return q, err
	}
	q.sample, err = p.sample(s, m.Show, q.given)
	return q, err
}

// question scores the choices of one, which are given to the model in sequences.
func (m MultipleChoice) question(s *Subject, scorer *Scorer, choices []Choice, given []Sequence) ([]ChoiceScore, error) {
	scores, err := scorer.choices(choices, given)
	if err != nil || m.normalizer() != "ratio" {
		return scores, err
	}
	alone := make([]Sequence, len(choices))
	for c, choice := range choices {
		ids, from, err := s.encode(m.Given, choice.Text, m.BOS)
		if err != nil {
			return nil, fmt.Errorf("choice %d: %w", c+1, err)
		}
		alone[c] = Sequence{ids, from}
	}
	others, err := scorer.choices(choices, alone)
	for c := range others {
		scores[c].Alone = others[c].LogLikelihood
	}
	return scores, err
}

// Continuation scores text as what follows before. White space at the end of before counts
// as the beginning of text, since byte-pair tokens begin with it and those of the two as
// one text would not end where before does. What does not fit the window is left out in
// front.
func (s *Subject) Continuation(before, text string) (ChoiceScore, error) {
	ids, from, err := s.encode(before, text, false)
	if err != nil {
		return ChoiceScore{}, err
	}
	scores, err := s.NewScorer().choices([]Choice{{before, text}}, []Sequence{{ids, from}})
	if err != nil {
		return ChoiceScore{}, err
	}
	return scores[0], nil
}

// choices scores the texts of choices that are encoded so.
func (c *Scorer) choices(choices []Choice, seqs []Sequence) ([]ChoiceScore, error) {
	all, err := c.score("choice", seqs)
	if err != nil {
		return nil, err
	}
	scores := make([]ChoiceScore, len(choices))
	for i, scored := range all {
		own := strings.TrimPrefix(choices[i].Text, " ")
		scores[i] = ChoiceScore{Tokens: len(scored), Chars: utf8.RuneCountInString(own), Bytes: len(own)}
		for _, t := range scored {
			scores[i].LogLikelihood += t.LogProb
		}
	}
	return scores, nil
}

// encode encodes before and text as one, and tells where text begins. With bos, or where
// nothing stands before, the end of text does.
func (s *Subject) encode(before, text string, bos bool) (ids []int, from int, err error) {
	if s.Chat != nil {
		return s.reply(before, text)
	}
	cut := len(strings.TrimRightFunc(before, isSpace))
	before, text = before[:cut], before[cut:]+text
	if bos || before == "" {
		id, ok := tokenizer.Beginning(s.Tokenizer)
		if !ok && bos {
			return nil, 0, noEnd(s.Tokenizer)
		}
		if !ok {
			return nil, 0, fmt.Errorf("nothing stands before it, and the tokenizer %s has no end of text", s.Tokenizer.Name())
		}
		ids = append(ids, id)
	}
	first := len(ids)
	if ids, err = s.Tokenizer.Append(ids, []byte(before)); err != nil {
		return nil, 0, err
	}
	from = len(ids)
	ids, err = s.Tokenizer.Append(ids[:first], []byte(before+text))
	if err == nil && len(ids) <= from {
		err = fmt.Errorf("no tokens of its own: %q", text)
	}
	return ids, from, err
}

// reply encodes text as what is replied to before. As in encode, white space at the end of what stands before it
// counts as its beginning: mostly, a line end.
func (s *Subject) reply(before, text string) (ids []int, from int, err error) {
	if before == "" {
		return nil, 0, errors.New("nothing stands before it that a user could say")
	}
	if ids, err = s.Chat(before); err != nil {
		return nil, 0, err
	}
	for from = len(ids); from > 0; from-- {
		last, err := s.Tokenizer.AppendText(nil, ids[from-1:from])
		if err != nil {
			return nil, 0, err
		}
		if len(last) == 0 || strings.TrimFunc(string(last), isSpace) != "" {
			break
		}
		text = string(last) + text
	}
	ids, err = s.Tokenizer.Append(ids[:from], []byte(text))
	return ids, from, err
}

// noEnd is the error of a BOS that there is not.
func noEnd(t tokenizer.Tokenizer) error {
	return fmt.Errorf("eval: no beginning of text: the tokenizer %s has no end of text", t.Name())
}

// bosText describes the beginning of text for a protocol.
func bosText(bos bool, otherwise string) string {
	if bos {
		return "end of text"
	}
	return otherwise
}

// bosText is that of prompts, which may stand in a conversation.
func (s *Subject) bosText(bos bool, otherwise string) string {
	if s.Chat != nil {
		return "as a conversation begins, in which a user says the prompt"
	}
	return bosText(bos, otherwise)
}

// isSpace tells what Python's str.isspace does.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }
