package tasks

import (
	"bytes"
	"fmt"
	"strings"
)

// delimited reads a table as pandas does by default, which is a lenient form of RFC 4180: a field
// that begins with a quote extends to the next single quote, even across line ends, and two quotes
// in it stand for one; lines end with \n, \r\n or \r; blank lines are skipped. Quotes anywhere else
// are ordinary characters, and the table is then irregular.
func delimited(data []byte, comma byte) (lines []line, regular bool, err error) {
	regular = true
	number := 1
	for len(data) > 0 {
		l := line{number: number}
		blank := true
		for more := true; more; {
			quoted := data != nil && bytes.HasPrefix(data, []byte(`"`))
			var field []byte
			if quoted {
				var ok bool
				if field, data, ok = unquote(data[1:]); !ok {
					return nil, false, fmt.Errorf("line %d: a quote that is never closed", number)
				}
				number += bytes.Count(field, []byte("\n"))
			}
			n := bytes.IndexAny(data, string(comma)+"\r\n")
			if n < 0 {
				n = len(data)
			}
			regular = regular && !bytes.Contains(data[:n], []byte(`"`)) && (!quoted || n == 0)
			field = append(field, data[:n]...)
			blank = blank && !quoted && len(bytes.TrimSpace(field)) == 0
			l.fields = append(l.fields, string(field))
			data = data[n:]
			if more = len(data) > 0 && data[0] == comma; more {
				data, blank = data[1:], false
			}
		}
		if data = bytes.TrimPrefix(data, []byte("\r")); len(data) > 0 && data[0] == '\n' {
			data = data[1:]
		}
		number++
		if !blank {
			lines = append(lines, l)
		}
	}
	return lines, regular, nil
}

// unquote returns the text before the next single quote, with each two quotes replaced by one,
// and what follows that quote.
func unquote(data []byte) (field, rest []byte, ok bool) {
	for {
		n := bytes.IndexByte(data, '"')
		if n < 0 {
			return nil, nil, false
		}
		field = append(field, data[:n]...)
		if data = data[n+1:]; len(data) == 0 || data[0] != '"' {
			return field, data, true
		}
		field, data = append(field, '"'), data[1:]
	}
}

// split splits lines at tabs. Quotes are ordinary characters, as in GLUE's files.
func split(data []byte) []line {
	var lines []line
	number := 0
	for text := range strings.SplitSeq(string(data), "\n") {
		number++
		if text = strings.TrimSuffix(text, "\r"); text != "" {
			lines = append(lines, line{number, strings.Split(text, "\t")})
		}
	}
	return lines
}

// readLines reads the lines of a table, which is tab-separated if its first line has a tab. Quotes
// in tab-separated tables are ordinary characters, except in the user's own tables if they are as
// pandas writes them.
func (c Columns) readLines(data []byte) ([]line, error) {
	first, _, _ := bytes.Cut(data, []byte("\n"))
	if !bytes.Contains(first, []byte("\t")) {
		lines, _, err := delimited(data, ',')
		return lines, err
	}
	plain := split(data)
	if c.own {
		// A quote that begins one text and a quote that ends another must not join their lines.
		lines, regular, err := delimited(data, '\t')
		if regular && err == nil && (len(lines) == len(plain) || !rectangular(plain)) {
			return lines, nil
		}
	}
	return plain, nil
}

// rectangular reports whether all lines have the same number of fields.
func rectangular(lines []line) bool {
	for _, l := range lines {
		if len(l.fields) != len(lines[0].fields) {
			return false
		}
	}
	return true
}
