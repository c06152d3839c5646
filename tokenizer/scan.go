package tokenizer

import (
	"bytes"
	"encoding/json"
)

// scan parses JSON that is known to be valid. Vocabularies are most of what is read before the first token,
// and encoding/json takes several times as long for them.
type scan struct {
	b []byte
	i int
}

// next skips white space and commas, and returns the byte after them; 0 at the end.
func (s *scan) next() byte {
	for ; s.i < len(s.b); s.i++ {
		switch c := s.b[s.i]; c {
		case ' ', '\t', '\r', '\n', ',':
		default:
			return c
		}
	}
	return 0
}

// text reads the string whose opening quote is at s.i.
func (s *scan) text() string {
	start := s.i
	for s.i++; s.i < len(s.b) && s.b[s.i] != '"'; s.i++ {
		if s.b[s.i] == '\\' {
			s.i++
		}
	}
	s.i++
	raw := s.b[start:min(s.i, len(s.b))]
	if bytes.IndexByte(raw, '\\') >= 0 {
		return unquote(raw)
	}
	return string(raw[1 : len(raw)-1])
}

// two reads an array of two strings; ok is false for another value.
func (s *scan) two() (left, right string, ok bool) {
	if s.next() != '[' {
		return "", "", false
	}
	for _, text := range []*string{&left, &right} {
		if s.i++; s.next() != '"' {
			return "", "", false
		}
		*text = s.text()
		s.i-- // back to its closing quote
	}
	s.i++
	ok = s.next() == ']'
	s.i++
	return left, right, ok
}

// value skips a value and returns its text.
func (s *scan) value() []byte {
	start := s.i
	d := json.NewDecoder(bytes.NewReader(s.b[start:]))
	var raw json.RawMessage
	if d.Decode(&raw) != nil { // which cannot happen
		s.i = len(s.b)
		return nil
	}
	s.i += int(d.InputOffset())
	return s.b[start:s.i]
}

// number reads an integer from 0 to maxID. For any other value, ok is false and nothing is skipped.
func (s *scan) number() (n int, ok bool) {
	i := s.i
	for ; i < len(s.b) && '0' <= s.b[i] && s.b[i] <= '9' && n <= maxID; i++ {
		n = 10*n + int(s.b[i]-'0')
	}
	if i == s.i || n > maxID || i < len(s.b) && bytes.IndexByte([]byte(".eE"), s.b[i]) >= 0 {
		return 0, false
	}
	s.i = i
	return n, true
}
