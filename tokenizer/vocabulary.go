package tokenizer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// vocabulary maps tokens to ids; it is written in the order of ids.
type vocabulary map[string]int

// MarshalJSON implements json.Marshaler.
func (v vocabulary) MarshalJSON() ([]byte, error) {
	tokens := slices.SortedFunc(maps.Keys(v), func(a, b string) int { return cmp.Compare(v[a], v[b]) })
	var b bytes.Buffer
	b.WriteByte('{')
	for i, token := range tokens {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := quote(token)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "%s:%d", key, v[token])
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// quote writes a JSON string and leaves < and > as they are.
func quote(s string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(s)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// UnmarshalJSON implements json.Unmarshaler. Errors are *placed.
func (v *vocabulary) UnmarshalJSON(b []byte) error {
	d := scan{b: b}
	fail := func(format string, args ...any) error {
		return &placed{b, int64(d.i), fmt.Errorf(format, args...)}
	}
	if d.next() != '{' {
		return fail("vocabulary: want an object of tokens and their ids")
	}
	d.i++
	all := make(vocabulary, len(b)/16)
	owner := make(map[int]string, len(b)/16)
	for d.next() == '"' {
		token := d.text()
		if d.next() == ':' { // which valid JSON has
			d.i++
		}
		d.next()
		id, ok := d.number()
		if !ok {
			value := d.value()
			return fail("token %q has id %s, want a number from 0", token, cmp.Or(unquote(value), clip(string(value))))
		}
		if first, ok := all[token]; ok {
			return fail("token %q appears twice, with ids %d and %d", token, first, id)
		}
		if other, ok := owner[id]; ok {
			return fail("tokens %q and %q both have id %d", other, token, id)
		}
		all[token], owner[id] = id, token
	}
	*v = all
	return nil
}

// maxID is the largest id, so that ids fit in 32 bits.
const maxID = 1 << 30

func hasKey(v vocabulary, token string) bool {
	_, ok := v[token]
	return ok
}

// tokens returns the vocabulary by id; the ids must be 0, 1, 2 and so on.
func (v vocabulary) tokens() ([]string, error) {
	tokens, vacant, err := v.sparse()
	if err == nil && len(vacant) > 0 {
		last := tokens[len(tokens)-1]
		err = fmt.Errorf("model.vocab: %d tokens, but %q has id %d", len(v), last, v[last])
	}
	return tokens, err
}

// maxVacant bounds the number of ids without a token, as a multiple of the number of tokens. A
// vocabulary with more is invalid, and would take a large, empty table.
const maxVacant = 4

// sparse returns the vocabulary by id; vacant are the ids that no token has.
func (v vocabulary) sparse() (tokens []string, vacant []int, err error) {
	size := 0
	for token, id := range v {
		if id < 0 || id/(maxVacant+1) > len(v) {
			return nil, nil, fmt.Errorf("model.vocab: %d tokens, but %q has id %d", len(v), token, id)
		}
		size = max(size, id+1)
	}
	tokens = make([]string, size)
	have := make([]bool, size)
	for token, id := range v {
		if have[id] {
			return nil, nil, fmt.Errorf("model.vocab: %q and %q both have id %d", min(tokens[id], token), max(tokens[id], token), id)
		}
		tokens[id], have[id] = token, true
	}
	for id := range have {
		if !have[id] {
			vacant = append(vacant, id)
		}
	}
	return tokens, vacant, nil
}

// mergeList is the merges of a file, in the order of their ranks.
type mergeList []fileMerge

// fileMerge is a merge by the texts of its parts.
type fileMerge struct {
	left, right string
	where       placed // for errors; its error is nil
}

// MarshalJSON implements json.Marshaler. Merges are written with a space between the parts,
// which all releases of Hugging Face's tokenizers read, or as arrays if parts have spaces.
func (l mergeList) MarshalJSON() ([]byte, error) {
	spaced := slices.ContainsFunc(l, func(m fileMerge) bool { return strings.Contains(m.left+m.right, " ") })
	var b bytes.Buffer
	b.WriteByte('[')
	for i, m := range l {
		if i > 0 {
			b.WriteByte(',')
		}
		text, err := quote(m.left + " " + m.right)
		if spaced {
			text, err = quoted(m.left, m.right)
		}
		if err != nil {
			return nil, err
		}
		b.Write(text)
	}
	b.WriteByte(']')
	return b.Bytes(), nil
}

// quoted writes two JSON strings in an array.
func quoted(left, right string) ([]byte, error) {
	a, err1 := quote(left)
	b, err2 := quote(right)
	return slices.Concat([]byte("["), a, []byte(","), b, []byte("]")), errors.Join(err1, err2)
}

// UnmarshalJSON implements json.Unmarshaler: "a b" or ["a","b"]. Errors are *placed.
func (l *mergeList) UnmarshalJSON(b []byte) error {
	d := scan{b: b}
	if d.next() != '[' {
		return &placed{b, int64(d.i), errors.New("merges: want an array")}
	}
	d.i++
	all := make(mergeList, 0, len(b)/16)
	for {
		var left, right string
		ok, start := false, 0
		switch c := d.next(); c {
		case ']', 0:
			*l = all
			return nil
		case '"':
			start = d.i
			left, right, ok = strings.Cut(d.text(), " ")
			ok = ok && !strings.Contains(right, " ")
		default:
			start = d.i
			if left, right, ok = d.two(); !ok {
				d.i = start
				d.value()
			}
		}
		at := placed{b, int64(d.i), nil}
		if !ok || left == "" || right == "" {
			at.err = fmt.Errorf("merge %d is %s, want two tokens", len(all), clip(string(b[start:d.i])))
			return &at
		}
		all = append(all, fileMerge{left, right, at})
	}
}

// text returns the list as a merges.txt.
func (l mergeList) text() []byte {
	b := []byte("#version: 0.2\n")
	for _, m := range l {
		b = append(b, m.left...)
		b = append(b, ' ')
		b = append(b, m.right...)
		b = append(b, '\n')
	}
	return b
}

// parseMerges parses a merges.txt: one merge a line, with a space between its parts,
// after an optional line that begins with #version.
func parseMerges(b []byte) (mergeList, error) {
	var all mergeList
	offset := int64(0)
	for line := range bytes.Lines(b) {
		text := strings.TrimRight(string(line), "\r\n")
		at := placed{b, offset, nil}
		offset += int64(len(line))
		if at.offset == 0 && strings.HasPrefix(text, "#version") || text == "" {
			continue
		}
		left, right, _ := strings.Cut(text, " ")
		if left == "" || right == "" || strings.Contains(right, " ") || !utf8.ValidString(text) {
			at.err = fmt.Errorf("merge %s, want two tokens with a space between", clip(fmt.Sprintf("%q", text)))
			return nil, &at
		}
		all = append(all, fileMerge{left, right, at})
	}
	return all, nil
}

// table looks up the merges in a vocabulary, by tokens as the file writes them; join
// returns the text that a merge makes.
func (l mergeList) table(v vocabulary, join func(left, right string) string) (*merges, error) {
	m := newMerges(len(l))
	for _, one := range l {
		fail := func(format string, args ...any) error {
			at := one.where
			at.err = fmt.Errorf(format, args...)
			return &at
		}
		left, ok := v[one.left]
		if !ok {
			return nil, fail("merge %q %q: %q is not in the vocabulary", one.left, one.right, one.left)
		}
		right, ok := v[one.right]
		if !ok {
			return nil, fail("merge %q %q: %q is not in the vocabulary", one.left, one.right, one.right)
		}
		made, ok := v[join(one.left, one.right)]
		if !ok {
			return nil, fail("merge %q %q: %q is not in the vocabulary", one.left, one.right, join(one.left, one.right))
		}
		if !m.add(pair{int32(left), int32(right)}, int32(made)) {
			return nil, fail("merge %q %q appears twice", one.left, one.right)
		}
	}
	return m, nil
}

// placed is an error at an offset in a part of a file.
type placed struct {
	part   []byte
	offset int64
	err    error
}

func (p *placed) Error() string { return p.err.Error() }
func (p *placed) Unwrap() error { return p.err }

// lined prefixes an error of a file with the line, if it is known.
func lined(file []byte, err error) error {
	offset := int64(-1)
	if p, ok := errors.AsType[*placed](err); ok {
		if start := bytes.Index(file, p.part); start >= 0 {
			offset = int64(start) + p.offset
		}
	} else if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = s.Offset
	} else if u, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		offset = u.Offset
	}
	if offset < 0 {
		return err
	}
	return fmt.Errorf("line %d: %w", 1+bytes.Count(file[:min(offset, int64(len(file)))], []byte("\n")), err)
}

// clip shortens a text that an error quotes.
func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
