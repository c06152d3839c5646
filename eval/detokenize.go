package eval

import (
	"regexp"
	"strings"

	"github.com/gorgpt/gorgpt/internal/nearest"
)

// Detokenizers returns the names of the rules that undo the tokenization of published test sets, so that a
// model trained on plain text sees plain text. GPT-2's paper (§3.1) gains 2.5
// to 5 points of perplexity by its rules, which were not published.
//
//   - none: the text is unchanged
//   - wikitext: joins " @-@ ", " @,@ " and " @.@ ", and removes the spaces below
//   - wikitext-harness: the rules of lm-evaluation-harness for WikiText, which also join the
//     marks of titles and strip the spaces at line ends
//   - ptb: rejoins n't and 's, replaces the bracket codes, and removes the spaces below
//
// The spaces removed are those before closing punctuation, and those just inside brackets and double
// quotes. The tokenizer that made the text would put them back, so nothing is lost, except where the
// original already had such spaces.
func Detokenizers() []string {
	var names []string
	for _, d := range detokenizers {
		names = append(names, d.name)
	}
	return names
}

// detokenizer is a rule. If byLine is set, applying it line by line gives the same as applying it to the whole text.
type detokenizer struct {
	name   string
	apply  func(string) string
	byLine bool
}

var detokenizers = []detokenizer{
	{"none", func(text string) string { return text }, true},
	{"wikitext", wikitext, true},
	{"wikitext-harness", wikitextHarness, false},
	{"ptb", ptb, true},
}

func findDetokenizer(name string) (detokenizer, error) {
	for _, d := range detokenizers {
		if d.name == orNone(name) {
			return d, nil
		}
	}
	return detokenizer{}, nearest.Unknown("detokenizer", name, Detokenizers())
}

var (
	// These match spaces within a line only: line ends are part of the text.
	beforeClosing = regexp.MustCompile(` +([,.;:!?%)\]}]|'(?:s|S|m|M|d|D|ll|LL|re|RE|ve|VE)\b|n't\b|N'T\b)`)
	afterOpening  = regexp.MustCompile(`([(\[{£$]) +`)
	quoted        = regexp.MustCompile(`" +([^"\n]*?) +"`)
	pluralOwner   = regexp.MustCompile(`s ' `)
)

// harnessSlashes is a pattern of lm-evaluation-harness in which the slashes are literal.
var harnessSlashes = regexp.MustCompile(`/' [0-9]/`)

// spaces removes the spaces that tokenizers put around punctuation.
func spaces(text string) string {
	text = quoted.ReplaceAllString(text, `"$1"`)
	text = pluralOwner.ReplaceAllString(text, `s' `)
	text = beforeClosing.ReplaceAllString(text, `$1`)
	return afterOpening.ReplaceAllString(text, `$1`)
}

var wikitextMarks = strings.NewReplacer(" @-@ ", "-", " @,@ ", ",", " @.@ ", ".")

func wikitext(text string) string { return spaces(wikitextMarks.Replace(text)) }

// Text between brackets or quotes, with the white space, Python's \s, on either side. These and the
// replacements below are in the harness's order, as each applies to the result of those before.
var harnessPairs = func() []*regexp.Regexp {
	var all []*regexp.Regexp
	for _, ends := range []string{"()", "[]", "{}", `""`, "''"} {
		const space = `[\s\v\x1c-\x1f\x{85}\p{Z}]*`
		open, end := regexp.QuoteMeta(ends[:1]), regexp.QuoteMeta(ends[1:])
		all = append(all, regexp.MustCompile(`(`+open+`)`+space+`([^`+end+`]*?)`+space+`(`+end+`)`))
	}
	return all
}()

func wikitextHarness(text string) string {
	each := func(pairs ...string) {
		for i := 0; i < len(pairs); i += 2 {
			text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
		}
	}
	each("s '", "s'")
	text = harnessSlashes.ReplaceAllLiteralString(text, "/'[0-9]/") // literally, as in the harness
	each(" @-@ ", "-", " @,@ ", ",", " @.@ ", ".")
	for _, mark := range []string{":", ";", ".", "!", "?", ","} {
		each(" "+mark+" ", mark+" ")
	}
	for _, pair := range harnessPairs {
		text = pair.ReplaceAllString(text, "$1$2$3")
	}
	each("= = = =", "====", "= = =", "===", "= =", "==", " ° ", "°", " \n", "\n", "\n ", "\n", " N ", " 1 ", " 's", "'s")
	return text
}

var ptbMarks = strings.NewReplacer(
	"-LRB-", "(", "-RRB-", ")", "-LSB-", "[", "-RSB-", "]", "-LCB-", "{", "-RCB-", "}",
	"`` ", `"`, " ''", `"`, "` ", "‘",
)

func ptb(text string) string { return spaces(ptbMarks.Replace(text)) }
