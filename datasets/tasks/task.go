package tasks

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/gorgpt/gorgpt/internal/nearest"
)

// Kind says what an example consists of.
type Kind string

const (
	Classification Kind = "classification"  // Text
	Entailment     Kind = "entailment"      // Text is the premise, Pair the hypothesis
	Similarity     Kind = "similarity"      // Text and Pair, in any order
	MultipleChoice Kind = "multiple choice" // Text, the question as Pair if it is separate, and Choices
)

// Example is a labeled text.
type Example struct {
	Text, Pair string
	Choices    []string
	Label      int     // index of the class, or of the right choice
	Score      float64 // in place of Label, if Task.Regression is set
	Line       int     // line number in its file, from 1
	File       string  // the file, if the set consists of several
}

// Set holds the examples of a file.
type Set struct {
	Path     string // of the file; for RACE, of the folder
	Examples []Example
	// Skipped counts examples that are left out by design: those without a label, which
	// published sets mark with −1, and SNLI and MultiNLI with "-" where annotators disagreed;
	// and the broken lines in the published file of QQP (github.com/nyu-mll/GLUE-baselines/issues/5).
	Skipped int
}

// Task describes a data set and its conventions.
type Task struct {
	Name, About string
	Kind        Kind
	Labels      []string // the classes; none for multiple choice and regression. With two classes, F1 is of the second
	Regression  bool     // examples have a Score
	Low, High   float64  // the range of scores
	Metrics     []string // customary metrics, the main one first; see Metrics
	Published   string   // what GPT-1 reports, in words

	// Mean and Deviation are those of the scores. If the scores are a scale of whole numbers
	// from Low to High, Deviation is 0.
	Mean, Deviation float64

	given bool // the range was given, not found from examples
	read  func(path string) (Set, error)
}

// Read reads a file of the task; for RACE, it may be a folder of files.
func (t Task) Read(path string) (Set, error) { return t.read(path) }

// At returns an error whose message begins with the place of an example of the set, if known.
func (s Set) At(e Example, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	switch file := cmp.Or(e.File, s.Path); {
	case file != "":
		return fmt.Errorf("%s:%d: %w", file, e.Line, err)
	case e.Line > 0:
		return fmt.Errorf("line %d: %w", e.Line, err)
	}
	return err
}

// Find returns the named task. The error for an unknown name suggests the nearest.
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

// All returns all tasks.
func All() []Task {
	nli := []string{"entailment|0", "neutral|1", "contradiction|2"}
	two := []string{"entailment|0", "not_entailment|1|non-entailment"}
	premise := Columns{
		Text: "premise|sentence1", Pair: "hypothesis|sentence2", Label: "gold_label|label", unknown: []string{"-", "", "-1"},
		repeats: "label1", repeated: []string{"entailment", "neutral", "contradiction", "-", ""}, // label2 to label5
	}
	labeled := func(c Columns) Columns { c.unknown = []string{"-1"}; return c }
	return []Task{
		classification("sst2", "sentiment of film reviews, Stanford Sentiment Treebank", Classification,
			[]string{"negative|0|neg", "positive|1|pos"}, []string{"accuracy"}, "accuracy 91.3",
			labeled(Columns{Text: "sentence|text", Label: "label", names: map[int][]string{2: {"sentence", "label"}}}).tableOr(sst2)),
		classification("cola", "is an English sentence acceptable", Classification,
			[]string{"unacceptable|0", "acceptable|1"}, []string{"matthews", "accuracy"}, "Matthews correlation 45.4",
			labeled(Columns{Text: "sentence", Label: "label", names: map[int][]string{4: {"source", "label", "mark", "sentence"}}}).parse),
		classification("mrpc", "do two sentences say the same, Microsoft Research Paraphrase Corpus", Similarity,
			[]string{"different|0|not_equivalent", "paraphrase|1|equivalent"}, []string{"f1", "accuracy"}, "F1 82.3",
			labeled(Columns{Text: "#1 String|sentence1", Pair: "#2 String|sentence2", Label: "Quality|label"}).parse),
		classification("qqp", "do two questions ask the same, Quora Question Pairs", Similarity,
			[]string{"different|0|not_duplicate", "duplicate|1"}, []string{"f1", "accuracy"}, "F1 70.3",
			labeled(Columns{Text: "question1", Pair: "question2", Label: "is_duplicate|label", torn: true}).parse),
		stsb(),
		classification("rte", "recognizing textual entailment", Entailment, two, []string{"accuracy"}, "accuracy 56.0", labeled(premise).parse),
		classification("qnli", "does a sentence answer a question", Entailment, two, []string{"accuracy"}, "accuracy 88.1",
			labeled(Columns{Text: "question", Pair: "sentence", Label: "label"}).parse),
		classification("boolq", "is the answer to a question on a passage yes", Entailment, []string{"no|false|0|False", "yes|true|1|True"}, []string{"accuracy"}, "",
			labeled(Columns{Text: "passage", Pair: "question", Label: "answer|label"}).parse),
		classification("mnli", "inference in ten genres, MultiNLI", Entailment, nli, []string{"accuracy"}, "accuracy 82.1 matched, 81.4 mismatched", premise.parse),
		classification("snli", "inference on captions, Stanford NLI", Entailment, nli, []string{"accuracy"}, "accuracy 89.9", premise.parse),
		classification("scitail", "does a sentence entail an answer in science", Entailment,
			[]string{"neutral|neutrals", "entailment|entails"}, []string{"accuracy"}, "accuracy 88.3",
			Columns{Text: "premise|sentence1", Pair: "hypothesis|sentence2", Label: "gold_label|label",
				names: map[int][]string{3: {"premise", "hypothesis", "label"}}}.parse),
		classification("ag_news", "topics of news", Classification,
			[]string{"World", "Sports", "Business", "Sci/Tech"}, []string{"accuracy"}, "", readAGNews),
		classification("trec", "what a question asks for, coarse classes", Classification,
			[]string{"ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"}, []string{"accuracy"}, "",
			Columns{Text: "text|question", Label: "coarse_label|label_coarse|label"}.tableOr(trec)),
		choices("race", "reading comprehension from English examinations; a folder", "accuracy 59.0", readRACE),
		choices("story_cloze", "the right ending of two, ROCStories", "accuracy 86.5", readStoryCloze),
		choices("commonsense_qa", "common sense, five answers", "", readKeyed),
		choices("openbookqa", "elementary science, four answers", "", readKeyed),
		choices("arc", "science from school tests, four answers of most", "", readKeyed),
		choices("piqa", "physical common sense, two solutions", "", readPIQA),
		choices("copa", "the cause or the effect of two", "", readCOPA),
		choices("hellaswag", "the right ending of four of what people do", "", func(path string) (Set, error) {
			return readOwnChoices(path, answersOf["hellaswag"])
		}),
	}
}

func classification(name, about string, kind Kind, names, metrics []string, published string, parse func(path string, names classes) (Set, error)) Task {
	c := named(names)
	return Task{
		Name: name, About: about, Kind: kind, Labels: c.labels, Metrics: metrics, Published: published,
		read: func(path string) (Set, error) { return parse(path, c) },
	}
}

func choices(name, about, published string, read func(path string) (Set, error)) Task {
	return Task{Name: name, About: about, Kind: MultipleChoice, Metrics: []string{"accuracy"}, Published: published, read: read}
}

// stsb accepts GLUE's columns, Hugging Face's, and those of the original, with genre and file.
func stsb() Task {
	columns := Columns{
		Text: "sentence1", Pair: "sentence2", Score: "score|similarity_score|label", Low: 0, High: 5, unknown: []string{"-1", "-1.0"},
		names: map[int][]string{
			3: {"sentence1", "sentence2", "score"},
			7: {"genre", "file", "year", "id", "score", "sentence1", "sentence2"},
		},
	}
	return Task{
		Name: "stsb", About: "how alike are two sentences, 0 to 5, STS Benchmark", Kind: Similarity,
		Regression: true, Low: 0, High: 5, given: true, Metrics: []string{"pearson", "spearman"}, Published: "Pearson correlation 82.0",
		read: func(path string) (Set, error) {
			set, err := columns.parse(path, classes{})
			if err == nil && len(set.Examples) >= 20 && !slices.ContainsFunc(set.Examples, func(e Example) bool { return e.Score > 1 }) {
				err = fmt.Errorf("%s: no score is above 1, where STS-B's are from 0 to 5; a release scaled to 0 to 1 is read with --kind similarity and --score", path)
			}
			return set, err
		},
	}
}
