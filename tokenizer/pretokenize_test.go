package tokenizer

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
)

// TestSplits: texts are split as by tokenizers 0.23.3. In the strings below, spaces separate texts and bars separate
// parts.
func TestSplits(t *testing.T) {
	const all = "-a--bc- a-b -- a"
	for behavior, want := range map[string][2]string{ // with the pattern as it is, and inverted
		"Isolated":           {"-|a|-|-|bc|- a|-|b -|- a", "-|a|-|-|bc|- a|-|b -|- a"},
		"Removed":            {"a|bc a|b  a", "-|-|-|- - -|- "},
		"Contiguous":         {"-|a|--|bc|- a|-|b -- a", "-|a|--|bc|- a|-|b -- a"},
		"MergedWithPrevious": {"-|a-|-|bc- a-|b -|- a", "-a|-|-bc|- a|-b -|- a"},
		"MergedWithNext":     {"-a|-|-bc|- a|-b -|- a", "-|a-|-|bc- a-|b -|- a"},
	} {
		for i, invert := range []bool{false, true} {
			s := stage{Type: "Split", Pattern: []byte(`{"String":"-"}`), Behavior: behavior, Invert: &invert}
			split, err := s.split("here")
			if err != nil {
				t.Fatal(err)
			}
			if got := cutBy(split, all); got != want[i] {
				t.Errorf("%s, inverted %t: %s, want %s", behavior, invert, got, want[i])
			}
		}
	}
	// GPT-2's pattern matches everything, so nothing is left between matches.
	for behavior, want := range map[string][2]string{
		"Isolated": {"it|'s|,| dog", "it|'s|,| dog"}, "Removed": {"", "it|'s|,| dog"}, "Contiguous": {"it's, dog", "it's, dog"},
		"MergedWithPrevious": {"it|'s|,| dog", "it|'s|,| dog"}, "MergedWithNext": {"it|'s|,| dog", "it|'s|,| dog"},
	} {
		for i, invert := range []bool{false, true} {
			pattern, _ := json.Marshal(map[string]string{"Regex": gpt2Pieces.regex})
			s := stage{Type: "Split", Pattern: pattern, Behavior: behavior, Invert: &invert}
			split, err := s.split("here")
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(partsOf(split, "it's, dog"), "|"); got != want[i] {
				t.Errorf("GPT-2's pattern, %s, inverted %t: %s, want %s", behavior, invert, got, want[i])
			}
		}
	}
	for want, s := range map[string]stage{
		`here.pattern: want a "String" or a "Regex"`:                                {Pattern: []byte(`{}`), Behavior: "Removed"},
		`there.pattern: want a "String" or a "Regex"`:                               {Pattern: []byte(`{"String":"a","Regex":"a"}`), Behavior: "Removed"},
		`text.pattern: want a "String" or a "Regex"`:                                {Pattern: []byte(`"a"`), Behavior: "Removed"},
		`here.behavior "Kept" is unknown`:                                           {Pattern: []byte(`{"String":"a"}`), Behavior: "Kept"},
		"here.pattern.Regex is a(: error parsing regexp: missing closing ) in `a(`": {Pattern: []byte(`{"Regex":"a("}`), Behavior: "Removed"},
		`here.pattern.Regex is [a-z&&b]: "&&" within [ ] is not supported`:          {Pattern: []byte(`{"Regex":"[a-z&&b]"}`), Behavior: "Removed"},
		`here.pattern.Regex is [[:alpha:]]: "[:" within [ ] is not supported`:       {Pattern: []byte(`{"Regex":"[[:alpha:]]"}`), Behavior: "Removed"},
		`here.pattern.Regex is a(?i)b|c: the group "(?i)" is not supported`:         {Pattern: []byte(`{"Regex":"a(?i)b|c"}`), Behavior: "Removed"},
		`here.pattern.Regex is \d{1,2}+: "}+" in a repetition is not supported`:     {Pattern: []byte(`{"Regex":"\\d{1,2}+"}`), Behavior: "Removed"},
		`here.pattern.Regex is \h: "\\h" is not supported`:                          {Pattern: []byte(`{"Regex":"\\h"}`), Behavior: "Removed"},
		`here.pattern.Regex is \x{41}: \x{ is not supported`:                        {Pattern: []byte(`{"Regex":"\\x{41}"}`), Behavior: "Removed"},
	} {
		where, _, _ := strings.Cut(want, ".")
		if _, err := s.split(where); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	for each, want := range map[bool]string{true: "1|2|ab|3 ½|x|4 y", false: "12|ab|3 ½|x|4 y"} {
		if got := cutBy(digits(each), "12ab3 ½x4 y"); got != want {
			t.Errorf("digits one by one %s: %s, want %s", strconv.FormatBool(each), got, want)
		}
	}
}

func cutBy(split splitter, texts string) string {
	var all []string
	for _, text := range strings.Split(texts, " ") {
		all = append(all, strings.Join(partsOf(split, text), "|"))
	}
	return strings.Join(all, " ")
}

// partsOf returns the parts of a text, followed by the text of an error if there is one.
func partsOf(split splitter, text string) (parts []string) {
	err := split([]byte(text), func(part []byte) error { parts = append(parts, string(part)); return nil })
	if err != nil {
		parts = append(parts, err.Error())
	}
	return parts
}
