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
//   - wikitext-harness: the rules of lm-evaluation-harness for WikiText, which also join the
//     marks of titles and take the spaces from the ends of lines
//   - ptb: rejoins n't and 's, undoes the bracket codes and the spaces of the rest
//
// The spaces of the rest: none before closing punctuation and within brackets and double
// quotes. Each can be undone by the tokeniser that made the text, but for where the
// original had such spaces.
func Detokenizers() []string {
	var names []string
	for _, d := range detokenizers {
		names = append(names, d.name)
	}
	return names
}

// A detokenizer that works by the line does to lines one by one what it does to them together.
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
	// Spaces within a line only: lines are part of the text.
	beforeClosing = regexp.MustCompile(` +([,.;:!?%)\]}]|'(?:s|S|m|M|d|D|ll|LL|re|RE|ve|VE)\b|n't\b|N'T\b)`)
	afterOpening  = regexp.MustCompile(`([(\[{£$]) +`)
	quoted        = regexp.MustCompile(`" +([^"\n]*?) +"`)
	pluralOwner   = regexp.MustCompile(`s ' `)
)

// harnessSlashes is what lm-evaluation-harness looks for as it is written, slashes too.
var harnessSlashes = regexp.MustCompile(`/' [0-9]/`)

// spaces undoes the spaces that tokenisers put around punctuation.
func spaces(text string) string {
	text = quoted.ReplaceAllString(text, `"$1"`)
	text = pluralOwner.ReplaceAllString(text, `s' `)
	text = beforeClosing.ReplaceAllString(text, `$1`)
	return afterOpening.ReplaceAllString(text, `$1`)
}

var wikitextMarks = strings.NewReplacer(" @-@ ", "-", " @,@ ", ",", " @.@ ", ".")

func wikitext(text string) string { return spaces(wikitextMarks.Replace(text)) }

// What stands between brackets or quotes, and a space on either side of it: Python's \s. The
// order of all these is the harness's, as some see what others leave.
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
	text = harnessSlashes.ReplaceAllLiteralString(text, "/'[0-9]/") // as it is there
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
