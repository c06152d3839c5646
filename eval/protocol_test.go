package eval

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/tokenizer"
)

// TestGPT3Reports: our copy of table H.1 is complete, and has the numbers that the text of the paper mentions: 76.2 %
// and 86.4 % for LAMBADA, 79.3 % for HellaSwag, and 53.2 % for ARC's challenge set with one shot.
func TestGPT3Reports(t *testing.T) {
	for _, r := range gpt3Reports {
		sizes := strings.Fields(r.values)
		if len(sizes) != len(gpt3Sizes) {
			t.Errorf("%s %s: %d sizes", r.task, r.metric, len(sizes))
		}
		for _, three := range sizes {
			parts := strings.Split(three, "/")
			for _, text := range parts {
				if v, err := strconv.ParseFloat(text, 64); err != nil || len(parts) != 3 || v < 1.9 || v > 165 {
					t.Errorf("%s %s: %s: %v", r.task, r.metric, three, err)
				}
			}
		}
		if _, err := Find(r.task); err != nil {
			t.Error(err)
		}
	}
	for task, want := range map[string]Published{
		"lambada":       {"gpt3-175b", "accuracy", 0.864, "GPT-3 paper, table H.1, 15 shots"},
		"hellaswag":     {"gpt3-175b", "accuracy_tokens", 0.793, "GPT-3 paper, table H.1, 20 shots"},
		"arc_challenge": {"gpt3-175b", "accuracy_ratio", 0.532, "GPT-3 paper, table H.1, 1 shot"},
		"copa":          {"gpt3-125m", "accuracy_tokens", 0.66, "GPT-3 paper, table H.1, 0 shots"},
	} {
		n, err := Find(task)
		if err != nil {
			t.Fatal(err)
		}
		if all := gpt3Published(task, n.Shots); !slices.Contains(all, want) {
			t.Errorf("%s: %v is not among %v", task, want, all)
		}
	}
}

// TestProtocolTable: the table in docs/evaluation.md agrees with the code.
func TestProtocolTable(t *testing.T) {
	data, err := os.ReadFile("../docs/evaluation.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.Lines(string(data)) {
		if cells := strings.Split(line, "|"); len(cells) == 9 {
			for name := range strings.SplitSeq(cells[1], ",") {
				rows[strings.Trim(name, " `")] = strings.Join(cells[2:8], "|")
			}
		}
	}
	trim := func(cells string) string {
		parts := strings.Split(cells, "|")
		for i, p := range parts {
			parts[i] = strings.Trim(p, " `")
		}
		return strings.Join(parts, "|")
	}
	tasks := slices.DeleteFunc(choiceTasks(), func(c choiceTask) bool { return len(c.protocols()) == 1 && c.name != "ag_news" })
	for _, c := range tasks {
		var forms []string
		for _, protocol := range Protocols() {
			form := "–"
			if custom, err := c.by(protocol); err == nil {
				form = or(custom.normalizer, "sum")
			}
			forms = append(forms, form)
		}
		k, from := "–", "–"
		if c.shots > 0 {
			k, from = strconv.Itoa(c.shots), c.gpt3.from
		}
		want := strings.Join([]string{k, from, `\n\n`}, "|") + "|" + strings.Join(forms, "|")
		if got := trim(rows[c.name]); got != want {
			t.Errorf("docs: %s: %q, want %q", c.name, got, want)
		}
	}
	for name, rest := range map[string]string{"lambada": `|dev|\n\n|–|–|–`, "qa": "|train|\\n`; harness `\\n\\n|greedy|beams|greedy", "translate": "|train|\\n`; harness `\\n\\n|greedy|beams|greedy"} {
		n, err := Find(name)
		if got, want := trim(rows[name]), strconv.Itoa(n.Shots)+rest; got != want {
			t.Errorf("docs: %s: %q, want %q, %v", name, got, want, err)
		}
	}
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// TestBadProtocols: errors are one line that says what is wrong.
func TestBadProtocols(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	sst2 := put("sst2.jsonl", `{"sentence":"good","label":1}`)
	for _, c := range []struct {
		on, path string
		o        Options
		want     string
	}{
		{"piqa", sst2, Options{Protocol: "gpt4"}, `unknown protocol "gpt4"; did you mean "gpt3"?`},
		{"piqa", sst2, Options{Normalizer: "token"}, `unknown normalizer "token"; did you mean "tokens"?`},
		{"lambada", put("l", "a b c"), Options{Protocol: "gpt4"}, `unknown protocol "gpt4"; did you mean "gpt3"?`},
		{"sst2", sst2, Options{Protocol: "gpt3"}, "eval: sst2 has no protocol gpt3; want one of plain, harness"},
		{"ag_news", sst2, Options{Protocol: "harness"}, "eval: ag_news has no protocol harness; want one of plain"},
		{"sst2", sst2, Options{Verbalizers: []string{"good"}}, "eval: 1 verbalizers for the 2 classes of sst2: want one for each of negative, positive"},
		{"sst2", sst2, Options{Verbalizers: []string{"bad", " "}}, "eval: the verbalizer of positive is empty"},
		{"sst2", sst2, Options{Verbalizers: []string{"bad", "bad"}}, `eval: two classes of sst2 have the verbalizer "bad"`},
		{"copa", put("copa.jsonl", `{"premise":"p","question":"cause","choice1":"x","choice2":"y","label":7}`), Options{}, dir + `/copa.jsonl:1: label "7" names none of 2 choices`},
		{"boolq", put("boolq.jsonl", `{"passage":"p","question":"q"}`), Options{}, dir + `/boolq.jsonl:1: no column answer or label; the file has passage, question`},
	} {
		named, err := Find(c.on)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := named.New(c.o).Evaluate(t.Context(), &Subject{}, c.path); err == nil || err.Error() != c.want {
			t.Errorf("%s %+v: %v, want %s", c.on, c.o, err, c.want)
		}
	}
}

// TestTranslation checks each protocol's prompts, stop text and separator of examples, and the errors about languages.
func TestTranslation(t *testing.T) {
	n, err := Find("translate")
	if err != nil {
		t.Fatal(err)
	}
	both := []string{"English", "German"}
	for _, c := range []struct {
		o                   Options
		before, after, stop string
		separator           string
		cut                 bool
	}{
		{Options{}, "", " =", "", "", false},
		{Options{Protocol: "gpt3", Shots: 2}, "", " =", "", "", false},
		{Options{Protocol: "gpt3", Languages: both}, "Q: What is the German translation of ", "\nA:", "", "", false},
		{Options{Protocol: "gpt3", Template: "question"}, "Q: ", "\nA:", "", "", false},
		{Options{Protocol: "harness", Languages: both, Shots: 2}, "English phrase: ", "\nGerman phrase:", "\n", "\n\n", true},
		{Options{Protocol: "harness", Languages: both, Stop: ".", Separator: "\n"}, "English phrase: ", "\nGerman phrase:", ".", "\n", true},
	} {
		g := n.New(c.o).(Generation)
		if g.Template.Before != c.before || g.Template.After != c.after || g.Stop != c.stop || g.Separator != c.separator || g.Cut != c.cut {
			t.Errorf("%+v: %q … %q, to %q, %q after each, cut: %v", c.o, g.Template.Before, g.Template.After, g.Stop, g.Separator, g.Cut)
		}
	}
	path := filepath.Join(t.TempDir(), "f.jsonl")
	if err := os.WriteFile(path, []byte(`{"source":"a","target":"b"}`), 0o666); err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]Options{
		"eval: the prompts of protocol gpt3 name the languages: want two, the source and the target":    {Protocol: "gpt3"},
		"eval: the prompts of protocol harness name the languages: want two, the source and the target": {Protocol: "harness", Languages: both[:1]},
		`unknown protocol "gpt"; did you mean "gpt3"?`:                                                  {Protocol: "gpt"},
		"eval: 1 language for a translation: want two, the source and the target":                       {Languages: both[:1]},
		"eval: 3 languages for a translation: want two, the source and the target":                      {Protocol: "gpt3", Shots: 1, Languages: []string{"a", "b", "c"}},
	} {
		if _, err := n.New(o).Evaluate(t.Context(), &Subject{}, path); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func ExampleProtocols() {
	for _, name := range []string{"boolq", "sst2"} {
		n, err := Find(name)
		fmt.Println(n.Name, n.Protocols, n.Shots, err)
	}
	// Output:
	// boolq [plain gpt3 harness] 32 <nil>
	// sst2 [plain harness] 0 <nil>
}

// TestShownPrompts: if choices are cut to the window at different places, each has its own prompt.
func TestShownPrompts(t *testing.T) {
	s := &Subject{Tokenizer: tokenizer.Bytes(), Window: 4}
	p := &prompts{used: []int{0}}
	sample, err := p.sample(s, 1, []Sequence{{ints("abcx"), 3}, {ints("abcy"), 3}, {ints("abcxyz"), 3}})
	if err != nil || !slices.Equal(sample.Prompts, []string{"abc", "abc", "bc"}) {
		t.Errorf("%q, %v", sample.Prompts, err)
	}
	sample, err = p.sample(s, 1, []Sequence{{ints("abcx"), 3}, {ints("abcy"), 3}})
	if err != nil || !slices.Equal(sample.Prompts, []string{"abc"}) || !slices.Equal(sample.Scored, []string{"x", "y"}) {
		t.Errorf("%q, %q, %v", sample.Prompts, sample.Scored, err)
	}
}

func ints(text string) (ids []int) {
	for _, b := range []byte(text) {
		ids = append(ids, int(b))
	}
	return ids
}

// TestUnasked: the protocol names classes that no question has: the file may be another task's.
func TestUnasked(t *testing.T) {
	words := []string{"World", "Sports", "Business"}
	if got := unasked(words, []Question{{Answer: 2}, {Answer: 0}, {Answer: 2}}); !slices.Equal(got, words[1:2]) {
		t.Errorf("%v", got)
	}
	if got := unasked(words, []Question{{Answer: 2}, {Answer: 0}, {Answer: 1}}); got != nil {
		t.Errorf("%v", got)
	}
}
