package tasks

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/internal/plainjson"
	"github.com/gorgpt/gorgpt/internal/plaintext"
)

// ReadChoices reads multiple choice of one's own, JSON lines: a question under context,
// ctx, query, question or prompt; a list of texts under choices, endings, options or
// answers; the right one under answer, label, gold or target. A number there is its index
// from 0; a text is its text, its letter or its index, and an error where these are several.
func ReadChoices(path string) (Set, error) { return readOwnChoices(path, byAny) }

// readOwnChoices is ReadChoices with a rule for the right one.
func readOwnChoices(path string, rule answers) (Set, error) {
	return readChoices(path, func(text []byte) (e Example, err error) {
		var row map[string]json.RawMessage
		if err := plainjson.Unmarshal(text, &row); err != nil {
			return e, err
		}
		read := func(v any, keys ...string) error {
			for _, k := range keys {
				if row[k] == nil {
					continue
				}
				if err := plainjson.Unmarshal(row[k], v); err != nil {
					return fmt.Errorf("key %s: %w", k, err)
				}
				return nil
			}
			return fmt.Errorf("none of the keys %s", strings.Join(keys, ", "))
		}
		if err := read(&e.Text, "context", "ctx", "query", "question", "prompt"); err != nil {
			return e, err
		}
		if err := read(&e.Choices, "choices", "endings", "options", "answers"); err != nil {
			return e, err
		}
		var answer json.RawMessage
		if err := read(&answer, "answer", "label", "gold", "target"); err != nil {
			return e, err
		}
		e.Label, err = rule.indexJSON(answer, e.Choices, nil)
		return e, err
	})
}

// readChoices reads multiple choice from JSON lines or Parquet. Examples without a label are
// left out.
func readChoices(path string, parse func(text []byte) (Example, error)) (Set, error) {
	data, err := readFile(path)
	if err != nil {
		return Set{}, err
	}
	var set Set
	err = eachRecord(path, data, func(number int, text []byte) error {
		e, err := parse(text)
		if err == nil {
			err = e.checkChoices()
		}
		if errors.Is(err, errNoLabel) {
			set.Skipped++
			return nil
		}
		e.Line = number
		set.Examples = append(set.Examples, e)
		return err
	})
	if err != nil {
		return Set{}, err
	}
	return set.some(path)
}

func (e Example) checkChoices() error {
	if strings.TrimSpace(e.Text) == "" {
		return errors.New("the question is empty")
	}
	if len(e.Choices) < 2 {
		return fmt.Errorf("%d choices, want 2 or more", len(e.Choices))
	}
	for i, c := range e.Choices {
		if strings.TrimSpace(c) == "" {
			return fmt.Errorf("choice %d is empty", i+1)
		}
	}
	return nil
}

// readPIQA reads PIQA's JSON lines, whose labels stand in them or, as published, in a file
// beside: valid-labels.lst for valid.jsonl.
func readPIQA(path string) (Set, error) {
	var labels []string
	beside := strings.TrimSuffix(path, filepath.Ext(path)) + "-labels.lst"
	if text, err := plaintext.Read(beside); err == nil {
		labels = strings.Fields(string(text))
	} else if !errors.Is(err, fs.ErrNotExist) {
		return Set{}, err
	}
	n := 0
	set, err := readChoices(path, func(text []byte) (e Example, err error) {
		var row struct {
			Goal, Sol1, Sol2 string
			Label            json.RawMessage
		}
		if err := plainjson.Unmarshal(text, &row); err != nil {
			return e, err
		}
		if row.Goal == "" || row.Sol1 == "" || row.Sol2 == "" {
			return e, errors.New("want the keys goal, sol1, sol2")
		}
		if row.Label == nil && n < len(labels) {
			row.Label = json.RawMessage(labels[n])
		}
		n++
		if row.Label == nil {
			return e, fmt.Errorf("no label, and none for it in %s", beside)
		}
		e.Text, e.Choices = row.Goal, []string{row.Sol1, row.Sol2}
		e.Label, err = answersOf["piqa"].indexJSON(row.Label, e.Choices, nil)
		return e, err
	})
	if err == nil && labels != nil && len(labels) != n {
		return Set{}, fmt.Errorf("%s: %d labels, want one for each of %d questions", beside, len(labels), n)
	}
	return set, err
}

// readKeyed reads the form of CommonsenseQA, OpenBookQA and ARC: choices with keys, of which
// answerKey names one; flat, or as published, with the question one level down.
func readKeyed(path string) (Set, error) {
	return readChoices(path, func(text []byte) (e Example, err error) {
		var row struct {
			Question  json.RawMessage
			Stem      string `json:"question_stem"`
			Choices   struct{ Label, Text []string }
			AnswerKey *string
		}
		if err := plainjson.Unmarshal(text, &row); err != nil {
			return e, err
		}
		if row.Question == nil && row.Stem == "" || row.AnswerKey == nil {
			return e, errors.New("want the keys question and answerKey")
		}
		keys := row.Choices.Label
		e.Text, e.Choices = row.Stem, row.Choices.Text
		if row.Question != nil && plainjson.Unmarshal(row.Question, &e.Text) != nil {
			var nested struct {
				Stem    string
				Choices []struct{ Label, Text string }
			}
			if err := plainjson.Unmarshal(row.Question, &nested); err != nil {
				return e, err
			}
			e.Text = nested.Stem
			for _, c := range nested.Choices {
				keys, e.Choices = append(keys, c.Label), append(e.Choices, c.Text)
			}
		}
		if len(keys) != len(e.Choices) {
			return e, fmt.Errorf("%d labels for %d choices", len(keys), len(e.Choices))
		}
		e.Label, err = byKey.index(*row.AnswerKey, false, e.Choices, keys)
		return e, err
	})
}

// readStoryCloze reads the table of Story Cloze: four sentences and two endings.
func readStoryCloze(path string) (Set, error) {
	rows, _, err := readTable(path, Columns{Text: "InputSentence1|input_sentence_1"})
	if err != nil {
		return Set{}, err
	}
	var set Set
	for _, r := range rows {
		e := Example{Line: r.line}
		var parts []string
		for _, name := range []string{
			"InputSentence1|input_sentence_1", "InputSentence2|input_sentence_2", "InputSentence3|input_sentence_3", "InputSentence4|input_sentence_4",
			"RandomFifthSentenceQuiz1|sentence_quiz1", "RandomFifthSentenceQuiz2|sentence_quiz2", "AnswerRightEnding|answer_right_ending",
		} {
			value, err := r.get(name)
			if err != nil {
				return Set{}, fmt.Errorf("%s:%d: %w", path, r.line, err)
			}
			parts = append(parts, value)
		}
		e.Text, e.Choices = strings.Join(parts[:4], " "), parts[4:6]
		if e.Label, err = answersOf["story_cloze"].index(parts[6], false, e.Choices, nil); err != nil {
			return Set{}, fmt.Errorf("%s:%d: AnswerRightEnding: %w", path, r.line, err)
		}
		set.Examples = append(set.Examples, e)
	}
	return set.some(path)
}

// readRACE reads one file of RACE or all those in a folder and below, in the order of
// their names: an article with questions, of which each becomes an example; or records of a
// question each, as Hugging Face has them.
func readRACE(path string) (Set, error) {
	if slices.Contains([]string{".jsonl", ".parquet"}, filepath.Ext(path)) {
		return readChoices(path, func(text []byte) (e Example, err error) {
			var row struct {
				Article, Question, Answer *string
				Options                   []string
			}
			if err := plainjson.Unmarshal(text, &row); err != nil {
				return e, err
			}
			if row.Article == nil || row.Question == nil || row.Answer == nil {
				return e, errors.New("want the keys article, question, options, answer")
			}
			e.Text, e.Pair, e.Choices = *row.Article, *row.Question, row.Options
			e.Label, err = answersOf["race"].index(*row.Answer, false, e.Choices, nil)
			return e, err
		})
	}
	var set Set
	err := filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || file != path && filepath.Ext(file) != ".txt" {
			return err
		}
		data, err := readFile(file)
		if err != nil {
			return err
		}
		var page struct {
			Article            string
			Questions, Answers []string
			Options            [][]string
		}
		if err := plainjson.Unmarshal(data, &page); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		n := len(page.Questions)
		if n == 0 || len(page.Answers) != n || len(page.Options) != n {
			return fmt.Errorf("%s: %d questions, %d answers, %d lists of options; want as many of each", file, n, len(page.Answers), len(page.Options))
		}
		for i, q := range page.Questions {
			e := Example{Text: page.Article, Pair: q, Choices: page.Options[i], Line: 1}
			err := e.checkChoices()
			if err == nil {
				e.Label, err = answersOf["race"].index(page.Answers[i], false, e.Choices, nil)
			}
			if err != nil {
				return fmt.Errorf("%s: question %d: %w", file, i+1, err)
			}
			set.Examples = append(set.Examples, e)
		}
		return nil
	})
	if err != nil {
		return Set{}, err
	}
	return set.some(path)
}
