package eval

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// BLEU returns the BLEU score of a corpus, from 0 to 100 (Papineni et al. 2002), as sacrebleu computes it
// by default: n-grams up to four, brevity penalty against the reference closest in length, the tokens of
// mteval-v13a, and exponential smoothing of precisions of 0. Each hypothesis has one or more references.
func BLEU(hypotheses []string, references [][]string) float64 {
	const order = 4
	var matched, total [order]float64
	var length, wanted float64
	for i, h := range hypotheses {
		words := tokens13a(h)
		length += float64(len(words))
		closest := 0
		most := make([]map[string]int, order)
		for k, r := range references[i] {
			ref := tokens13a(r)
			n, far, best := len(ref), abs(len(ref)-len(words)), abs(closest-len(words))
			if k == 0 || far < best || far == best && n < closest {
				closest = n
			}
			for n := range order {
				if most[n] == nil {
					most[n] = make(map[string]int)
				}
				for gram, count := range ngrams(ref, n+1) {
					most[n][gram] = max(most[n][gram], count)
				}
			}
		}
		wanted += float64(closest)
		for n := range order {
			for gram, count := range ngrams(words, n+1) {
				total[n] += float64(count)
				matched[n] += float64(min(count, most[n][gram]))
			}
		}
	}
	if matched == [order]float64{} {
		return 0
	}
	smooth, sum := 1.0, 0.0
	for n := range order {
		precision := matched[n] / total[n] // NaN if no hypothesis has n+1 words
		if total[n] > 0 && matched[n] == 0 {
			smooth *= 2
			precision = 1 / (smooth * total[n])
		}
		sum += math.Log(precision)
	}
	if math.IsNaN(sum) {
		return 0
	}
	penalty := 1.0
	if length < wanted {
		penalty = math.Exp(1 - wanted/length)
	}
	return 100 * penalty * math.Exp(sum/order)
}

func abs(n int) int { return max(n, -n) }

// The rules of NIST's mteval-v13a for Western languages: symbols become separate tokens; so do periods
// and commas, unless they are between digits, and a dash after a digit.
var rules13a = []struct {
	at   *regexp.Regexp
	with string
}{
	{regexp.MustCompile("([ -&(-+:-@/\\[-`{-~])"), " $1 "},
	{regexp.MustCompile(`([^0-9])([.,])`), "$1 $2 "},
	{regexp.MustCompile(`([.,])([^0-9])`), " $1 $2"},
	{regexp.MustCompile(`([0-9])(-)`), "$1 $2 "},
}

// Replacements before these rules, made one after the other: "&amp;lt;" ends up as "<", but "&amp;quot;"
// does not become a quotation mark.
var entities13a = [][2]string{
	{"<skipped>", ""}, {"-\n", ""}, {"\n", " "}, {"&quot;", `"`}, {"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"},
}

func tokens13a(text string) []string {
	text = strings.TrimRightFunc(text, isSpace)
	for _, e := range entities13a {
		text = strings.ReplaceAll(text, e[0], e[1])
	}
	text = " " + text + " "
	for _, r := range rules13a {
		text = r.at.ReplaceAllString(text, r.with)
	}
	return strings.FieldsFunc(text, isSpace)
}

// ngrams counts the sequences of n words.
func ngrams(words []string, n int) map[string]int {
	counts := make(map[string]int)
	for i := range len(words) - n + 1 {
		counts[strings.Join(words[i:i+n], "\x00")]++
	}
	return counts
}

// Rouge holds F-measures of ROUGE (Lin 2004), from 0 to 1: of common words, common pairs of words, and
// the longest common subsequence.
type Rouge struct{ One, Two, L float64 }

// ROUGE compares a text with references and takes, for each measure, the largest value, as
// Google's rouge-score does without stemming: words are runs of a-z and 0-9 in lower case.
func ROUGE(text string, references []string) Rouge {
	var best Rouge
	words := rougeWords(text)
	for _, r := range references {
		ref := rougeWords(r)
		best.One = max(best.One, overlap(words, ref, 1))
		best.Two = max(best.Two, overlap(words, ref, 2))
		best.L = max(best.L, fMeasure(float64(longestCommon(words, ref)), float64(len(words)), float64(len(ref))))
	}
	return best
}

func rougeWords(text string) []string {
	return strings.FieldsFunc(lower(text), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
}

// overlap returns the F-measure of common n-grams.
func overlap(a, b []string, n int) float64 {
	grams, common := ngrams(b, n), 0
	for gram, count := range ngrams(a, n) {
		common += min(count, grams[gram])
	}
	return fMeasure(float64(common), float64(len(a)-n+1), float64(len(b)-n+1))
}

// fMeasure returns the harmonic mean of common/a and common/b.
func fMeasure(common, a, b float64) float64 {
	if common == 0 {
		return 0
	}
	return 2 * common / (a + b)
}

// longestCommon returns the length of the longest common subsequence.
func longestCommon(a, b []string) int {
	row := make([]int, len(b)+1)
	for _, x := range a {
		diagonal := 0
		for j, y := range b {
			above := row[j+1]
			if x == y {
				row[j+1] = diagonal + 1
			} else {
				row[j+1] = max(above, row[j])
			}
			diagonal = above
		}
	}
	return row[len(b)]
}

// AnswerF1 compares an answer with the right ones as SQuAD does, ignoring case,
// punctuation and articles. It returns whether it equals one of them, and the largest F-measure of
// common words.
func AnswerF1(answer string, right []string) (exact bool, f1 float64) {
	words := answerWords(answer)
	for _, r := range right {
		ref := answerWords(r)
		if strings.Join(words, " ") == strings.Join(ref, " ") {
			exact, f1 = true, 1 // also if both are empty
		}
		f1 = max(f1, overlap(words, ref, 1))
	}
	return exact, f1
}

// LeaveOneOut returns AnswerF1's measure as CoQA averages it (Reddy et al. 2019, §6.1): each of several right
// answers is left out in turn, so that a model is compared with as many answers as a human annotator is. If
// there is a single right answer, it is AnswerF1's measure.
func LeaveOneOut(answer string, right []string) (f1 float64) {
	if len(right) == 1 {
		_, f1 = AnswerF1(answer, right)
		return f1
	}
	for i := range right {
		_, best := AnswerF1(answer, slices.Concat(right[:i], right[i+1:]))
		f1 += best / float64(len(right))
	}
	return f1
}

// answerWords returns the words that SQuAD's script compares: in lower case, without ASCII
// punctuation, and with white space in place of articles. An article is delimited by anything that is not a
// letter or a digit, so “the house” and a–b contain articles.
func answerWords(text string) []string {
	text = strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsPunct(r) || unicode.IsSymbol(r)) {
			return -1
		}
		return r
	}, lower(text))
	var b strings.Builder
	for len(text) > 0 {
		end := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
		if end < 0 {
			end = len(text)
		}
		switch word := text[:end]; word {
		case "a", "an", "the":
			b.WriteByte(' ')
		default:
			b.WriteString(word)
		}
		_, n := utf8.DecodeRuneInString(text[end:])
		b.WriteString(text[end : end+n])
		text = text[end+n:]
	}
	return strings.FieldsFunc(b.String(), isSpace)
}

// lower returns the text in lower case as Python does it: İ becomes two characters, and a sigma
// depends on its position.
func lower(text string) string { return cases.Lower(language.Und).String(text) }
