package tasks_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/datasets/tasks"
)

func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// show returns an example as one line.
func show(e tasks.Example) string {
	s := fmt.Sprintf("%d %q", e.Line, e.Text)
	if e.Pair != "" {
		s += fmt.Sprintf(" %q", e.Pair)
	}
	if e.Choices != nil {
		s += fmt.Sprintf(" %q", e.Choices)
	}
	if e.Score != 0 {
		return s + fmt.Sprintf(" %g", e.Score)
	}
	return s + fmt.Sprintf(" %d", e.Label)
}

// TestRACEFolder: a folder is read as all .txt files below it, in the order of their names.
func TestRACEFolder(t *testing.T) {
	dir := t.TempDir()
	page := func(q string) string {
		return `{"article":"a","questions":["` + q + `"],"options":[["x","y"]],"answers":["B"]}`
	}
	for name, text := range map[string]string{"middle/2.txt": page("2"), "high.txt/1.txt": page("1"), "readme.md": "no page", "9.txt": page("9")} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	task, err := tasks.Find("race")
	if err != nil {
		t.Fatal(err)
	}
	set, err := task.Read(dir)
	var got []string
	for _, e := range set.Examples {
		got = append(got, e.Pair)
	}
	if err != nil || strings.Join(got, " ") != "9 1 2" {
		t.Errorf("questions %v, %v; want 9, 1 and 2", got, err)
	}
	if set, err := task.Read(filepath.Join(dir, "readme.md")); err == nil {
		t.Errorf("a file that is no page: %v", set)
	}
	if _, err := task.Read(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing there: %v", err)
	}
}

// TestMissingKeys: a record that lacks any of its keys is an error that names its line; it neither panics nor becomes an
// incomplete example.
func TestMissingKeys(t *testing.T) {
	for _, c := range []struct{ task, record string }{
		{"race", `{"article":"a","question":"q","options":["B","A"],"answer":"A"}`},
		{"piqa", `{"goal":"g","sol1":"x","sol2":"y","label":1}`},
		{"hellaswag", `{"ctx":"c","endings":["3","2"],"label":"1"}`},
		{"commonsense_qa", `{"question":"q","choices":{"label":["A","B"],"text":["x","y"]},"answerKey":"B"}`},
		{"openbookqa", `{"question_stem":"q","choices":{"text":["B","A"],"label":["A","B"]},"answerKey":"A"}`},
		{"arc", `{"question":{"stem":"q","choices":[{"text":"x","label":"A"},{"text":"y","label":"B"}]},"answerKey":"B"}`},
		{"copa", `{"premise":"p","question":"cause","choice1":"x","choice2":"y","label":1}`},
		{"boolq", `{"passage":"p","question":"q","answer":true}`},
		{"boolq", `{"passage":"p","question":"q","label":false}`},
		{"rte", `{"premise":"a","hypothesis":"b","label":"entailment"}`},
		{"sst2", `{"sentence":"good","label":1}`},
		{"mrpc", `{"sentence1":"a","sentence2":"b","label":0}`},
		{"snli", `{"premise":"a","hypothesis":"b","label":2}`},
		{"stsb", `{"sentence1":"a","sentence2":"b","label":3.8}`},
	} {
		var row map[string]any
		if err := json.Unmarshal([]byte(c.record), &row); err != nil {
			t.Fatal(err)
		}
		task, err := tasks.Find(c.task)
		if err != nil {
			t.Fatal(err)
		}
		for key := range row {
			less := maps.Clone(row)
			delete(less, key)
			text, _ := json.Marshal(less)
			path := write(t, "r.jsonl", string(text))
			if set, err := task.Read(path); err == nil || !strings.HasPrefix(err.Error(), path+":1: ") {
				t.Errorf("%s without %s: %v, %v", c.task, key, set.Examples, err)
			}
		}
	}
}

// TestRead reads every task in every form in which it is published.
func TestRead(t *testing.T) {
	const race = `{"article":"A story.","questions":["Who?","Why?"],"options":[["a","b","c","d"],["e","f"]],"answers":["C","A"],"id":"high1.txt"}`
	const cloze = "InputStoryid,InputSentence1,InputSentence2,InputSentence3,InputSentence4,RandomFifthSentenceQuiz1,RandomFifthSentenceQuiz2,AnswerRightEnding\n"
	for _, c := range []struct{ task, file, text, want string }{
		{"sst2", "dev.tsv", "good\t1\nbad film\t0", `1 "good" 1; 2 "bad film" 0`},
		{"sst2", "train.tsv", "sentence\tlabel\ngood\t1\n", `2 "good" 1`},
		{"sst2", "stsa.binary.dev", "1 good , really\n0 bad\n", `1 "good , really" 1; 2 "bad" 0`},
		{"cola", "dev.tsv", "gj04\t1\t\tThe \"car\" honked.\nclc95\t0\t*\tIn way is.\n", `1 "The \"car\" honked." 1; 2 "In way is." 0`},
		{"mrpc", "train.txt", "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n1\t7\t8\tHe said \"no.\tHe refused.\r\n", `2 "He said \"no." "He refused." 1`},
		{"qqp", "train.tsv", "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n0\t1\t2\tWhy?\tHow?\t0\n", `2 "Why?" "How?" 0`},
		{"qqp", "torn.tsv", "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n0\t1\t2\tWhy is\n\tit?\tHow?\t0\n1\t3\t4\tWho?\t\t1\n2\t5\t6\tWhere?\tWhen?\t1\n",
			`5 "Where?" "When?" 1; skipped 3`},
		{"stsb", "dev.csv", "A man.,\"A \"\"man\"\", here\",4.75\r\n", `1 "A man." "A \"man\", here" 4.75`},
		{"stsb", "sts-dev.csv", "main-captions\tMSRvid\t2012test\t0000\t5.000\tA man.\tA \"man\".\n", `1 "A man." "A \"man\"." 5`},
		{"rte", "dev.csv", "premise,hypothesis,label\n\"One,\ntwo\",three,not_entailment\nx,y,entailment\n", `2 "One,\ntwo" "three" 1; 4 "x" "y" 0`},
		{"rte", "dev.tsv", "index\tsentence1\tsentence2\tlabel\n0\tx\ty\tentailment\n", `2 "x" "y" 0`},
		{"qnli", "dev.tsv", "index\tquestion\tsentence\tlabel\n0\tWho?\tHe.\tnot_entailment\n", `2 "Who?" "He." 1`},
		{"mnli", "m.jsonl", "{\"sentence1\":\"a\",\"sentence2\":\"b\",\"gold_label\":\"contradiction\"}\n\n{\"sentence1\":\"a\",\"sentence2\":\"b\",\"gold_label\":\"-\"}", `1 "a" "b" 2; skipped 1`},
		{"snli", "dev.csv", "premise,hypothesis,label\na,b,neutral\n", `2 "a" "b" 1`},
		{"scitail", "train.tsv", "a\tb\tentails\nc\td\tneutral\n", `1 "a" "b" 1; 2 "c" "d" 0`},
		{"ag_news", "test.csv", "\"3\",\"Fears\",\"Unions, say\"\n", `1 "Fears Unions, say" 2`},
		{"ag_news", "train.csv", "\"BEA buzzing\",3\n", `1 "BEA buzzing" 3`},
		{"trec", "train_5500.label", "DESC:manner How did it go ?\nNUM:date When ?\n", `1 "How did it go ?" 1; 2 "When ?" 5`},
		{"race", "high1.txt", race, `1 "A story." "Who?" ["a" "b" "c" "d"] 2; 1 "A story." "Why?" ["e" "f"] 0`},
		{"story_cloze", "test.csv", cloze + "id,A.,B.,C.,D.,Bad.,Good.,2\n", `2 "A. B. C. D." ["Bad." "Good."] 1`},
		{"commonsense_qa", "dev.jsonl", `{"question":"q","choices":{"label":["A","B"],"text":["x","y"]},"answerKey":"B"}`, `1 "q" ["x" "y"] 1`},
		{"commonsense_qa", "dev.jsonl", `{"answerKey":"A","question":{"stem":"q","choices":[{"label":"A","text":"x"},{"label":"B","text":"y"}]}}`, `1 "q" ["x" "y"] 0`},
		{"piqa", "dev.jsonl", `{"goal":"g","sol1":"x","sol2":"y","label":1}`, `1 "g" ["x" "y"] 1`},

		// The label of a published set is never searched for among the texts of the choices.
		{"piqa", "dev.jsonl", `{"goal":"g","sol1":"x","sol2":"y","label":1,"Label":0,"GOAL":"h"}`, `1 "g" ["x" "y"] 1`},
		{"piqa", "dev.jsonl", `{"goal":"g","sol1":"1","sol2":"0","label":1}`, `1 "g" ["1" "0"] 1`},
		{"race", "high1.txt", `{"article":"a","questions":["q"],"options":[["B","C","D","A"]],"answers":["A"]}`, `1 "a" "q" ["B" "C" "D" "A"] 0`},
		{"race", "race.jsonl", `{"article":"a","question":"q","options":["B","A"],"answer":"A"}`, `1 "a" "q" ["B" "A"] 0`},
		{"race", "race.ndjson", `{"article":"a","question":"q","options":["B","A"],"answer":"A"}`, `1 "a" "q" ["B" "A"] 0`},
		{"story_cloze", "test.csv", cloze + "id,A.,B.,C.,D.,2,1,2\n", `2 "A. B. C. D." ["2" "1"] 1`},
		{"hellaswag", "val.jsonl", `{"ctx":"c","endings":["3","2","1","0"],"label":"3"}` + "\n" + `{"ctx":"c","endings":["1","0"],"label":0}`, `1 "c" ["3" "2" "1" "0"] 3; 2 "c" ["1" "0"] 0`},
		{"openbookqa", "dev.jsonl", `{"question_stem":"q","choices":{"text":["B","A"],"label":["A","B"]},"answerKey":"A"}`, `1 "q" ["B" "A"] 0`},
		{"arc", "dev.jsonl", `{"question":"q","choices":{"text":["2","1"],"label":["1","2"]},"answerKey":"1"}`, `1 "q" ["2" "1"] 0`},
		{"arc", "dev.jsonl", `{"question":{"stem":"q","choices":[{"text":"x","label":"A"},{"text":"y","label":"B"}]},"answerKey":"B"}`, `1 "q" ["x" "y"] 1`},

		{"copa", "val.jsonl", `{"premise":"It rained.","choice1":"1","choice2":"0","question":"effect","label":1,"idx":0}` + "\n" +
			`{"premise":"p","choice1":"x","choice2":"y","question":"cause"` + `,"label":-1}`, `1 "It rained." "effect" ["1" "0"] 1; skipped 1`},
		{"boolq", "dev.jsonl", `{"question":"is it","title":"t","answer":true,"passage":"p"}` + "\n" + `{"question":"is it","passage":"p","idx":1,"label":false}` + "\n" +
			`{"question":"q","passage":"p","label":1}`, `1 "p" "is it" 1; 2 "p" "is it" 0; 3 "p" "q" 1`},
		{"rte", "val.jsonl", `{"premise":"a","hypothesis":"b","label":"not_entailment","idx":0}`, `1 "a" "b" 1`},

		// Hugging Face's versions have columns with other names, and classes as numbers in the order of the ClassLabels,
		// with −1 for an unknown class.
		{"sst2", "train.jsonl", `{"idx":0,"sentence":"good","label":1}`, `1 "good" 1`},
		{"sst2", "train.json", "[{\"sentence\":\"good\",\"label\":1},\n{\"sentence\":\"bad\",\"label\":0}]", `1 "good" 1; 2 "bad" 0`},
		{"sst2", "train.csv", "idx,sentence,label\r\n0,\"good, really\",1\r\n1,bad,0\r\n", `2 "good, really" 1; 3 "bad" 0`},
		{"sst2", "train.csv", "label,text\n1,good\n", `2 "good" 1`},
		{"sst2", "test.csv", "\ufeffsentence,label\ngood,1\nfine,-1\n", `2 "good" 1; skipped 1`},
		{"sst2", "stsa.binary.dev", "1 a sentence, the label\n", `1 "a sentence, the label" 1`},
		{"trec", "train.jsonl", `{"text":"How?","coarse_label":"DESC"}`, `1 "How?" 1`},
		{"rte", "train.jsonl", `{"sentence1":"a","sentence2":"b","label":0,"idx":0}` + "\n" + `{"sentence1":"c","sentence2":"d","label":1,"idx":1}`, `1 "a" "b" 0; 2 "c" "d" 1`},
		{"qnli", "dev.csv", "question,sentence,label,idx\nWho?,He.,1,0\n", `2 "Who?" "He." 1`},
		{"qqp", "dev.jsonl", `{"question1":"a","question2":"b","label":1}`, `1 "a" "b" 1`},
		{"mrpc", "dev.jsonl", `{"sentence1":"a","sentence2":"b","label":0}`, `1 "a" "b" 0`},
		{"cola", "dev.jsonl", `{"sentence":"a","label":1}` + "\n" + `{"sentence":"a","label":-1}`, `1 "a" 1; skipped 1`},
		{"snli", "dev.jsonl", `{"premise":"a","hypothesis":"b","label":2}` + "\n" + `{"premise":"a","hypothesis":"b","label":-1}`, `1 "a" "b" 2; skipped 1`},
		{"piqa", "test.jsonl", `{"goal":"g","sol1":"x","sol2":"y","label":-1}` + "\n" + `{"goal":"g","sol1":"x","sol2":"y","label":0}`, `2 "g" ["x" "y"] 0; skipped 1`},
		{"stsb", "dev.jsonl", `{"sentence1":"a","sentence2":"b","label":3.8,"idx":0}` + "\n" + `{"sentence1":"a","sentence2":"b","label":-1.0}`, `1 "a" "b" 3.8; skipped 1`},
		{"stsb", "dev.csv", "sentence1,sentence2,label,idx\na,b,2.5,7\n", `2 "a" "b" 2.5`},

		// In GLUE's SNLI, a row with five annotations also has label2 to label5, which are missing in the header of
		// train.tsv; the last field is the gold label.
		{"snli", "train.tsv", "index\tcaptionID\tpairID\ts1bp\ts2bp\ts1p\ts2p\tsentence1\tsentence2\tlabel1\tgold_label\n" +
			"0\tc\tp\t.\t.\t.\t.\tA man.\tA dog.\tneutral\tcontradiction\n" +
			"1\tc\tp\t.\t.\t.\t.\tA man.\tA cat.\tneutral\tentailment\tneutral\t\tneutral\tneutral\n" +
			"2\tc\tp\t.\t.\t.\t.\tA man.\tA cow.\tneutral\tentailment\tneutral\tcontradiction\tentailment\t-\n",
			`2 "A man." "A dog." 2; 3 "A man." "A cat." 1; skipped 1`},
	} {
		task, err := tasks.Find(c.task)
		if err != nil {
			t.Fatal(err)
		}
		set, err := task.Read(write(t, c.file, c.text))
		if err != nil {
			t.Errorf("%s: %v", c.task, err)
			continue
		}
		var got []string
		for _, e := range set.Examples {
			got = append(got, show(e))
		}
		if set.Skipped > 0 {
			got = append(got, fmt.Sprint("skipped ", set.Skipped))
		}
		if s := strings.Join(got, "; "); s != c.want {
			t.Errorf("%s %s:\n%s, want\n%s", c.task, c.file, s, c.want)
		}
	}
}

// TestPIQALabels: as published, the labels are in a separate file, one for each question; labels in the questions take
// precedence.
func TestPIQALabels(t *testing.T) {
	const question = `{"goal":"g","sol1":"1","sol2":"0"}`
	for _, c := range []struct{ questions, labels, want string }{
		{question + "\n" + question, "0\r\n1\r\n", "[0 1] <nil>"},
		{question + "\n" + `{"goal":"g","sol1":"x","sol2":"y","label":0}`, "1\n1\n", "[1 0] <nil>"},
		{question, "0\n1\n", "[] -labels.lst: 2 labels, want one for each of 1 questions"},
		{question + "\n" + question, "0\n", "[] .jsonl:2: no label, and none for it in -labels.lst"},
		{question, "x\n", `[] .jsonl:1: label "x" names none of 2 choices`},
	} {
		path := write(t, "valid.jsonl", c.questions)
		base := strings.TrimSuffix(path, ".jsonl")
		if err := os.WriteFile(base+"-labels.lst", []byte(c.labels), 0o666); err != nil {
			t.Fatal(err)
		}
		piqa, err := tasks.Find("piqa")
		if err != nil {
			t.Fatal(err)
		}
		set, err := piqa.Read(path)
		var labels []int
		for _, e := range set.Examples {
			labels = append(labels, e.Label)
		}
		if got := strings.ReplaceAll(fmt.Sprint(labels, " ", err), base, ""); got != c.want {
			t.Errorf("%q: %s, want %s", c.labels, got, c.want)
		}
	}
}

// TestErrors: an error names the file and the line, and says what was expected.
func TestErrors(t *testing.T) {
	for _, c := range []struct{ task, file, text, want string }{
		{"rte", "f.csv", "premise,hypothesis,label\na,b,maybe\n", `:2: label "maybe" is not one of entailment, not_entailment`},
		{"rte", "f.csv", "premise,label\na,entailment\n", `:2: no column hypothesis or sentence2; the file has label, premise`},
		{"rte", "f.csv", "premise,hypothesis,label\na, ,entailment\n", `:2: hypothesis is empty`},
		{"rte", "f.csv", "premise,hypothesis,label\na,entailment\n", `:2: 2 columns, want 3`},
		{"rte", "f.csv", "premise,hypothesis,label\na,b, and c,entailment\n", `:2: 4 columns, want 3`},
		{"rte", "f.csv", "premise,hypothesis,label\n", `: no examples`},
		{"rte", "f.csv", "", `: no examples`},
		{"rte", "f.jsonl", "{\"premise\":\"a\"\n", `:1: unexpected end of JSON input`},
		{"cola", "f.tsv", "gj04\t2\t\tThe car.\n", `:1: label "2" is not one of unacceptable, acceptable`},
		{"stsb", "f.csv", "a,b,5.5\n", `:1: score 5.5 is not between 0 and 5`},
		{"stsb", "f.csv", "a,b,good\n", `:1: score "good" is not a number`},
		{"sst2", "f", "2 fine\n", `:1: label "2" is not one of negative, positive`},
		{"trec", "f", "\nNUM:date\n", `:2: no text after the label`},
		{"ag_news", "f.csv", "\"5\",\"a\",\"b\"\n", `:1: label "5", want 1 to 4`},
		{"ag_news", "f.csv", "a,4\n", `:1: label "4", want 0 to 3`},
		{"race", "f.txt", `{"article":"a","questions":["q"],"options":[["a"]],"answers":["A"]}`, `: question 1: 1 choices, want 2 or more`},
		{"race", "f.txt", `{"article":"a","questions":["q"],"options":[["a","b"]],"answers":["C"]}`, `: question 1: label "C" names none of 2 choices`},
		{"race", "f.txt", `{"article":"a","questions":["q"]}`, `: 1 questions, 0 answers, 0 lists of options; want as many of each`},
		{"snli", "f.tsv", "sentence1\tsentence2\tlabel1\tgold_label\na\tb\ttorn\tneutral\tneutral\n", `:2: 5 columns, want 4`},
		{"rte", "f.jsonl", `{"sentence1":"a","sentence2":null,"label":0}`, `:1: sentence2 is empty`},
		{"sst2", "f.jsonl", `{"sentence":"a","label":null}`, `:1: label is empty`},
		{"sst2", "f.jsonl", `{"sentence":"a","label":-1}`, `: no examples: none of 1 has a label`},
		{"stsb", "f.jsonl", `{"sentence1":"a","sentence2":"b","label":-2}`, `:1: score -2 is not between 0 and 5`},
		{"trec", "f.jsonl", `{"text":"How?","coarse_label":0}`, `:1: label "0" is not one of ABBR, DESC, ENTY, HUM, LOC, NUM`},
		{"arc", "f.jsonl", `{"question":"q","choices":{"text":["A","B"],"label":["1","2"]},"answerKey":"A"}`, `:1: answerKey "A" is not one of the labels ["1" "2"]`},
		{"piqa", "f.jsonl", `{"goal":"g","sol1":"x","sol2":"y","label":2}`, `:1: label "2" names none of 2 choices`},
		{"copa", "f.jsonl", `{"premise":"p","question":"why","choice1":"x","choice2":"y","label":1}`, `:1: question "why", want cause or effect`},
		{"copa", "f.jsonl", `{"premise":"p","question":"cause","choice1":"x","choice2":"y","label":2}`, `:1: label "2" names none of 2 choices`},
		{"boolq", "f.jsonl", `{"passage":"p","question":"q","answer":"maybe"}`, `:1: label "maybe" is not one of no, yes`},
		{"commonsense_qa", "f.jsonl", `{"question":"q","choices":{"label":["A"],"text":["x","y"]},"answerKey":"A"}`, `:1: 1 labels for 2 choices`},
	} {
		task, err := tasks.Find(c.task)
		if err != nil {
			t.Fatal(err)
		}
		path := write(t, c.file, c.text)
		if _, err := task.Read(path); err == nil || err.Error() != path+c.want {
			t.Errorf("%s: %v, want %s%s", c.task, err, path, c.want)
		}
	}
	if _, err := tasks.Find("sst"); err == nil || err.Error() != `unknown task "sst"; did you mean "sst2"?` {
		t.Errorf("unknown: %v", err)
	}
}

// TestReadChoices: a number is an index, whatever the choices are, and a string must identify a single choice.
// lm-evaluation-harness also interprets a doc_to_target of type int as an index.
func TestReadChoices(t *testing.T) {
	const legs = `"question":"How many legs has a dog?","choices":["1","2","3","4"]`
	for text, want := range map[string]string{
		`{` + legs + `,"answer":1}`:                                                           "1",
		`{` + legs + `,"answer":3}`:                                                           "3",
		`{` + legs + `,"answer":4}`:                                                           `label "4" names none of 4 choices`,
		`{` + legs + `,"answer":-1}`:                                                          `label "-1" names none of 4 choices`,
		`{` + legs + `,"answer":1.0}`:                                                         `label "1.0" names none of 4 choices`,
		`{` + legs + `,"answer":"4"}`:                                                         "3",
		`{` + legs + `,"answer":"D"}`:                                                         "3",
		`{` + legs + `,"answer":"1"}`:                                                         `label "1" is the text of choice 1 and the index of choice 2; give the index, from 0, as a number`,
		`{"query":"q","options":["B","A"],"gold":"A"}`:                                        `label "A" is the text of choice 2 and the letter of choice 1; give the index, from 0, as a number`,
		`{"query":"q","options":["A","B"],"gold":"B"}`:                                        "1",
		`{"query":"q","options":["x","y","x"],"gold":"x"}`:                                    `label "x" is the text of choice 1 and the text of choice 3; give the index, from 0, as a number`,
		`{"query":"q","options":["x","y","x"],"gold":"y"}`:                                    "1",
		`{"query":"q","options":["0","1"],"gold":"1"}`:                                        "1",
		`{"query":"q","options":["x","y"],"target":"1"}`:                                      "1",
		`{"query":"q","context":null,"options":["x","y"],"gold":1}`:                           "1",
		`{"context":"c","question":"q","options":["x","y"],"gold":1}`:                         `context and question: want one of these keys, with the whole text, as the other would be lost`,
		`{"passage":"","context":" ","question":"q","options":["x","y"],"gold":1}`:            "1",
		`{"question":"q","choices":["x","y"],"answers":["y"],"label":1,"target":"explained"}`: "1",
		`{"passage":"p","question":"q","options":["x","y"],"gold":1}`:                         `question and passage: want one of these keys, with the whole text, as the other would be lost`,
		`{"passage":"p","options":["x","y"],"gold":1}`:                                        `want one of the keys context, ctx, query, question, prompt`,
		`{"query":"q","options":["x","y"],"label":1,"answer":"y"}`:                            "1",
		`{"query":"q","options":["x","y"],"label":1,"gold":0}`:                                `label and gold are different choices`,
		`{"query":"q","options":["x","y"]}`:                                                   `want one of the keys answer, label, gold, target`,
		`{"query":"q","options":["x","y"],"target":"z"}`:                                      `label "z" names none of 2 choices`,
		`{"query":"q","options":["x","y"],"target":["x"]}`:                                    `label "[\"x\"]" names none of 2 choices`,
		`{"query":"q","options":["x","y"],"target":12345678901234567890}`:                     `label "12345678901234567890" names none of 2 choices`,
	} {
		path := write(t, "own.jsonl", text)
		set, err := tasks.ReadChoices(path)
		got := ""
		if err != nil {
			got = strings.TrimPrefix(err.Error(), path+":1: ")
		} else {
			got = fmt.Sprint(set.Examples[0].Label)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// TestNumberLabels: a class that is a JSON number is identified by its text, as when pandas reads a column of numbers
// with dtype=str, and as Python's json keeps integers: no two classes are merged.
func TestNumberLabels(t *testing.T) {
	var lines []string
	for _, label := range []string{"1000000", "9007199254740993", "9007199254740992", "1", "1.0", "1e3", "true", `"x|y"`} {
		lines = append(lines, `{"text":"a","class":`+label+`}`)
	}
	task, set, err := tasks.Columns{Text: "text", Label: "class"}.Read(write(t, "own.jsonl", strings.Join(lines, "\n")), tasks.Classification, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(task.Labels, " "); got != "1 1.0 1000000 1e3 9007199254740992 9007199254740993 true x|y" {
		t.Errorf("labels %s", got)
	}
	if a, b := set.Examples[1].Label, set.Examples[2].Label; a == b {
		t.Errorf("two numbers are class %d", a)
	}
}

// TestColumns: a new task can be defined by its columns, without code.
func TestColumns(t *testing.T) {
	csv := write(t, "mail.csv", "id,subject,class\n1,Win money,spam\n2,Lunch?,ham\n3,Dinner?,ham\n")
	task, set, err := tasks.Columns{Text: "subject", Label: "class"}.Read(csv, tasks.Classification, nil)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(task.Labels) != "[ham spam]" || len(set.Examples) != 3 || set.Examples[0].Label != 1 {
		t.Errorf("labels %v, %+v", task.Labels, set)
	}
	// The labels of the training file apply to other files.
	if _, err := task.Read(write(t, "dev.csv", "subject,class\nx,eggs\n")); err == nil || !strings.HasSuffix(err.Error(), `dev.csv:2: label "eggs" is not one of ham, spam`) {
		t.Errorf("%v", err)
	}
	jsonl := write(t, "pairs.jsonl", `{"a":"x","b":"y","alike":3.5}`+"\n"+`{"a":"x","b":"z","alike":-1}`)
	task, set, err = tasks.Columns{Text: "a", Pair: "b", Score: "alike"}.Read(jsonl, tasks.Similarity, nil)
	if err != nil || !task.Regression || task.Low != -1 || task.High != 3.5 || set.Examples[1].Pair != "z" {
		t.Errorf("%+v %+v %v", task, set, err)
	}
	if task, _, err = (tasks.Columns{Text: "subject", Label: "class", Positive: "ham"}).Read(csv, tasks.Classification, nil); err != nil || fmt.Sprint(task.Labels, task.Metrics) != "[spam ham] [accuracy f1 matthews]" {
		t.Errorf("positive: %v %v", task.Labels, err)
	}
	three := write(t, "three.csv", "subject,class\na,x\nb,y\nc,z\n")
	if task, _, err = (tasks.Columns{Text: "subject", Label: "class"}).Read(three, tasks.Classification, nil); err != nil || fmt.Sprint(task.Metrics) != "[accuracy macro_f1 matthews]" {
		t.Errorf("three: %v %v", task.Metrics, err)
	}
	for label, want := range map[string]string{"x": ": a positive label needs exactly two labels; there are 3: x, y, z", "w": ": the positive label \"w\" is not one of x, y, z"} {
		if _, _, err := (tasks.Columns{Text: "subject", Label: "class", Positive: label}).Read(three, tasks.Classification, nil); err == nil || err.Error() != three+want {
			t.Errorf("positive %s: %v, want %s", label, err, want)
		}
	}
	for want, c := range map[string]tasks.Columns{
		"tasks: a range of scores from 0 to 0.5: want whole numbers, the second the larger by at most 1000":           {Text: "subject", Score: "class", High: 0.5},
		"tasks: a range of scores from 5 to 0: want whole numbers, the second the larger by at most 1000":             {Text: "subject", Score: "class", Low: 5},
		"tasks: name the column of the text and that of the label or the score":                                       {Text: "a"},
		"tasks: the columns do not fit a task of kind classification: a classification has one text, other kinds two": {Text: "a", Pair: "b", Label: "c"},
	} {
		if _, _, err := c.Read(jsonl, tasks.Classification, nil); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestShared reads the published files, if they are there, and counts their examples.
func TestShared(t *testing.T) {
	shared := filepath.Join("..", "..", "..", "shared", "data", "tasks")
	if _, err := os.Stat(shared); err != nil {
		t.Skip("no ../shared/data/tasks here")
	}
	for _, c := range []struct {
		task, file string
		want       int
	}{
		{"sst2", "sst2/train.tsv", 6920}, {"sst2", "sst2/dev.tsv", 872}, {"sst2", "sst2/test.tsv", 1821},
		{"sst2", "sst2/stsa.binary.train", 6920}, {"sst2", "sst2/stsa.binary.dev", 872},
		{"cola", "cola/in_domain_train.tsv", 8551}, {"cola", "cola/in_domain_dev.tsv", 527}, {"cola", "cola/out_of_domain_dev.tsv", 516},
		{"rte", "rte/train.csv", 2490}, {"rte", "rte/dev.csv", 277}, {"snli", "snli/dev.csv", 9831},
		{"mrpc", "mrpc/msr_paraphrase_train.txt", 4076}, {"mrpc", "mrpc/msr_paraphrase_test.txt", 1725},
		{"stsb", "stsb/stsb-en-train.csv", 5749}, {"stsb", "stsb/stsb-en-dev.csv", 1500}, {"stsb", "stsb/stsb-en-test.csv", 1379},
		{"commonsense_qa", "commonsense_qa/dev.jsonl", 1221}, {"piqa", "piqa/valid.jsonl", 1838},
		{"ag_news", "ag_news/test.csv", 7600}, {"ag_news", "ag_news/subset/train.csv", 5000}, {"ag_news", "ag_news/subset/test.csv", 1000},
	} {
		task, err := tasks.Find(c.task)
		if err != nil {
			t.Fatal(err)
		}
		set, err := task.Read(filepath.Join(shared, c.file))
		if err != nil || len(set.Examples) != c.want {
			t.Errorf("%s: %d examples, want %d: %v", c.file, len(set.Examples), c.want, err)
		}
	}
}

// TestMeasure compares the metrics with those of scikit-learn 1.9.1 and scipy 1.17.1.
func TestMeasure(t *testing.T) {
	truth := []float64{0, 1, 1, 0, 1, 1, 0, 1, 0, 1, 1, 0}
	guess := []float64{0, 1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1}
	truth3 := []float64{0, 1, 2, 0, 1, 2, 2, 1, 0, 0}
	guess3 := []float64{0, 2, 2, 0, 1, 1, 2, 1, 0, 2}
	scores := []float64{1.2, 3.4, 2.2, 5, 0, 3.4, 4.1, 2.2}
	rated := []float64{1, 3, 2.5, 4.75, 0.5, 2.5, 4.75, 3}
	flat := make([]float64, 8)
	for _, c := range []struct {
		metric       string
		guess, truth []float64
		want         float64
	}{
		{"accuracy", guess, truth, 0.6666666666666666},
		{"f1", guess, truth, 0.7142857142857143},
		{"f1", invert(guess), invert(truth), 0.6}, // pos_label=0
		{"macro_f1", guess3, truth3, 0.6984126984126983},
		{"macro_f1", []float64{0, 1, 1, 3, 4, 0, 3}, []float64{0, 1, 3, 3, 1, 0, 1}, 0.475}, // class 2 does not occur
		{"matthews", guess, truth, 0.3142857142857143},
		{"matthews", guess3, truth3, 0.5606060606060606},
		{"pearson", scores, rated, 0.9308523625517565},
		{"spearman", scores, rated, 0.8957223781626443},
		{"rmse", scores, rated, 0.5562148865321747},
		{"pearson", many(4.21, 257), rising(257), 0}, {"pearson", rising(277), many(2.7, 277), 0}, // the sum of these is rounded
		{"pearson", flat, rated, 0}, {"spearman", flat, rated, 0}, {"matthews", flat, flat, 0}, {"f1", flat, flat, 0},
	} {
		got, err := tasks.Measure(c.metric, c.guess, c.truth)
		if err != nil || math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v: %v", c.metric, got, c.want, err)
		}
	}
	if _, err := tasks.Measure("f1", guess3, truth3); err == nil || err.Error() != "tasks: f1 needs two classes, 0 and 1, but there is a class 2: use macro_f1" {
		t.Errorf("%v", err)
	}
	// precision_recall_fscore_support(labels=[0, 1, 2, 3], zero_division=0)
	want := []tasks.ClassScore{{Precision: 1, Recall: 0.75, F1: 6. / 7, Examples: 4}, {Precision: 2. / 3, Recall: 2. / 3, F1: 2. / 3, Examples: 3}, {Precision: 0.5, Recall: 2. / 3, F1: 4. / 7, Examples: 3}, {}}
	for i, got := range tasks.ClassScores(guess3, truth3, 4) {
		if w := want[i]; max(math.Abs(got.Precision-w.Precision), math.Abs(got.Recall-w.Recall), math.Abs(got.F1-w.F1)) > 1e-12 || got.Examples != w.Examples {
			t.Errorf("class %d: %+v, want %+v", i, got, w)
		}
	}
	if _, err := tasks.Measure("f2", guess, truth); err == nil || err.Error() != `unknown metric "f2"; did you mean "f1"?` {
		t.Errorf("%v", err)
	}
	if _, err := tasks.Measure("f1", nil, nil); err == nil || err.Error() != "tasks: 0 predictions for 0 examples" {
		t.Errorf("%v", err)
	}
}

// many returns n times x, and rising the numbers below n.
func many(x float64, n int) []float64 { return slices.Repeat([]float64{x}, n) }

func rising(n int) (all []float64) {
	for i := range n {
		all = append(all, float64(i))
	}
	return all
}

// TestScaled: scores of STS-B that are all small belong to a release with another scale.
func TestScaled(t *testing.T) {
	stsb, err := tasks.Find("stsb")
	if err != nil {
		t.Fatal(err)
	}
	path := write(t, "scaled.csv", "sentence1,sentence2,score\n"+strings.Repeat("a,b,0.76\n", 20))
	want := path + ": no score is above 1, where STS-B's are from 0 to 5; a release scaled to 0 to 1 is read with --kind similarity and --score"
	if _, err := stsb.Read(path); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if _, err := stsb.Read(write(t, "few.csv", "a,b,0.76\n")); err != nil {
		t.Error(err)
	}
}

func TestBetter(t *testing.T) {
	if !tasks.Better("f1", 0.5, 0.4) || tasks.Better("f1", 0.4, 0.4) || !tasks.Better("rmse", 0.4, 0.5) || tasks.Better("rmse", 0.5, 0.5) {
		t.Error("an F1 is better if larger, an error if smaller")
	}
}

// invert exchanges the two classes.
func invert(classes []float64) []float64 {
	other := make([]float64, len(classes))
	for i, c := range classes {
		other[i] = 1 - c
	}
	return other
}

func TestConfusion(t *testing.T) {
	got, err := tasks.Confusion([]int{0, 1, 1, 2}, []int{0, 1, 2, 2}, 3)
	if err != nil || fmt.Sprint(got) != "[[1 0 0] [0 1 0] [0 1 1]]" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := tasks.Confusion([]int{3}, []int{0}, 3); err == nil || err.Error() != "tasks: example 0: class 3 predicted for class 0, want classes below 3" {
		t.Errorf("%v", err)
	}
}

// TestAll: the names of tasks are unique, and their metrics exist.
func TestAll(t *testing.T) {
	seen := make(map[string]bool)
	for _, task := range tasks.All() {
		if seen[task.Name] || task.About == "" || len(task.Metrics) == 0 {
			t.Errorf("%+v", task)
		}
		seen[task.Name] = true
		if (task.Labels == nil) != (task.Regression || task.Kind == tasks.MultipleChoice) {
			t.Errorf("%s: labels %v", task.Name, task.Labels)
		}
		for _, m := range task.Metrics {
			if _, err := tasks.Measure(m, []float64{1}, []float64{1}); err != nil {
				t.Error(err)
			}
		}
	}
}

// FuzzRead: whatever a file holds, there is a set or an error, and labels are in range.
func FuzzRead(f *testing.F) {
	f.Add("rte", "premise,hypothesis,label\na,\"b\n\",entailment\n")
	f.Add("stsb", "a\tb\tc\td\t5\te\tf\n")
	f.Add("sst2", "1 good\n")
	f.Add("ag_news", "\"3\",\"Fears\",\"Unions\"\n")
	f.Add("piqa", `{"goal":"g","sol1":"x","sol2":"y","label":1}`)
	f.Add("commonsense_qa", `{"question":{"stem":"q"},"choices":{"label":["A"],"text":["x"]},"answerKey":"A"}`)
	f.Add("race", `{"article":"a","questions":["q"],"options":[["a","b"]],"answers":["B"]}`)
	f.Add("copa", `{"premise":"p","question":"cause","choice1":"x","choice2":"y","label":1}`)
	f.Add("boolq", `{"passage":"p","question":"q","answer":true}`)
	f.Add("arc", `{"question":{"stem":"q","choices":[{"text":"x","label":"1"},{"text":"y","label":"2"}]},"answerKey":"2"}`)
	f.Add("openbookqa", `{"question_stem":"q","choices":{"text":["x","y"],"label":["A","B"]},"answerKey":"A"}`)
	f.Add("story_cloze", "InputSentence1\nx\n")
	f.Fuzz(func(t *testing.T, name, text string) {
		task, err := tasks.Find(name)
		if err != nil {
			return
		}
		set, err := task.Read(write(t, "f.jsonl", text))
		if err != nil {
			if set, err = task.Read(write(t, "f.csv", text)); err != nil {
				return
			}
		}
		for _, e := range set.Examples {
			classes := len(task.Labels)
			if task.Kind == tasks.MultipleChoice {
				classes = len(e.Choices)
			}
			if !task.Regression && (e.Label < 0 || e.Label >= classes) || e.Text == "" {
				t.Fatalf("%+v", e)
			}
		}
	})
}

func ExampleFind() {
	task, err := tasks.Find("stsb")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(task.Kind, task.Low, task.High, task.Metrics)
	// Output: similarity 0 5 [pearson spearman]
}

func ExampleMeasure() {
	predicted, truth := []float64{1, 0, 1, 1}, []float64{1, 0, 0, 1}
	f1, err := tasks.Measure("f1", predicted, truth)
	fmt.Println(f1, err)
	// Output: 0.8 <nil>
}
