package tokenizer

import (
	"testing"
)

// FuzzPattern cuts a text by any pattern: the pattern is refused, or the matches and the parts between them make up the
// text.
func FuzzPattern(f *testing.F) {
	for _, p := range patterns {
		f.Add(p.regex, "It's 12 o'clock,\n\n naïve 漢字")
	}
	f.Add(bloom, "a, b…")
	f.Add(`(?i)[\w[^x]]|(?=\d+)`, "a1")
	f.Add(`\W|\p{^L}|\p{Han}{,2}`, "a\xff")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(text) > 40 || len(pattern) > 400 { // the time to match a longer one may be exponential
			return
		}
		find, err := compiled(pattern)
		if err != nil {
			return
		}
		all, err := find([]byte(text))
		if err != nil {
			return
		}
		at := 0
		for _, m := range all {
			if m.start != at || m.end < at {
				t.Fatalf("%q in %q: %v", pattern, text, all)
			}
			at = m.end
		}
		if at != len(text) {
			t.Fatalf("%q in %q: %v", pattern, text, all)
		}
	})
}
