package eval

import (
	"regexp"
	"strings"

	"github.com/gorgpt/gorgpt/internal/nearest"
)

// Detokenizers names the rules that undo the tokenisation of published test sets, so that a
// model which was trained on plain text sees plain text: GPT-2's paper (§3.1) gains 2.5
// to 5 points of perplexity by them. Its own were not published.
//
//   - none: the text as it is
//   - wikitext: joins " @-@ ", " @,@ " and " @.@ " and undoes the spaces of the rest
//   - ptb: rejoins n't and 's, undoes the bracket codes and the spaces of the rest
//
// The spaces of the rest: none before closing punctuation and within brackets and double
// quotes. Each can be undone by the tokeniser that made the text, but for where the
// original had such spaces.
func Detokenizers() []string { return []string{"none", "wikitext", "ptb"} }

func findDetokenizer(name string) (func(string) string, error) {
	switch orNone(name) {
	case "none":
		return func(text string) string { return text }, nil
	case "wikitext":
		return wikitext, nil
	case "ptb":
		return ptb, nil
	}
	return nil, nearest.Unknown("detokenizer", name, Detokenizers())
}

var (
	// Spaces within a line only: lines are part of the text.
	beforeClosing = regexp.MustCompile(` +([,.;:!?%)\]}]|'(?:s|S|m|M|d|D|ll|LL|re|RE|ve|VE)\b|n't\b|N'T\b)`)
	afterOpening  = regexp.MustCompile(`([(\[{£$]) +`)
	quoted        = regexp.MustCompile(`" +([^"\n]*?) +"`)
	pluralOwner   = regexp.MustCompile(`s ' `)
)

// spaces undoes the spaces that tokenisers put around punctuation.
func spaces(text string) string {
	text = quoted.ReplaceAllString(text, `"$1"`)
	text = pluralOwner.ReplaceAllString(text, `s' `)
	text = beforeClosing.ReplaceAllString(text, `$1`)
	return afterOpening.ReplaceAllString(text, `$1`)
}

var wikitextMarks = strings.NewReplacer(" @-@ ", "-", " @,@ ", ",", " @.@ ", ".")

func wikitext(text string) string { return spaces(wikitextMarks.Replace(text)) }

var ptbMarks = strings.NewReplacer(
	"-LRB-", "(", "-RRB-", ")", "-LSB-", "[", "-RSB-", "]", "-LCB-", "{", "-RCB-", "}",
	"`` ", `"`, " ''", `"`, "` ", "‘",
)

func ptb(text string) string { return spaces(ptbMarks.Replace(text)) }
