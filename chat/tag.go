package chat

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// tag is a tag of a template.
type tag struct {
	begin, end int
	kind       byte   // '{', '%' or '#'; 0 stands for the end of the template
	open       byte   // - or + after its opening, or 0
	body       string // its contents, as the library reads them
	word       string // first word of a block
	strip, cut bool   // whether all white space after it is removed; whether one line end is
}

// closers holds what closes each kind of tag.
var closers = map[byte]string{'{': "}}", '%': "%}", '#': "#}"}

// nextTag finds the first tag that begins at or after an index in a template.
func nextTag(source string, from int) (tag, error) {
	t := tag{begin: len(source), end: len(source)}
	for i := from; i+1 < len(source); i++ {
		if source[i] == '{' && closers[source[i+1]] != "" {
			t.begin, t.kind = i, source[i+1]
			break
		}
	}
	if t.kind == 0 {
		return t, nil
	}
	at := t.begin + 2
	if at < len(source) && (source[at] == '-' || source[at] == '+' && t.kind != '{') {
		t.open = source[at]
		at++
	}
	if t.kind == '#' {
		n := strings.Index(source[at:], "#}")
		if n < 0 {
			return t, errors.New("unterminated comment")
		}
		t.end = at + n + 2
		sign := source[at:t.end-2] + " "
		t.strip, t.cut = strings.HasSuffix(sign, "- "), !strings.HasSuffix(sign, "+ ")
		return t, nil
	}
	if err := t.read(source, at); err != nil {
		return t, err
	}
	if t.kind == '%' {
		t.cut = t.cut && !t.strip
		body := strings.TrimSpace(t.body)
		n := strings.IndexFunc(body, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') })
		if n < 0 {
			n = len(body)
		}
		t.word = body[:n]
	}
	return t, nil
}

// read reads the contents of a tag and its end, which cannot be within brackets. It writes a space after each brace,
// since the library ends the tag at the first }}.
func (t *tag) read(source string, at int) error {
	var b strings.Builder
	var open []bracket
	size := 0
	for ; at < len(source); at++ {
		rest := source[at:]
		if len(open) == 0 {
			sign := ""
			if rest[0] == '-' || rest[0] == '+' && t.kind == '%' {
				sign = rest[:1]
			}
			if strings.HasPrefix(rest[len(sign):], closers[t.kind]) {
				t.end, t.body = at+len(sign)+2, b.String()+" "
				t.strip, t.cut = sign == "-", t.kind == '%' && sign == ""
				return nil
			}
		}
		switch c := rest[0]; c {
		case '\'', '"':
			n, text, err := literal(rest)
			if err != nil {
				return err
			}
			quote(&b, text)
			at += n - 1
			continue
		case '(', '[', '{':
			open = append(open, bracket{at, 0})
		case ')', ']', '}':
			open = open[:max(len(open)-1, 0)]
		case ':':
			if err := colon(open, source); err != nil {
				return err
			}
		case '*':
			if strings.HasPrefix(rest, "**") {
				b.WriteByte('*')
				at++
			} else {
				b.WriteString("* -1 * -1 ") // the same for numbers, but a text cannot be repeated -1 times
			}
		}
		if size++; size > maxTag {
			return fmt.Errorf("a tag of more than %d bytes, not counting its strings", maxTag)
		}
		b.WriteByte(rest[0])
		if rest[0] == '}' || rest[0] == '{' {
			b.WriteByte(' ')
		}
	}
	return fmt.Errorf("unterminated tag {%c", t.kind)
}

// bracket is an open bracket and the number of colons in it.
type bracket struct{ at, colons int }

// colon counts a colon, and refuses slices with a step, for which the library allocates by their bounds, whatever the
// length of the value.
func colon(open []bracket, source string) error {
	if len(open) == 0 {
		return nil
	}
	last := &open[len(open)-1]
	if last.colons++; last.colons > 1 && source[last.at] == '[' && !strings.HasPrefix(source[last.at:], "[::-1]") {
		return errors.New("a slice with a step: only [::-1] is supported")
	}
	return nil
}

// literal reads a string literal with Python's escapes, and returns its length in the source.
func literal(source string) (length int, text string, err error) {
	var b strings.Builder
	mark := source[0]
	for rest := source[1:]; rest != ""; {
		switch {
		case rest[0] == mark:
			return len(source) - len(rest) + 1, b.String(), nil
		case len(rest) > 1 && rest[0] == '\\' && (rest[1] == '\'' || rest[1] == '"'):
			b.WriteByte(rest[1])
			rest = rest[2:]
			continue
		case len(rest) > 1 && rest[0] == '\\' && rest[1] == '\n': // continues on the next line
			rest = rest[2:]
			continue
		case rest[0] == '\\':
			if r, _, tail, err := strconv.UnquoteChar(rest, mark); err == nil {
				b.WriteRune(r)
				rest = tail
				continue
			}
		}
		b.WriteByte(rest[0])
		rest = rest[1:]
	}
	return 0, "", errors.New("unterminated string")
}
