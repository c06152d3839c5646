package tokenizer

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"
)

// Patterns other than the known ones are matched by regexp2, which has lookahead and lookbehind like
// Oniguruma, whose patterns Hugging Face's tokenizers uses.

// maxMatch bounds the time of the search for one match, as a pattern may backtrack excessively.
const maxMatch = 10 * time.Second

// compiled returns a function that finds the matches of a pattern in a text.
func compiled(pattern string) (func(text []byte) ([]match, error), error) {
	translated, err := netPattern(pattern)
	if err != nil {
		return nil, err
	}
	re, err := regexp2.Compile(translated, regexp2.Multiline, regexp2.OptionMaxBacktrackingStackSize(1<<24))
	if err != nil {
		return nil, errors.New(strings.ReplaceAll(err.Error(), "\n", " "))
	}
	re.MatchTimeout = maxMatch
	return func(text []byte) ([]match, error) { return matches(re, text) }, nil
}

// matches returns the matches and the parts between them. A byte that is not valid UTF-8 is a character, U+FFFD.
func matches(re *regexp2.Regexp, text []byte) ([]match, error) {
	runes, starts := make([]rune, 0, len(text)), make([]int32, 0, len(text)+1)
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		runes, starts = append(runes, r), append(starts, int32(i))
		i += n
	}
	starts = append(starts, int32(len(text)))
	var all []match
	done := 0
	err := re.FindRunesMatches(runes, 0, func(v regexp2.MatchView) bool {
		at, n, _ := v.GroupRange(0)
		start, end := int(starts[at]), int(starts[at+n])
		if n == 0 && start == done && start > 0 {
			return true // an empty match right after the previous one
		}
		if start > done {
			all = append(all, match{done, start, false})
		}
		all = append(all, match{start, end, true})
		done = end
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("the pattern of the pre_tokenizer cannot be matched: %w", err)
	}
	if done < len(text) {
		all = append(all, match{done, len(text), false})
	}
	return all, nil
}

// netPattern translates a pattern of Oniguruma to the syntax of regexp2, which is .NET's. Syntax that would
// mean something else there is an error.
func netPattern(pattern string) (string, error) {
	var b strings.Builder
	depth := 0 // of nested character classes, of which Oniguruma takes the union
	for i := 0; i < len(pattern); i++ {
		rest := pattern[i:]
		switch c := pattern[i]; {
		case c == '\\' && len(rest) > 1:
			one, width, err := netEscape(rest, depth > 0)
			if err != nil {
				return "", err
			}
			b.WriteString(one)
			i += width - 1
		case depth > 0 && strings.HasPrefix(rest, "&&"), depth > 0 && (strings.HasPrefix(rest, "[:") || strings.HasPrefix(rest, "[^")):
			return "", fmt.Errorf("%q within [ ] is not supported", rest[:2])
		case c == '[':
			if depth++; depth == 1 {
				b.WriteByte(c)
				if strings.HasPrefix(rest, "[^") {
					b.WriteByte('^')
					i++
				}
			}
		case c == ']' && depth > 0:
			if depth--; depth == 0 {
				b.WriteByte(c)
			}
		case depth == 0 && c == '(' && strings.HasPrefix(rest, "(?") && !isGroup(rest[2:], i == 0):
			return "", fmt.Errorf("the group %q is not supported", rest[:min(len(rest), 4)])
		case depth == 0 && (strings.HasPrefix(rest, "}+") || strings.HasPrefix(rest, "}?") || strings.HasPrefix(rest, "{,")):
			return "", fmt.Errorf("%q in a repetition is not supported", rest[:2])
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}

// isGroup reports whether the syntax after "(?" means the same to both: a non-capturing, lookahead, lookbehind,
// atomic or case-insensitive group.
func isGroup(rest string, first bool) bool {
	for _, known := range []string{":", "=", "!", ">", "<=", "<!", "i:"} {
		if strings.HasPrefix(rest, known) {
			return true
		}
	}
	return first && strings.HasPrefix(rest, "i)")
}

// wordClass is Oniguruma's \w.
const wordClass = `\p{L}\p{M}\p{Nd}\p{Pc}`

// netEscape translates the escape at the start of rest, within a character class or not, and returns its width in bytes.
func netEscape(rest string, within bool) (text string, width int, err error) {
	c := rest[1]
	switch {
	case c == 'w' && within:
		return wordClass, 2, nil
	case c == 'w':
		return "[" + wordClass + "]", 2, nil
	case c == 'W' && !within:
		return "[^" + wordClass + "]", 2, nil
	case c == 'p' || c == 'P':
		width = 1 + strings.IndexByte(rest, '}')
		if width == 0 || rest[2] != '{' || rest[3] == '^' {
			return "", 0, fmt.Errorf("%q without a plain {name} is not supported", rest[:2])
		}
		return rest[:width], width, nil
	case strings.HasPrefix(rest, `\x{`):
		return "", 0, errors.New(`\x{ is not supported`)
	case strings.IndexByte("sSdDnrtfvaexu", c) >= 0, c < '0', c > '9' && c < 'A', c > 'Z' && c < 'a', c > 'z':
		return rest[:2], 2, nil
	}
	return "", 0, fmt.Errorf("%q is not supported", rest[:2])
}
