package eval

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/datasets/pairs"
	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// Generation compares the responses that a model generates to prompts with reference responses:
// summaries, translations, answers. A response ends at Stop, at the end of text, or after Tokens tokens.
type Generation struct {
	// Read reads the pairs of a file, and ReadExamples, if set, those of Examples.
	Read, ReadExamples func(path string) ([]pairs.Pair, error)
	// References is the file from which Read takes the responses, for the protocol; "" if
	// there is none.
	References string
	// Template is the template of prompts; see pairs.Templates.
	Template pairs.Template
	// Metric is the headline: bleu, rouge1, rouge2, rougeL, exact, verbatim, f1 or
	// f1_leave_one_out.
	Metric string
	// Tokens is the maximum length of a response.
	Tokens int
	// Stop ends a response before it; "" is the end of the first line that is not blank.
	Stop string
	// Beams, if above 1, searches with this many beams instead of decoding greedily, and takes the response with
	// the best score: its log-probability / ((5 + length)/6)^LengthPenalty, where the length is in tokens, after Wu
	// et al. (2016, eq. 14). GPT-3's paper (§2.4) uses 4 beams and 0.6.
	Beams         int
	LengthPenalty float64
	// Shots puts this many other pairs before the prompt, drawn from Examples by Seed, or, if there are
	// none, from the rest of the same file. Draw says how, see Draws. Separator comes after
	// each; "" is a line end.
	Shots     int
	Examples  string
	Draw      string
	Separator string
	Seed      uint64
	// Cut drops the beginning of examples that do not fit the window. Otherwise a prompt gets as
	// many as fit, and the protocol reports how many. From is the split that the protocol's paper draws
	// them from.
	Cut  bool
	From string
	// Gap comes between prompt and response in examples, before the response's own space.
	Gap string
	// Protocol and Languages are reported with the result: see Protocols, and the source and target of translations.
	Protocol  string
	Languages []string
	// BOS puts a beginning of text before a prompt: see tokenizer.Beginning.
	BOS bool
	// Limit takes only this many pairs; 0 is all.
	Limit int
	// Show is how many of the first samples contain what the model was given.
	Show int
	// Published are values reported by others.
	Published []Published
}

// Evaluate measures a file of pairs.
func (g Generation) Evaluate(ctx context.Context, s *Subject, path string) (Result, error) {
	protocol, err := folder(path)
	if err != nil {
		return Result{}, err
	}
	if g.References != "" {
		_, settings, err := file(g.References)
		if err != nil {
			return Result{}, err
		}
		protocol = append(protocol, Setting{"references", g.References}, Setting{"references_sha256", settings[1].Value})
	}
	set, err := g.Read(path)
	if err != nil {
		return Result{}, err
	}
	examples, own := set, true
	if g.Examples != "" && !sameFile(g.Examples, path) {
		read := g.Read
		if g.ReadExamples != nil {
			read = g.ReadExamples
		}
		if examples, err = read(g.Examples); err != nil {
			return Result{}, err
		}
		own = false
	}
	if g.Limit > 0 {
		set = set[:min(g.Limit, len(set))]
	}
	set, examples = g.Template.Apply(set), g.Template.Apply(examples)
	p := g.prompts(examples, own)
	samples, cut, err := g.write(ctx, s, set, p)
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", path, err)
	}
	r := Result{Metric: g.Metric, Metrics: compare(samples, set), Published: g.Published, Samples: samples}
	for _, sample := range samples {
		r.Tokens += int64(sample.Tokens)
	}
	var known bool
	if r.Value, known = r.Metrics.Get(g.Metric); !known {
		return Result{}, fmt.Errorf("eval: no metric %q of written text", g.Metric)
	}
	protocol = append(protocol, Setting{"protocol", cmp.Or(g.Protocol, "plain")})
	if g.Languages != nil {
		protocol = append(protocol, Setting{"languages", strings.Join(g.Languages, ", ")})
	}
	r.Protocol = append(protocol,
		Setting{"pairs", strconv.Itoa(len(set))},
		Setting{"template", fmt.Sprintf("%s: %q prompt %q", g.Template.Name, g.Template.Before, g.Template.After)},
		Setting{"decoding", fmt.Sprintf("%s, to %s, at most %d tokens", g.search(), g.stop(), g.Tokens)})
	r.Protocol = append(append(r.Protocol, p.settings(g.Examples, g.From)...),
		Setting{"bos", s.bosText(g.BOS, "none")}, Setting{"prompts_cut", strconv.Itoa(cut)},
		Setting{"window", strconv.Itoa(s.Window)}, Setting{"tokenizer", s.Tokenizer.Name()},
		Setting{"bleu", "corpus, 13a tokens, exponential smoothing"}, Setting{"rouge", "F-measure without stemming"})
	return r, nil
}

func (g Generation) prompts(examples []pairs.Pair, own bool) *prompts {
	p := &prompts{shots: g.Shots, draw: g.Draw, seed: g.Seed, separator: cmp.Or(g.Separator, "\n"), own: own, cut: g.Cut}
	for _, e := range examples {
		p.pool = append(p.pool, e.Prompt+g.Gap+e.Responses[0])
	}
	return p
}

// search and stop describe the decoding for the protocol.
func (g Generation) search() string {
	if g.Beams <= 1 {
		return "greedy"
	}
	return fmt.Sprintf("best of %d beams by log-probability / ((5 + tokens)/6)^%g", g.Beams, g.LengthPenalty)
}

func (g Generation) stop() string {
	if g.Stop == "" {
		return "the end of the first line that is not blank"
	}
	return strconv.Quote(g.Stop)
}

// compare measures texts against the responses of pairs: BLEU from 0 to 100, the others
// from 0 to 1. It sets Right of each sample to whether the text equals a response as AnswerF1 compares them.
func compare(samples []Sample, set []pairs.Pair) Numbers {
	var rouge Rouge
	var exact, verbatim, f1, leaveOneOut float64
	texts := make([]string, len(set))
	references := make([][]string, len(set))
	n := float64(len(set))
	for i, p := range set {
		texts[i] = strings.TrimSpace(samples[i].Text)
		references[i] = p.Responses
		r := ROUGE(texts[i], p.Responses)
		rouge.One, rouge.Two, rouge.L = rouge.One+r.One/n, rouge.Two+r.Two/n, rouge.L+r.L/n
		same, f := AnswerF1(texts[i], p.Responses)
		if same {
			exact += 1 / n
		}
		samples[i].Right = &same
		if slices.ContainsFunc(p.Responses, func(r string) bool { return strings.TrimSpace(r) == texts[i] }) {
			verbatim += 1 / n
		}
		f1 += f / n
		leaveOneOut += LeaveOneOut(texts[i], p.Responses) / n
	}
	return Numbers{
		{"bleu", BLEU(texts, references)}, {"rouge1", rouge.One}, {"rouge2", rouge.Two}, {"rougeL", rouge.L},
		{"exact", exact}, {"verbatim", verbatim}, {"f1", f1}, {"f1_leave_one_out", leaveOneOut},
	}
}

// write generates a response to each prompt; cut counts prompts that lost their beginning.
func (g Generation) write(ctx context.Context, s *Subject, set []pairs.Pair, p *prompts) (samples []Sample, cut int, err error) {
	if g.Tokens < 1 || g.Tokens >= s.Window {
		return nil, 0, fmt.Errorf("eval: responses of %d tokens; the window of %d must have room for a prompt too", g.Tokens, s.Window)
	}
	if n := s.Tokenizer.Size(); g.Beams < 0 || g.Beams > n {
		return nil, 0, fmt.Errorf("eval: %d beams; want 1 to %d, the size of the vocabulary", g.Beams, n)
	}
	if err := checkShots(g.Shots, g.Draw, len(p.pool), p.own); err != nil {
		return nil, 0, err
	}
	model := generate.New(s.Model, s.Params, s.Window)
	model.Vocab, model.Vacant = s.Tokenizer.Size(), tokenizer.Vacant(s.Tokenizer)
	defer func() { err = errors.Join(err, model.Close()) }()
	for i, pair := range set {
		if err := s.step(ctx, i, len(set)); err != nil {
			return nil, 0, err
		}
		ids, err := g.prompt(s, p, i, pair.Prompt)
		if err != nil {
			return nil, 0, fmt.Errorf("pair on line %d: %w", pair.Line, err)
		}
		if room := s.Window - g.Tokens; len(ids) > room {
			ids = ids[len(ids)-room:]
			cut++
		}
		sample, err := p.sample(s, g.Show, []Sequence{{ids, len(ids)}})
		if err != nil {
			return nil, 0, err
		}
		if s.own(i, len(set)) {
			if sample.Text, sample.Tokens, err = g.respond(ctx, s, model, ids); err != nil {
				return nil, 0, err
			}
		}
		samples = append(samples, sample)
	}
	if err := join(s, samples); err != nil {
		return nil, 0, err
	}
	return samples, cut, s.step(ctx, len(set), len(set))
}

// prompt encodes a prompt with its examples before it.
func (g Generation) prompt(s *Subject, p *prompts, i int, text string) (ids []int, err error) {
	var begin []int
	if g.BOS {
		id, ok := tokenizer.Beginning(s.Tokenizer)
		if !ok {
			return nil, noEnd(s.Tokenizer)
		}
		begin = []int{id}
	}
	err = p.place(i, func(front string) (fits bool, err error) {
		if s.Chat != nil {
			ids, err = s.Chat(front + text)
		} else {
			ids, err = s.Tokenizer.Append(begin[:len(begin):len(begin)], []byte(front+text))
		}
		return len(ids) <= s.Window-g.Tokens, err
	})
	if err == nil && len(ids) == 0 {
		err = errors.New("the prompt has no tokens")
	}
	return ids, err
}

// respond generates a response, and returns it with its number of tokens.
func (g Generation) respond(ctx context.Context, s *Subject, model *generate.Generator, ids []int) (string, int, error) {
	if g.Beams > 1 {
		return g.searched(ctx, s, model, ids)
	}
	ends := s.ends()
	var text []byte
	n := 0
	for token, err := range model.Stream(ctx, ids, g.Tokens, generate.Options{}) {
		if err != nil {
			return "", 0, err
		}
		n++
		if slices.Contains(ends, token.ID) {
			break
		}
		if text, err = s.Tokenizer.AppendText(text, []int{token.ID}); err != nil {
			return "", 0, err
		}
		if response, ended := g.response(text); ended {
			return response, n, nil
		}
	}
	return string(text), n, nil
}

// searched is respond with a beam search.
func (g Generation) searched(ctx context.Context, s *Subject, model *generate.Generator, ids []int) (string, int, error) {
	found, err := model.Beam(ctx, ids, g.Tokens, generate.BeamOptions{
		Beams: g.Beams, LengthPenalty: g.LengthPenalty, LengthOffset: 5, Stop: s.ends(),
		Ends: func(ids []int) (bool, error) {
			text, err := s.Tokenizer.AppendText(nil, ids)
			_, ended := g.response(text)
			return ended, err
		},
	})
	if err != nil {
		return "", 0, err
	}
	best := found[0].IDs
	written := best
	if n := len(best); n > 0 && slices.Contains(s.ends(), best[n-1]) {
		written = best[:n-1]
	}
	text, err := s.Tokenizer.AppendText(nil, written)
	response, _ := g.response(text)
	return response, len(best), err
}

// response returns the text before the stop, and whether the stop has been reached.
func (g Generation) response(text []byte) (string, bool) {
	written, stop := string(text), g.Stop
	if stop == "" { // the end of the first line that is not blank
		written, stop = strings.TrimLeft(written, " \n"), "\n"
	}
	if response, _, ended := strings.Cut(written, stop); ended {
		return response, true
	}
	return string(text), false
}
