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

// Question is a multiple-choice question.
type Question struct {
	Choices []Choice
	Answer  int // the index of the right choice
}

// Choice is a text and the context before it. Choices are compared by the likelihood of their texts.
type Choice struct{ Before, Text string }

// Normalizers returns the names of what the log-likelihood of a choice can be divided by, since longer
// texts are less likely: nothing, or its number of tokens (as in llm.c and GPT-3's paper), characters or
// bytes. The space that joins a choice to its context counts neither as a character nor as a byte.
// In lm-evaluation-harness, sum is acc, chars acc_norm and bytes acc_bytes.
//
// There is also "ratio", which takes another run of the model: the likelihood divided by that of the choice
// after "Answer:" or the like, or after nothing, which is the harness's acc_mutual_info.
func Normalizers() []string { return []string{"sum", "tokens", "chars", "bytes"} }

// MultipleChoice is the share of questions whose most likely choice is the right one.
type MultipleChoice struct {
	// Read reads the questions of a file, as [ReadChoices] does.
	Read func(path string) ([]Question, error)
	// Format names the format that Read reads, and Protocol the protocol that it follows; both are
	// reported with the result.
	Format, Protocol string
	// Words are the words that Read uses for classes, reported with the result.
	Words []string
	// Normalizer selects the headline; the accuracies under the others are given too. "" is "sum".
	Normalizer string
	// Given is the text before a choice alone, for "ratio"; "" is nothing.
	Given string
	// Shots puts this many other questions with their right choices before each
	// (Brown et al. 2020, §2), drawn from Examples by Seed, or, if there are none,
	// from the rest of the same file. Draw says how; see Draws. Separator comes after each; "" is a blank line.
	Shots     int
	Examples  string // path
	Draw      string
	Separator string
	Seed      uint64
	// From is the split that the protocol's paper draws examples from. It is only reported.
	From string
	// Cut drops the beginning of examples that do not fit the window. Otherwise a question gets
	// as many as fit, and the protocol reports how many.
	Cut bool
	// Detokenizer is applied to all texts; see Detokenizers.
	Detokenizer string
	// BOS puts a beginning of text before the context of a choice: see tokenizer.Beginning. An empty
	// context gets one in any case.
	BOS bool
	// Limit takes only this many questions; 0 is all.
	Limit int
	// Show is how many of the first samples contain what the model was given.
	Show int
	// Published are values reported by others for this task.
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
		if never := unasked(m.Words, questions); never != nil { // the file may be another task's
			r.Protocol = append(r.Protocol, Setting{"never_the_answer", strings.Join(never, ", ")})
		}
	}
	r.Protocol = append(append(r.Protocol, append(p.settings(m.Examples, m.From), p.cuts()...)...),
		Setting{"detokenizer", orNone(m.Detokenizer)}, Setting{"window", strconv.Itoa(s.Window)},
		Setting{"bos", s.bosText(m.BOS, beginning(s.Tokenizer)+" where nothing stands before a choice")}, Setting{"tokenizer", s.Tokenizer.Name()})
	return r, nil
}

// unasked returns the words of the classes that are the answer to no question.
func unasked(words []string, questions []Question) (never []string) {
	for class, word := range words {
		if !slices.ContainsFunc(questions, func(q Question) bool { return q.Answer == class }) {
			never = append(never, word)
		}
	}
	return never
}

// accuracies returns the accuracies under each normalizer and by chance, and the headline.
func (m MultipleChoice) accuracies(questions []Question, scores [][]ChoiceScore) (all Numbers, headline float64) {
	names, chance := Normalizers(), 0.
	if m.normalizer() == "ratio" { // takes another run, so only if it is asked for
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
	Alone                float64 // its log-likelihood after MultipleChoice.Given, if "ratio" is asked for
	Tokens, Chars, Bytes int
}

// Normalized returns the log-likelihood, normalized as by says; see Normalizers.
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

// Score returns the likelihood of each choice of each question. Examples are drawn from pool. If own
// is set, pool begins with the questions themselves, and question i gets no example i.
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

// asked is a question in the form in which the model is given it.
type asked struct {
	choices []Choice
	given   []Sequence
	sample  Sample
}

// begins returns the tokens of the first choice, for Scorer.Next.
func (q asked) begins() []int {
	if len(q.given) == 0 {
		return nil
	}
	return q.given[0].IDs
}

// ask encodes the next question, if there is one.
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

// question scores the choices of a question, which are encoded as the sequences given.
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

// Continuation scores text as the continuation of before. White space at the end of before counts
// as the beginning of text: byte-pair tokens begin with white space, so the tokens of the joined text
// may have no boundary after it. Tokens that do not fit the window are dropped from the beginning.
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

// choices scores the texts of choices, which are encoded as seqs.
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

// encode encodes before and text as one text, and returns the index of the first token of text. If bos
// is set or before is empty, the tokens begin with a beginning of text.
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
			return nil, 0, fmt.Errorf("there is no text before it, and the tokenizer %s has no end-of-text token to put there", s.Tokenizer.Name())
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

// reply encodes text as the reply to before in a conversation. As in encode, white space at the end of the rendered
// prompt, usually a line end, counts as the beginning of text.
func (s *Subject) reply(before, text string) (ids []int, from int, err error) {
	if before == "" {
		return nil, 0, errors.New("there is no text before it to be the user's message")
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

// noEnd returns the error for a tokenizer without a beginning or end of text.
func noEnd(t tokenizer.Tokenizer) error {
	return fmt.Errorf("eval: no beginning of text: the tokenizer %s has no end-of-text token", t.Name())
}

// beginning names the token that begins a text, for a protocol.
func beginning(t tokenizer.Tokenizer) string {
	begin, _ := tokenizer.Beginning(t)
	if end, ok := t.EndOfText(); ok && begin != end {
		return "beginning of text"
	}
	return "end of text"
}

// bosText describes the beginning of text for a protocol.
func bosText(t tokenizer.Tokenizer, bos bool, otherwise string) string {
	if bos {
		return beginning(t)
	}
	return otherwise
}

// bosText is the function bosText for prompts, which may be part of a conversation.
func (s *Subject) bosText(bos bool, otherwise string) string {
	if s.Chat != nil {
		return "as a conversation begins, in which a user says the prompt"
	}
	return bosText(s.Tokenizer, bos, otherwise)
}

// isSpace reports whether a character is white space as Python's str.isspace defines it.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }
