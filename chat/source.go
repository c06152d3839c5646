package chat

import (
	"fmt"
	"strings"
	"unicode"
)

// Bounds of a template; the largest in use have 20 kB, and tags of 300 bytes. With them, the library's recursion stays within
// some ten megabytes of stack.
const (
	maxSource  = 64 << 10
	maxTag     = 4 << 10 // beside the literals of a tag
	maxNesting = 100     // blocks within each other
)

// normalize writes a template anew as tags alone, for a library that takes white space away beyond the next tag: texts become
// literals, with the white space that Jinja leaves there under trim_blocks and lstrip_blocks (jinja2/lexer.py), and comments
// go. The function watch is called at the beginning of each loop's body, and at both ends of a macro's. Lines stay where they are.
func normalize(source, watch string) (string, error) {
	if len(source) > maxSource {
		return "", fmt.Errorf("%d bytes, want at most %d", len(source), maxSource)
	}
	source = strings.TrimSuffix(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(source), "\n")
	var b strings.Builder
	call := func(what string) { fmt.Fprintf(&b, "{%% set %s_ = %[1]s('%s') %%}", watch, what) }
	lines := func(s string) { fmt.Fprintf(&b, "{#%s#}", strings.Repeat("\n", strings.Count(s, "\n"))) }
	var last tag
	depth := 0
	for {
		t, err := nextTag(source, last.end)
		if err == nil {
			if s := between(source, last, t); s != "" {
				b.WriteString("{{")
				quote(&b, s)
				b.WriteString("}}")
			}
			lines(source[last.end:t.begin])
			if t.kind == 0 {
				return b.String(), nil
			}
			depth, err = t.nest(depth)
		}
		if err != nil {
			return "", fmt.Errorf("line %d: %w", 1+strings.Count(source[:t.begin], "\n"), err)
		}
		if t.word == "endmacro" {
			call("return")
		}
		if t.kind == '#' {
			lines(source[t.begin:t.end])
		} else {
			fmt.Fprintf(&b, "{%c%s%s", t.kind, t.body, closers[t.kind])
		}
		if t.word == "for" || t.word == "macro" {
			call(t.word)
		}
		last = t
	}
}

// nest counts the blocks that are open after a tag.
func (t tag) nest(depth int) (int, error) {
	switch {
	case t.kind != '%':
	case t.word == "raw":
		return 0, fmt.Errorf("a raw block, which is not known here")
	case strings.HasPrefix(t.word, "end"):
		depth--
	case t.word == "for" || t.word == "if" || t.word == "macro" || t.word == "call" || t.word == "filter" || t.word == "set" && !strings.Contains(t.body, "=") || t.word == "generation":
		depth++
	}
	if depth > maxNesting {
		return 0, fmt.Errorf("more than %d blocks within each other", maxNesting)
	}
	return depth, nil
}

// between is the text between two tags, with the white space that it keeps.
func between(source string, last, next tag) string {
	s := source[last.end:next.begin]
	switch {
	case last.strip:
		s = strings.TrimLeftFunc(s, unicode.IsSpace)
	case last.cut:
		s = strings.TrimPrefix(s, "\n")
	}
	line := strings.LastIndexByte(source[:next.begin], '\n') + 1 // where it begins
	indent := source[line:next.begin]
	switch {
	case next.open == '-':
		s = strings.TrimRightFunc(s, unicode.IsSpace)
	case next.kind != 0 && next.kind != '{' && next.open != '+' && line >= last.end && strings.TrimSpace(indent) == "":
		s = strings.TrimSuffix(s, indent) // nothing else stands before it on its line
	}
	return s
}

// quote writes a literal.
func quote(b *strings.Builder, s string) {
	b.WriteByte('\'')
	strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`).WriteString(b, s)
	b.WriteByte('\'')
}
