package tokenizer

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// cutter is a published pattern that cuts a text into pieces; its matches cover the whole text.
type cutter struct {
	regex  string
	next   func(text []byte) int // the length of the first piece of a text that is not empty
	aSpace bool                  // a text may be cut before a space, but not before other white space
}

// patterns are the known patterns.
var patterns = []*cutter{&gpt2Pieces, &o200k, &cl100k, &qwen2, &tekken}

var gpt2Pieces = cutter{
	regex: `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
	next:  nextPiece,
}

// cutting says how a byte-level tokenizer cuts a text into the pieces within which bytes
// merge. The zero value is GPT-2's: its pattern, and nothing else.
type cutting struct {
	splits  []splitter // applied before the pattern
	pattern *cutter    // replaces GPT-2's if not nil
	atWill  bool       // a split may be anywhere, not only around digits
	prefix  bool       // a part that does not begin with a space gets one
	whole   bool       // no pattern: the parts that the splits leave are the pieces
	removes bool       // a split removes what it finds
}

// splitter cuts a part of a text further: it yields the parts, until yield returns an error.
type splitter func(text []byte, yield func(part []byte) error) error

// parts yields the parts of a text, between which nothing merges. The pattern cuts them
// further, unless c.whole is set.
func (c *cutting) parts(text []byte, yield func(part []byte) error) error {
	last := func(part []byte) error {
		if len(part) == 0 {
			return nil
		}
		if c.prefix && part[0] != ' ' {
			part = append([]byte{' '}, part...)
		}
		return yield(part)
	}
	for _, s := range slices.Backward(c.splits) {
		next := last
		last = func(part []byte) error {
			if len(part) == 0 {
				return nil
			}
			return s(part, next)
		}
	}
	return last(text)
}

// each yields the part of a text for each match.
func each(text []byte, all []match, yield func(part []byte) error) error {
	for _, m := range all {
		if err := yield(text[m.start:m.end]); err != nil {
			return err
		}
	}
	return nil
}

// cutting converts the pre_tokenizer of a byte-level tokenizer: ByteLevel, or a Sequence that
// ends with it.
func (s *stage) cutting() (cutting, error) {
	var c cutting
	if s == nil {
		return c, errors.New("pre_tokenizer is none, want \"ByteLevel\"")
	}
	steps, where := []*part{(*part)(s)}, func(int) string { return "pre_tokenizer" }
	if s.Type == "Sequence" {
		steps, where = s.PreTokenizers, func(i int) string { return fmt.Sprintf("pre_tokenizer.pretokenizers[%d]", i) }
	}
	for i, step := range steps {
		one := (*stage)(step)
		last := i == len(steps)-1
		var err error
		switch {
		case one == nil:
			err = fmt.Errorf("%s is null", where(i))
		case last && one.Type == "ByteLevel":
			on := func(b *bool) bool { return b == nil || *b }
			c.prefix, c.whole = on(one.AddPrefixSpace), !on(one.UseRegex)
			return c, nil
		case last:
			err = fmt.Errorf("%s is %s, want \"ByteLevel\" last", where(i), one)
		case one.Type == "Digits":
			c.splits = append(c.splits, digits(one.IndividualDigits != nil && *one.IndividualDigits))
		case one.Type == "Split" && i == len(steps)-2 && one.alone((*stage)(steps[i+1])) != nil:
			c.pattern = one.alone((*stage)(steps[i+1]))
			return c, nil
		case one.Type == "Split":
			var split splitter
			if split, err = one.split(where(i)); err == nil {
				c.splits, c.atWill = append(c.splits, split), true
				c.removes = c.removes || one.Behavior == "Removed"
			}
		default:
			err = fmt.Errorf("%s is %s, want \"Digits\" or \"Split\" before \"ByteLevel\"", where(i), one)
		}
		if err != nil {
			return c, err
		}
	}
	return c, errors.New("pre_tokenizer is an empty \"Sequence\", want \"ByteLevel\" in it")
}

// alone returns the pattern of a Split before a ByteLevel without one, if the two together are
// equivalent to a ByteLevel with that pattern; else nil.
func (s *stage) alone(level *stage) *cutter {
	off := func(b *bool) bool { return b != nil && !*b }
	var written struct {
		Regex string `json:"Regex"`
	}
	if level == nil || level.Type != "ByteLevel" || !off(level.AddPrefixSpace) || !off(level.UseRegex) ||
		s.Behavior != "Isolated" || plainjson.Unmarshal(s.Pattern, &written) != nil {
		return nil
	}
	for _, p := range patterns {
		if p.regex == written.Regex {
			return p
		}
	}
	return nil
}

// stages returns the pre-tokenizer of a pattern.
func (p *cutter) stages() *stage {
	if p == &gpt2Pieces {
		return byteLevelStage(true)
	}
	return &stage{Type: "Sequence", PreTokenizers: []*part{(*part)(splitBy(p.regex)), (*part)(byteLevelStage(false))}}
}

// match is a part of a text that a pattern matches, or, unless is is set, a part between matches.
type match struct {
	start, end int
	is         bool
}

// split returns the splitter of a Split.
func (s *stage) split(where string) (splitter, error) {
	var written struct {
		String *string `json:"String"`
		Regex  *string `json:"Regex"`
	}
	err := plainjson.Unmarshal(s.Pattern, &written)
	if err != nil || (written.String == nil) == (written.Regex == nil) {
		return nil, fmt.Errorf("%s.pattern: want a \"String\" or a \"Regex\"", where)
	}
	join, ok := behaviors[s.Behavior]
	if !ok {
		return nil, fmt.Errorf("%s.behavior %q is unknown", where, s.Behavior)
	}
	find := func(text []byte) ([]match, error) { return literals(text, []byte(*written.String)), nil }
	if written.Regex != nil {
		if i := slices.IndexFunc(patterns, func(p *cutter) bool { return p.regex == *written.Regex }); i >= 0 {
			find = patterns[i].pieces
		} else if find, err = compiled(*written.Regex); err != nil {
			return nil, fmt.Errorf("%s.pattern.Regex is %s: %w", where, clip(*written.Regex), err)
		}
	}
	invert := s.Invert != nil && *s.Invert
	return func(text []byte, yield func([]byte) error) error {
		all, err := find(text)
		if err != nil {
			return err
		}
		for i := range all {
			all[i].is = all[i].is != invert
		}
		return each(text, join(all), yield)
	}, nil
}

// literals finds a string.
func literals(text, pattern []byte) []match {
	if len(pattern) == 0 {
		return []match{{0, len(text), false}}
	}
	var all []match
	at := 0
	for {
		i := bytes.Index(text[at:], pattern)
		if i < 0 {
			break
		}
		if i > 0 {
			all = append(all, match{at, at + i, false})
		}
		all = append(all, match{at + i, at + i + len(pattern), true})
		at += i + len(pattern)
	}
	if at < len(text) {
		all = append(all, match{at, len(text), false})
	}
	return all
}

// pieces finds the matches of a pattern, which cover the text.
func (p *cutter) pieces(text []byte) ([]match, error) {
	var all []match
	for at := 0; at < len(text); {
		n := p.next(text[at:])
		all = append(all, match{at, at + n, true})
		at += n
	}
	return all, nil
}

// behaviors say what becomes of matches, by the names that tokenizers' Split uses.
var behaviors = map[string]func([]match) []match{
	"Isolated": func(all []match) []match { return all },
	"Removed": func(all []match) []match {
		return slices.DeleteFunc(all, func(m match) bool { return m.is })
	},
	"Contiguous": contiguous,
	"MergedWithPrevious": func(all []match) []match {
		return merged(all, func(m, previous match) bool { return m.is && !previous.is })
	},
	"MergedWithNext": func(all []match) []match {
		// From the end: a match joins what follows it, unless that is a match too.
		var joined []match
		before := false
		for _, m := range slices.Backward(all) {
			if n := len(joined); m.is && !before && n > 0 {
				joined[n-1].start = m.start
			} else {
				joined = append(joined, m)
			}
			before = m.is
		}
		slices.Reverse(joined)
		return joined
	},
}

// contiguous joins neighbors that are both matches.
func contiguous(all []match) []match {
	return merged(all, func(m, previous match) bool { return m.is == previous.is })
}

// merged joins each part with the one before it if join says so; join gets that part as it was
// found, not as it was joined.
func merged(all []match, join func(m, previous match) bool) []match {
	var joined []match
	for i, m := range all {
		if n := len(joined); n > 0 && join(m, all[i-1]) {
			joined[n-1].end = m.end
		} else {
			joined = append(joined, m)
		}
	}
	return joined
}

// digits cuts around numbers, or around each of their characters if alone is set.
func digits(alone bool) splitter {
	return func(text []byte, yield func([]byte) error) error {
		start, inside := 0, false // of the current part, and whether it is a number
		for i := 0; i < len(text); {
			r, n := rune(text[i]), 1
			if r >= utf8.RuneSelf {
				r, n = utf8.DecodeRune(text[i:])
			}
			is := unicode.IsNumber(r)
			if i > start && (is != inside || is && alone) {
				if err := yield(text[start:i]); err != nil {
					return err
				}
				start = i
			}
			inside = is
			i += n
		}
		if start == len(text) {
			return nil
		}
		return yield(text[start:])
	}
}

// cut returns where a text may be cut, like CutFor.
func (c *cutting) cut(text []byte, merges, aSpace bool) int {
	if c.atWill || c.whole && merges {
		return 0
	}
	return cutBefore(text, c.prefix || aSpace)
}
