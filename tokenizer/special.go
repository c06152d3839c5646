package tokenizer

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// A Special is a token that no text gives: it stands for itself, such as the end of
// text. Text is how it is written.
type Special struct {
	Text string
	ID   int
}

// Specials returns the special tokens of t.
func Specials(t Tokenizer) []Special {
	if s, ok := t.(interface{ specials() []Special }); ok {
		return s.specials()
	}
	if id, ok := t.EndOfText(); ok {
		return []Special{{EndOfText, id}}
	}
	return nil
}

// AppendSpecial encodes text as t.Append does, but a special token that is written
// in text becomes its id. Where several begin at one place, it is the longest. Only
// text that one trusts is for this: documents go through Append.
func AppendSpecial(t Tokenizer, ids []int, text []byte) ([]int, error) {
	special := Specials(t)
	n, at := len(ids), 0
	for {
		start, end, found := firstSpecial(special, text[at:])
		part := text[at:]
		if end > 0 {
			part = part[:start]
		}
		var err error
		if ids, err = t.Append(ids, part); err != nil {
			if e, ok := errors.AsType[*TextError](err); ok {
				err = &TextError{e.Text, e.Offset + int64(at), e.Problem}
			}
			return ids[:n], err
		}
		if end == 0 {
			return ids, nil
		}
		ids, at = append(ids, found.ID), at+end
	}
}

// firstSpecial finds the first special token in a text, the longest of those that
// begin there; end is 0 if there is none.
func firstSpecial(special []Special, text []byte) (start, end int, found Special) {
	for _, s := range special {
		limit := len(text)
		if end > 0 {
			limit = min(limit, start+len(s.Text)) // only what begins there or before
		}
		i := bytes.Index(text[:limit], []byte(s.Text))
		if i >= 0 && (end == 0 || i < start || i == start && len(s.Text) > len(found.Text)) {
			start, end, found = i, i+len(s.Text), s
		}
	}
	return start, end, found
}

// AddSpecials returns t with further special tokens, whose ids follow those of t: the
// _start_, _delimiter_ and _classify_ of GPT-1's fine-tuning, for one. Those that t
// has already keep their ids.
func AddSpecials(t Tokenizer, texts ...string) (Tokenizer, error) {
	a := &added{Tokenizer: t, base: t.Size(), all: Specials(t)}
	if inner, ok := t.(*added); ok {
		a = &added{Tokenizer: inner.Tokenizer, base: inner.base, own: slices.Clone(inner.own), all: slices.Clone(inner.all)}
	}
	for _, text := range texts {
		if text == "" {
			return nil, fmt.Errorf("special token %d is empty", len(a.own))
		}
		if !slices.ContainsFunc(a.all, func(s Special) bool { return s.Text == text }) {
			s := Special{text, a.base + len(a.own)}
			a.own, a.all = append(a.own, s), append(a.all, s)
		}
	}
	return a, nil
}

// added is a tokenizer with further special tokens.
type added struct {
	Tokenizer
	base     int       // size of Tokenizer
	own, all []Special // those that were added; those of Tokenizer too
}

// AppendText implements Tokenizer.
func (a *added) AppendText(text []byte, ids []int) ([]byte, error) {
	n := len(text)
	for i, id := range ids {
		if k := id - a.base; k >= 0 && k < len(a.own) {
			text = append(text, a.own[k].Text...)
			continue
		}
		if id < 0 || id >= a.base {
			return text[:n], badID(i, id, a.Size())
		}
		var err error
		if text, err = a.Tokenizer.AppendText(text, ids[i:i+1]); err != nil {
			return text[:n], err
		}
	}
	return text, nil
}

// Size implements Tokenizer.
func (a *added) Size() int { return a.base + len(a.own) }

// EndOfText implements Tokenizer: it may have been added.
func (a *added) EndOfText() (int, bool) {
	for _, s := range a.all {
		if s.Text == EndOfText {
			return s.ID, true
		}
	}
	return 0, false
}

func (a *added) specials() []Special { return slices.Clone(a.all) }
