package chat

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Limits of a template's source; the largest in use have 20 kB, and tags of 300 bytes. Within these limits, the library's
// recursion needs no more than some ten megabytes of stack.
const (
	maxSource  = 64 << 10
	maxTag     = 1 << 10 // not counting the literals of a tag
	maxNesting = 100     // depth of nested blocks
)

// normalize rewrites a template as tags only, because the library removes white space even beyond the next tag. Text
// becomes literals, with the white space that Jinja keeps under trim_blocks and lstrip_blocks (jinja2/lexer.py), and
// comments are dropped. The function watch is called with what is written, with what is set, and at the end of a
// macro. Line numbers do not change.
func normalize(source, watch string) (string, error) {
	if len(source) > maxSource {
		return "", fmt.Errorf("%d bytes, want at most %d", len(source), maxSource)
	}
	source = strings.TrimSuffix(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(source), "\n")
	var b strings.Builder
	call := func(values ...string) {
		fmt.Fprintf(&b, "{%% set %s_ = %[1]s(%s) %%}", watch, strings.Join(values, ","))
	}
	lines := func(s string) { fmt.Fprintf(&b, "{#%s#}", strings.Repeat("\n", strings.Count(s, "\n"))) }
	var last tag
	depth := 0
	for {
		t, err := nextTag(source, last.end)
		if err == nil {
			if s := between(source, last, t); s != "" {
				fmt.Fprintf(&b, "{{%s('write',", watch)
				quote(&b, s)
				b.WriteString(")}}")
			}
			lines(source[last.end:t.begin])
			if t.kind == 0 {
				return b.String(), nil
			}
			depth, err = t.nest(depth)
		}
		if err == nil {
			err = bounded(t.body)
		}
		if err != nil {
			return "", fmt.Errorf("line %d: %w", 1+strings.Count(source[:t.begin], "\n"), err)
		}
		if t.word == "endmacro" {
			call("'return'")
		}
		switch t.kind {
		case '#':
			lines(source[t.begin:t.end])
		case '{':
			fmt.Fprintf(&b, "{{%s('write',%s)}}", watch, t.body)
		default:
			fmt.Fprintf(&b, "{%%%s%%}", t.body)
		}
		if names, sets := t.sets(); sets {
			call(append([]string{"'" + t.word + "'"}, names...)...)
		}
		last = t
	}
}

// nest returns the number of blocks that are open after a tag.
func (t tag) nest(depth int) (int, error) {
	switch {
	case t.kind != '%':
	case t.word == "raw":
		return 0, fmt.Errorf("raw blocks are not supported")
	case strings.HasPrefix(t.word, "end"):
		depth--
	case t.word == "for" || t.word == "if" || t.word == "macro" || t.word == "call" || t.word == "filter" || t.word == "set" && !strings.Contains(t.body, "=") || t.word == "generation":
		depth++
	}
	if depth > maxNesting {
		return 0, fmt.Errorf("blocks nested more than %d deep", maxNesting)
	}
	return depth, nil
}

// quoted matches a literal as normalize writes it; name finds the variables that are set, in the text before "=" or "
// in ".
var quoted = regexp.MustCompile(`'(?:[^'\\]|\\.)*'`)
var name = regexp.MustCompile(`(?:^|[,(])\s*([\pL_][\pL\pN_]*)`)

// sets returns the variables that a tag sets for what follows it, and whether watch must be called after the tag.
func (t tag) sets() (names []string, sets bool) {
	body := strings.Join(strings.Fields(quoted.ReplaceAllString(t.body, "")), " ")
	body = strings.TrimPrefix(body, t.word)
	switch t.word {
	case "for":
		body, _, _ = strings.Cut(body, " in ")
	case "set":
		body, _, sets = strings.Cut(body, "=")
	case "macro":
		_, body, _ = strings.Cut(body, "(")
	default:
		return nil, false
	}
	for _, found := range name.FindAllStringSubmatch(body, -1) {
		names = append(names, found[1])
	}
	return names, sets || t.word != "set"
}

// between returns the text between two tags, with the white space that Jinja keeps.
func between(source string, last, next tag) string {
	s := source[last.end:next.begin]
	switch {
	case last.strip:
		s = strings.TrimLeftFunc(s, unicode.IsSpace)
	case last.cut:
		s = strings.TrimPrefix(s, "\n")
	}
	line := strings.LastIndexByte(source[:next.begin], '\n') + 1 // start of the line
	indent := source[line:next.begin]
	switch {
	case next.open == '-':
		s = strings.TrimRightFunc(s, unicode.IsSpace)
	case next.kind != 0 && next.kind != '{' && next.open != '+' && line >= last.end && strings.TrimSpace(indent) == "":
		s = strings.TrimSuffix(s, indent) // nothing else precedes the tag on its line
	}
	return s
}

// quote writes a literal.
func quote(b *strings.Builder, s string) {
	b.WriteByte('\'')
	strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`).WriteString(b, s)
	b.WriteByte('\'')
}
