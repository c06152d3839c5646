package tokenizer

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// normalizer appends the normalized form of a text, which is what is cut.
type normalizer func(dst, text []byte) []byte

// forms are Unicode's normal forms. They leave invalid UTF-8 as it is.
var forms = map[string]norm.Form{"NFC": norm.NFC, "NFD": norm.NFD, "NFKC": norm.NFKC, "NFKD": norm.NFKD}

// normalizer returns the normalizer of a tokenizer.json, nil if there is none. Others than
// those below, such as ones that strip, are an error that says where they are.
func (s *stage) normalizer(where string) (normalizer, error) {
	if s == nil {
		return nil, nil
	}
	if form, ok := forms[s.Type]; ok {
		return func(dst, text []byte) []byte { return form.Append(dst, text...) }, nil
	}
	switch s.Type {
	case "Lowercase":
		return appendLower, nil
	case "Prepend":
		return func(dst, text []byte) []byte {
			if len(text) > 0 {
				dst = append(dst, s.Prepend...)
			}
			return append(dst, text...)
		}, nil
	case "Replace":
		from, err := s.literal(where)
		if err == nil && (from == "" || s.Content == nil) {
			err = fmt.Errorf("%s: want a \"pattern\" that is not empty, and \"content\"", where)
		}
		if err != nil {
			return nil, err
		}
		old, content := []byte(from), []byte(*s.Content)
		return func(dst, text []byte) []byte { return append(dst, bytes.ReplaceAll(text, old, content)...) }, nil
	case "Sequence":
		var all []normalizer
		for i, one := range s.Normalizers {
			n, err := (*stage)(one).normalizer(fmt.Sprintf("%s.normalizers[%d]", where, i))
			if err != nil {
				return nil, err
			}
			if n != nil {
				all = append(all, n)
			}
		}
		if len(all) == 0 {
			return nil, nil
		}
		return func(dst, text []byte) []byte {
			for _, n := range all[:len(all)-1] {
				text = n(nil, text)
			}
			return all[len(all)-1](dst, text)
		}, nil
	}
	return nil, fmt.Errorf("%s is %s, want none, \"NFC\", \"NFD\", \"NFKC\", \"NFKD\", \"Lowercase\", \"Prepend\", \"Replace\", or a \"Sequence\" of them", where, s)
}

// appendLower appends a text in lower case. Characters are converted one by one, so a sigma
// at the end of a word is like any other, and U+0130 keeps its dot.
func appendLower(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		b := text[i]
		if b < utf8.RuneSelf {
			if 'A' <= b && b <= 'Z' {
				b += 'a' - 'A'
			}
			dst = append(dst, b)
			i++
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			dst = append(dst, b)
		case r == 'İ':
			dst = append(dst, "i\u0307"...)
		default:
			dst = utf8.AppendRune(dst, unicode.ToLower(r))
		}
		i += n
	}
	return dst
}
