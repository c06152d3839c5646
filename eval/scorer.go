package eval

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gorgpt/gorgpt/graph"
)

// Sequence is a sequence of tokens of which IDs[From:] are to be scored.
type Sequence struct {
	IDs  []int
	From int
}

// check returns an error if the sequence cannot be scored.
func (q Sequence) check() error {
	switch {
	case q.From < 1:
		return errors.New("eval: nothing before the first token to score")
	case q.From >= len(q.IDs):
		return errors.New("eval: no tokens to score")
	}
	return nil
}

// fit drops from the beginning what does not fit the window. The last token need not fit, as it is only predicted.
func (q Sequence) fit(window int) Sequence {
	first := max(0, len(q.IDs)-1-window)
	return Sequence{q.IDs[first:], q.From - first}
}

// ScoreAll is [Subject.Score] for several sequences. Prefixes that they share run once.
func (s *Subject) ScoreAll(seqs []Sequence) ([][]Scored, error) { return s.NewScorer().Score(seqs) }

// Scorer scores sequences in sets, such as the choices of a question. Prefixes that are shared within
// a set, or by consecutive sets, run once. Scores have the same bits whatever
// is shared; from those of [Subject.Score], which runs whole sequences, they differ by
// float32 rounding.
//
// A Scorer is valid only as long as the weights do not change.
type Scorer struct {
	// Next, if known, is a sequence of the set after the one to score. The prefix that both sets share
	// is kept for it. Without Next, it has to run again before it is kept.
	Next []int

	s *Subject
	// held holds the tokens of the first places of the cache, each a prefix of the next. A place
	// is never cut back to fewer tokens: a layer with a window may have forgotten those before.
	held [][]int
	// given holds the tokens that each place has been given. Layers without a window still have them all.
	given [][]int
}

// NewScorer returns a Scorer. Several Scorers of a subject may be used in turns, but each loses what
// it has kept when another is used.
func (s *Subject) NewScorer() *Scorer { return &Scorer{s: s} }

const (
	// heldPlaces is how many nested prefixes are kept: the examples, the text
	// that questions are about, and a question.
	heldPlaces = 3
	// mostEnds is how many sequences continue from a prefix in one run. Each has a place, too.
	mostEnds = 8
	// mostEndRows bounds the tokens of these sequences, and with them the memory of their logits, to
	// this number or the window, whichever is larger.
	mostEndRows = 1024
	// mostPieces bounds the programs that are kept.
	mostPieces = 64
	// worthSharing is the least number of tokens of a prefix that is worth a run of its own: a run of
	// fewer tokens costs as much as one of this many.
	worthSharing = 16
)

// Score returns the scores of the tokens IDs[From:] of each sequence. An error names the sequence
// that it is about.
func (c *Scorer) Score(seqs []Sequence) ([][]Scored, error) { return c.score("sequence", seqs) }

// score is Score; errors call a sequence what.
func (c *Scorer) score(what string, seqs []Sequence) ([][]Scored, error) {
	all := make([][]Scored, len(seqs))
	var parts []part
	for i, q := range seqs {
		err := q.check()
		if n := len(q.IDs) - q.From; err == nil && (n > c.s.Window || c.s.open() != nil) {
			all[i], err = c.s.Score(q.IDs, q.From)
		}
		if err != nil {
			return nil, fmt.Errorf("%s %d: %w", what, i+1, err)
		}
		if all[i] == nil {
			parts = append(parts, part{q.fit(c.s.Window), &all[i]})
		}
	}
	if c.s.holder != c {
		c.forget()
		c.s.holder = c
	}
	for _, group := range groups(parts) {
		if err := c.group(group); err != nil {
			c.forget()
			for i, q := range seqs { // find the sequence that fails
				if _, err := c.s.Score(q.IDs, q.From); err != nil {
					return nil, fmt.Errorf("%s %d: %w", what, i+1, err)
				}
			}
			return nil, err
		}
	}
	return all, nil
}

// forget discards everything that is kept.
func (c *Scorer) forget() { c.held, c.given = nil, make([][]int, heldPlaces+mostEnds) }

// copy copies the first used tokens of a place to another.
func (c *Scorer) copy(to, from, used int) {
	c.s.cache.CopyRest(to, from, common(c.given[to], c.given[from][:used]), used)
}

// part is a sequence that fits the window, and where its scores go.
type part struct {
	Sequence
	scored *[]Scored
}

// beginning returns the prefix that may be shared: all tokens before the one whose logits give the first score.
func (p part) beginning() []int { return p.IDs[:p.From-1] }

// groups groups the parts that share a prefix. Those that share none form one more group.
func groups(parts []part) (all [][]part) {
	var rest []part
	for len(parts) > 0 {
		first := parts[0].beginning()
		var group, others []part
		for _, p := range parts {
			if n := common(first, p.beginning()); n >= worthSharing || n == len(first) && n == p.From-1 {
				group = append(group, p)
			} else {
				others = append(others, p)
			}
		}
		if parts = others; len(group) > 1 {
			all = append(all, group)
		} else {
			rest = append(rest, group...)
		}
	}
	if len(rest) > 0 {
		all = append(all, rest)
	}
	return all
}

// common returns the length of the common prefix of two sequences.
func common(a, b []int) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// group scores sequences: it runs their common prefix first, then the rest of each.
func (c *Scorer) group(parts []part) error {
	shared := parts[0].beginning()
	for _, p := range parts[1:] {
		shared = shared[:common(shared, p.beginning())]
	}
	if len(shared) < worthSharing {
		shared = nil
	} else if err := c.hold(shared); err != nil {
		return err
	}
	for len(parts) > 0 {
		n, longest := 0, 0
		for _, p := range parts[:min(len(parts), c.s.cache.Batch()-heldPlaces)] {
			longest = max(longest, len(p.IDs)-1-len(shared))
			if n > 0 && (n+1)*longest > max(mostEndRows, c.s.Window) {
				break
			}
			n++
		}
		if err := c.end(parts[:n], len(shared)); err != nil {
			return err
		}
		parts = parts[n:]
	}
	return nil
}

// hold makes the last held place hold these tokens. The prefix that they share with what was held
// last, or with the next set, gets a place before it if it is long enough, as later sets may
// share it too.
func (c *Scorer) hold(ids []int) error {
	n, last := 0, []int(nil)
	for n < len(c.held) && common(c.held[n], ids) == len(c.held[n]) {
		n++
	}
	if n < len(c.held) {
		last = c.held[len(c.held)-1]
	}
	c.held = c.held[:n]
	cuts := []int{common(last, ids), common(Sequence{IDs: c.Next}.fit(c.s.Window).IDs, ids)}
	slices.Sort(cuts)
	for _, cut := range cuts {
		before := 0
		if n := len(c.held); n > 0 {
			before = len(c.held[n-1])
		}
		if cut-before >= worthSharing && cut < len(ids) && len(c.held)+1 < heldPlaces {
			if err := c.extend(ids[:cut]); err != nil {
				return err
			}
		}
	}
	return c.extend(ids)
}

// extend runs the tokens of ids after those of the last held place. The result is in the next place or,
// if there is none, in the same.
func (c *Scorer) extend(ids []int) error {
	place, past := len(c.held), 0
	if place > 0 {
		past = len(c.held[place-1])
	}
	switch {
	case past == len(ids):
		return nil
	case place == heldPlaces:
		place--
	case place > 0:
		c.copy(place, place-1, past)
	}
	if _, err := c.s.piece(place, [][]int{ids[past:]}, past, nil); err != nil {
		return err
	}
	c.given[place] = slices.Clone(ids)
	c.held = append(c.held[:place], c.given[place])
	return nil
}

// end scores sequences in one run that continues from the first past tokens, which are held.
func (c *Scorer) end(parts []part, past int) error {
	ids := make([][]int, len(parts))
	length := 0
	for i, p := range parts {
		if past > 0 {
			c.copy(heldPlaces+i, len(c.held)-1, past)
		}
		c.given[heldPlaces+i] = slices.Clone(p.IDs[:len(p.IDs)-1])
		ids[i] = p.IDs[past : len(p.IDs)-1]
		length = max(length, len(ids[i]))
	}
	length = c.s.length(length, past)
	var rows []int
	for i, p := range parts {
		for at := p.From; at < len(p.IDs); at++ {
			rows = append(rows, i*length+at-1-past)
		}
	}
	logits, err := c.s.piece(heldPlaces, ids, past, rows)
	if err != nil {
		return err
	}
	vocab := len(logits) / len(rows)
	for _, p := range parts {
		for _, id := range p.IDs[p.From:] {
			x, err := score(logits[:vocab], id)
			if err != nil {
				return err
			}
			*p.scored, logits = append(*p.scored, x), logits[vocab:]
		}
	}
	return nil
}

// open creates the cache. It returns an error if there can be none: because the model cannot be run
// incrementally, or because there is not enough memory.
func (s *Subject) open() error {
	if s.cache != nil || s.whole != nil {
		return s.whole
	}
	places := heldPlaces + mostEnds
	s.cache = graph.NewCache(places, s.Window)
	_, _, err := s.pieces.For(1, 1, 1)
	if all := s.cache.Bytes(); err == nil && s.CacheBytes > 0 && all > s.CacheBytes {
		each := all / int64(places)
		if places = int(s.CacheBytes / each); places <= heldPlaces {
			err = fmt.Errorf("eval: the cache of %d sequences takes %d bytes, but only %d are available", heldPlaces+1, (heldPlaces+1)*each, s.CacheBytes)
		} else if err = s.pieces.Close(); err == nil {
			s.cache = graph.NewCache(places, s.Window)
		}
	}
	if err != nil {
		s.whole, s.cache = err, nil
		return errors.Join(err, s.pieces.Close())
	}
	return nil
}

// Whole tells why sequences are run whole and separately even if they share a prefix: which
// layer or op of the model cannot be run incrementally, or that there is not enough memory for the cache.
// It is nil if prefixes are shared, and before the first call of ScoreAll.
func (s *Subject) Whole() error { return s.whole }

// runs returns the setting that says that prefixes were not shared, and why; nil if they were.
func (s *Subject) runs() Settings {
	if s.whole == nil {
		return nil
	}
	return Settings{{"prefixes", "not shared: " + s.whole.Error()}}
}

// length returns the length of the program for pieces of n tokens after past positions: the least of 1,
// 2, 3, 4, 6, 8, 12, …, 64, 96, 128, 160, … that is at least n, up to the end of the window.
func (s *Subject) length(n, past int) int {
	length := (n + 31) &^ 31
	if n <= 64 {
		length = fit(n, 64)
	}
	return min(length, s.Window-past)
}

// piece runs the next tokens of sequences with past positions each, in the places of the cache from
// place on. It returns the logits (N, V) at N rows, valid until the next call.
func (s *Subject) piece(place int, ids [][]int, past int, rows []int) ([]float32, error) {
	longest := 0
	for _, part := range ids {
		longest = max(longest, len(part))
	}
	length := s.length(longest, past)
	program, p, err := s.pieces.For(len(ids), length, fit(max(1, len(rows)), len(ids)*length))
	if err != nil {
		return nil, err
	}
	clear(p.tokens) // attention is causal, so the padding does not matter
	counts := make([]int, len(ids))
	for i, part := range ids {
		counts[i] = copy(p.tokens[i*length:], part)
		p.past[i] = past
	}
	clear(p.rows[copy(p.rows, rows):])
	p.places.MoveTo(place)
	p.places.Count(counts)
	if err := errors.Join(program.SetInts("tokens", p.tokens), program.SetInts("rows", p.rows), program.SetInts("past", p.past)); err != nil {
		return nil, err
	}
	if err := program.Run(); err != nil {
		return nil, err
	}
	logits := program.Value(p.out)
	return logits[:len(logits)/len(p.rows)*len(rows)], nil
}

// buildPiece makes the program that runs the next T tokens of B sequences and computes the logits at
// N rows, for a shape (B, T, N).
func (s *Subject) buildPiece(shape ...int) (*graph.Program, *measure, error) {
	places := s.cache.Part(0, shape[0])
	g := graph.New(s.Params, append(s.Graph[:len(s.Graph):len(s.Graph)], graph.Incremental(places), graph.Seamless())...)
	logits := s.Model.GraphAt(g, g.Ints("tokens", shape[:2]...), g.Ints("rows", shape[2]))
	g.Past() // declares the input, which a model without positions and attention does not
	p, err := g.Compile(logits)
	return p, &measure{
		out: logits, places: places,
		tokens: make([]int, shape[0]*shape[1]), rows: make([]int, shape[2]), past: make([]int, shape[0]),
	}, err
}
