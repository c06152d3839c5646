package tasks

import (
	"fmt"
	"strings"

	"github.com/gorgpt/gorgpt/internal/nearest"
)

// Kind is what an example consists of.
type Kind string

const (
	Classification Kind = "classification"  // Text
	Entailment     Kind = "entailment"      // Text is the premise, Pair the hypothesis
	Similarity     Kind = "similarity"      // Text and Pair, in any order
	MultipleChoice Kind = "multiple choice" // Text, where there is one the question as Pair, and Choices
)

// Example is a labelled text.
type Example struct {
	Text, Pair string
	Choices    []string
	Label      int     // index of the class, or of the right choice
	Score      float64 // in its place, where Task.Regression says so
	Line       int     // where it stands in its file, from 1
}

// Set is what a file holds.
type Set struct {
	Examples []Example
	// Skipped counts examples that are left out by design: those whose annotators did not
	// agree, which SNLI and MultiNLI mark "-", and the lines of QQP that are broken in the
	// published file (github.com/nyu-mll/GLUE-baselines/issues/5).
	Skipped int
}

// Task is a data set with its customs.
type Task struct {
	Name, About string
	Kind        Kind
	Labels      []string // the classes; none for multiple choice and regression
	Regression  bool     // examples have a Score
	Low, High   float64  // the range of scores
	Metrics     []string // customary ones, the first for the headline; see Metrics
	Published   string   // what GPT-1 reports, in words

	read func(path string) (Set, error)
}

// Read reads a file of the task; of RACE, a folder of files.
func (t Task) Read(path string) (Set, error) { return t.read(path) }

// Find returns the named task. The error for another name offers the nearest.
func Find(name string) (Task, error) {
	var known []string
	for _, t := range All() {
		if t.Name == name {
			return t, nil
		}
		known = append(known, t.Name)
	}
	return Task{}, nearest.Unknown("task", name, known)
}

// All lists the tasks.
func All() []Task {
	nli := []string{"entailment|0", "neutral|1", "contradiction|2"}
	premise := Columns{Text: "premise|sentence1", Pair: "hypothesis|sentence2", Label: "gold_label|label", skip: "-"}
	return []Task{
		classes("sst2", "sentiment of film reviews, Stanford Sentiment Treebank", Classification,
			[]string{"negative|0", "positive|1"}, []string{"accuracy"}, "accuracy 91.3", readSST2),
		classes("cola", "is an English sentence acceptable", Classification,
			[]string{"unacceptable|0", "acceptable|1"}, []string{"matthews", "accuracy"}, "Matthews correlation 45.4",
			Columns{Text: "sentence", Label: "label", names: map[int][]string{4: {"source", "label", "mark", "sentence"}}}.parse),
		classes("mrpc", "do two sentences say the same, Microsoft Research Paraphrase Corpus", Similarity,
			[]string{"different|0|not_equivalent", "paraphrase|1|equivalent"}, []string{"f1", "accuracy"}, "F1 82.3",
			Columns{Text: "#1 String|sentence1", Pair: "#2 String|sentence2", Label: "Quality|label"}.parse),
		classes("qqp", "do two questions ask the same, Quora Question Pairs", Similarity,
			[]string{"different|0", "duplicate|1"}, []string{"f1", "accuracy"}, "F1 70.3",
			Columns{Text: "question1", Pair: "question2", Label: "is_duplicate|label", torn: true}.parse),
		stsb(),
		classes("rte", "recognizing textual entailment", Entailment,
			[]string{"entailment", "not_entailment"}, []string{"accuracy"}, "accuracy 56.0", premise.parse),
		classes("qnli", "does a sentence answer a question", Entailment,
			[]string{"entailment", "not_entailment"}, []string{"accuracy"}, "accuracy 88.1",
			Columns{Text: "question", Pair: "sentence", Label: "label"}.parse),
		classes("mnli", "inference in ten genres, MultiNLI", Entailment, nli, []string{"accuracy"}, "accuracy 82.1 matched, 81.4 mismatched", premise.parse),
		classes("snli", "inference on captions, Stanford NLI", Entailment, nli, []string{"accuracy"}, "accuracy 89.9", premise.parse),
		classes("scitail", "does a sentence entail an answer in science", Entailment,
			[]string{"neutral|neutrals", "entailment|entails"}, []string{"accuracy"}, "accuracy 88.3",
			Columns{Text: "premise|sentence1", Pair: "hypothesis|sentence2", Label: "gold_label|label",
				names: map[int][]string{3: {"premise", "hypothesis", "label"}}}.parse),
		classes("ag_news", "topics of news", Classification,
			[]string{"World", "Sports", "Business", "Sci/Tech"}, []string{"accuracy"}, "", readAGNews),
		classes("trec", "what a question asks for, coarse classes", Classification,
			[]string{"ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"}, []string{"accuracy"}, "", readTREC),
		choices("race", "reading comprehension from English examinations; a folder", "accuracy 59.0", readRACE),
		choices("story_cloze", "the right ending of two, ROCStories", "accuracy 86.5", readStoryCloze),
		choices("commonsense_qa", "common sense, five answers", "", readCommonsenseQA),
		choices("piqa", "physical common sense, two solutions", "", readPIQA),
	}
}

func classes(name, about string, kind Kind, labels, metrics []string, published string, parse func(path string, labels []string) (Set, error)) Task {
	t := Task{Name: name, About: about, Kind: kind, Metrics: metrics, Published: published}
	for _, l := range labels {
		first, _, _ := strings.Cut(l, "|")
		t.Labels = append(t.Labels, first)
	}
	t.read = func(path string) (Set, error) { return parse(path, labels) }
	return t
}

func choices(name, about, published string, read func(path string) (Set, error)) Task {
	return Task{Name: name, About: about, Kind: MultipleChoice, Metrics: []string{"accuracy"}, Published: published, read: read}
}

func stsb() Task {
	t := Task{
		Name: "stsb", About: "how alike are two sentences, 0 to 5, STS Benchmark", Kind: Similarity,
		Regression: true, Low: 0, High: 5, Metrics: []string{"pearson", "spearman"}, Published: "Pearson correlation 82.0",
	}
	columns := Columns{Text: "sentence1", Pair: "sentence2", Score: "score", names: map[int][]string{
		3: {"sentence1", "sentence2", "score"},
		7: {"genre", "file", "year", "id", "score", "sentence1", "sentence2"},
	}}
	t.read = func(path string) (Set, error) {
		set, err := columns.parse(path, nil)
		for _, e := range set.Examples {
			if err == nil && !(e.Score >= t.Low && e.Score <= t.High) {
				err = fmt.Errorf("%s:%d: score %g is not between %g and %g", path, e.Line, e.Score, t.Low, t.High)
			}
		}
		return set, err
	}
	return t
}

// labelIndex finds a label among the classes, each given with its other names after bars.
func labelIndex(label string, labels []string) (int, error) {
	for i, names := range labels {
		for name := range strings.SplitSeq(names, "|") {
			if name == label {
				return i, nil
			}
		}
	}
	var known []string
	for _, names := range labels {
		first, _, _ := strings.Cut(names, "|")
		known = append(known, first)
	}
	return 0, fmt.Errorf("label %q is none of %s", label, strings.Join(known, ", "))
}
