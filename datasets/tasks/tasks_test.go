package tasks_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
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

// show writes an example in a line.
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

// TestRead: every task in every form that it is published in.
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

// TestErrors: file and line, and what was expected.
func TestErrors(t *testing.T) {
	for _, c := range []struct{ task, file, text, want string }{
		{"rte", "f.csv", "premise,hypothesis,label\na,b,maybe\n", `:2: label "maybe" is none of entailment, not_entailment`},
		{"rte", "f.csv", "premise,label\na,entailment\n", `:2: no column hypothesis or sentence2; there are label, premise`},
		{"rte", "f.csv", "premise,hypothesis,label\na, ,entailment\n", `:2: hypothesis is empty`},
		{"rte", "f.csv", "premise,hypothesis,label\na,entailment\n", `:2: 2 columns, want 3`},
		{"rte", "f.csv", "premise,hypothesis,label\na,b, and c,entailment\n", `:2: 4 columns, want 3`},
		{"rte", "f.csv", "premise,hypothesis,label\n", `: no examples`},
		{"rte", "f.csv", "", `: no examples`},
		{"rte", "f.jsonl", "{\"premise\":\"a\"\n", `:1: unexpected end of JSON input`},
		{"cola", "f.tsv", "gj04\t2\t\tThe car.\n", `:1: label "2" is none of unacceptable, acceptable`},
		{"stsb", "f.csv", "a,b,5.5\n", `:1: score 5.5 is not between 0 and 5`},
		{"stsb", "f.csv", "a,b,good\n", `:1: score "good" is no number`},
		{"sst2", "f", "2 fine\n", `:1: label "2" is none of negative, positive`},
		{"trec", "f", "\nNUM:date\n", `:2: no text after the label`},
		{"ag_news", "f.csv", "\"5\",\"a\",\"b\"\n", `:1: label "5" is none of 1 to 4`},
		{"ag_news", "f.csv", "a,4\n", `:1: label "4" is none of 0 to 3`},
		{"race", "f.txt", `{"article":"a","questions":["q"],"options":[["a"]],"answers":["A"]}`, `: question 1: 1 choices, want 2 or more`},
		{"race", "f.txt", `{"article":"a","questions":["q"],"options":[["a","b"]],"answers":["C"]}`, `: question 1: label "C" names none of 2 choices`},
		{"race", "f.txt", `{"article":"a","questions":["q"]}`, `: 1 questions, 0 answers, 0 lists of options; want as many of each`},
		{"piqa", "f.jsonl", `{"goal":"g","sol1":"x","sol2":"y","label":2}`, `:1: label "2" is none of 0, 1`},
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

// TestColumns: a task of one's own needs no code.
func TestColumns(t *testing.T) {
	csv := write(t, "mail.csv", "id,subject,class\n1,Win money,spam\n2,Lunch?,ham\n3,Dinner?,ham\n")
	task, set, err := tasks.Columns{Text: "subject", Label: "class"}.Read(csv, tasks.Classification, nil)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(task.Labels) != "[ham spam]" || len(set.Examples) != 3 || set.Examples[0].Label != 1 {
		t.Errorf("labels %v, %+v", task.Labels, set)
	}
	// The labels of the training file hold for others.
	if _, err := task.Read(write(t, "dev.csv", "subject,class\nx,eggs\n")); err == nil || !strings.HasSuffix(err.Error(), `dev.csv:2: label "eggs" is none of ham, spam`) {
		t.Errorf("%v", err)
	}
	jsonl := write(t, "pairs.jsonl", `{"a":"x","b":"y","alike":3.5}`+"\n"+`{"a":"x","b":"z","alike":-1}`)
	task, set, err = tasks.Columns{Text: "a", Pair: "b", Score: "alike"}.Read(jsonl, tasks.Similarity, nil)
	if err != nil || !task.Regression || task.Low != -1 || task.High != 3.5 || set.Examples[1].Pair != "z" {
		t.Errorf("%+v %+v %v", task, set, err)
	}
	for want, c := range map[string]tasks.Columns{
		"tasks: name the column of the text and that of the label or the score": {Text: "a"},
		"tasks: the columns do not fit: classification":                         {Text: "a", Pair: "b", Label: "c"},
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

// TestMeasure compares with scikit-learn 1.9.1 and scipy 1.17.1.
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
		{"matthews", guess, truth, 0.3142857142857143},
		{"matthews", guess3, truth3, 0.5606060606060606},
		{"pearson", scores, rated, 0.9308523625517565},
		{"spearman", scores, rated, 0.8957223781626443},
		{"pearson", flat, rated, 0}, {"spearman", flat, rated, 0}, {"matthews", flat, flat, 0}, {"f1", flat, flat, 0},
	} {
		got, err := tasks.Measure(c.metric, c.guess, c.truth)
		if err != nil || math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v: %v", c.metric, got, c.want, err)
		}
	}
	if _, err := tasks.Measure("f2", guess, truth); err == nil || err.Error() != `unknown metric "f2"; did you mean "f1"?` {
		t.Errorf("%v", err)
	}
	if _, err := tasks.Measure("f1", nil, nil); err == nil || err.Error() != "tasks: 0 predictions for 0 examples" {
		t.Errorf("%v", err)
	}
}

func TestConfusion(t *testing.T) {
	got, err := tasks.Confusion([]int{0, 1, 1, 2}, []int{0, 1, 2, 2}, 3)
	if err != nil || fmt.Sprint(got) != "[[1 0 0] [0 1 0] [0 1 1]]" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := tasks.Confusion([]int{3}, []int{0}, 3); err == nil || err.Error() != "tasks: example 0: class 3 predicted for 0, there are 3" {
		t.Errorf("%v", err)
	}
}

// TestAll: names are unique and metrics known.
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
