package tasks

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// ReadChoices reads multiple choice of one's own, JSON lines: a question under context,
// ctx, query, question or prompt; a list of texts under choices, endings, options or
// answers; the right one under answer, label, gold or target, as its index, its letter or
// its text.
func ReadChoices(path string) (Set, error) {
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
		var label string
		if plainjson.Unmarshal(answer, &label) != nil {
			label = string(answer)
		}
		e.Label, err = choiceIndex(label, e.Choices)
		return e, err
	})
}

// choiceIndex finds the right choice by its text, its index or its letter.
func choiceIndex(label string, choices []string) (int, error) {
	i := slices.Index(choices, label)
	if n, err := strconv.Atoi(label); err == nil && i < 0 {
		i = n
	}
	if len(label) == 1 && label[0] >= 'A' && label[0] <= 'Z' && i < 0 {
		i = int(label[0] - 'A')
	}
	if i < 0 || i >= len(choices) {
		return 0, fmt.Errorf("label %q names none of %d choices", label, len(choices))
	}
	return i, nil
}

// readChoices reads JSON lines of multiple choice.
func readChoices(path string, parse func(text []byte) (Example, error)) (Set, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Set{}, err
	}
	var set Set
	err = eachJSON(path, data, func(number int, text []byte) error {
		e, err := parse(text)
		if err == nil {
			err = e.checkChoices()
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
	if text, err := os.ReadFile(beside); err == nil {
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
		label := strings.Trim(string(row.Label), `"`)
		if label == "" && n < len(labels) {
			label = labels[n]
		}
		n++
		if label == "" {
			return e, fmt.Errorf("no label, and none for it in %s", beside)
		}
		e.Text, e.Choices = row.Goal, []string{row.Sol1, row.Sol2}
		if e.Label = strings.Index("01", label); len(label) != 1 || e.Label < 0 {
			err = fmt.Errorf("label %q is none of 0, 1", label)
		}
		return e, err
	})
	if err == nil && labels != nil && len(labels) != n {
		return Set{}, fmt.Errorf("%s: %d labels, want one for each of %d questions", beside, len(labels), n)
	}
	return set, err
}

// readCommonsenseQA reads CommonsenseQA's JSON lines, flat or as published, with the question
// one level down.
func readCommonsenseQA(path string) (Set, error) {
	return readChoices(path, func(text []byte) (e Example, err error) {
		var row struct {
			Question  json.RawMessage
			Choices   struct{ Label, Text []string }
			AnswerKey string
		}
		if err := plainjson.Unmarshal(text, &row); err != nil {
			return e, err
		}
		if row.Question == nil || row.AnswerKey == "" {
			return e, errors.New("want the keys question and answerKey")
		}
		labels := row.Choices.Label
		e.Choices = row.Choices.Text
		if plainjson.Unmarshal(row.Question, &e.Text) != nil {
			var nested struct {
				Stem    string
				Choices []struct{ Label, Text string }
			}
			if err := plainjson.Unmarshal(row.Question, &nested); err != nil {
				return e, err
			}
			e.Text = nested.Stem
			for _, c := range nested.Choices {
				labels, e.Choices = append(labels, c.Label), append(e.Choices, c.Text)
			}
		}
		if len(labels) != len(e.Choices) {
			return e, fmt.Errorf("%d labels for %d choices", len(labels), len(e.Choices))
		}
		if e.Label = slices.Index(labels, row.AnswerKey); e.Label < 0 {
			err = fmt.Errorf("answerKey %q is none of the labels %q", row.AnswerKey, labels)
		}
		return e, err
	})
}

// readStoryCloze reads the table of Story Cloze: four sentences and two endings.
func readStoryCloze(path string) (Set, error) {
	rows, _, err := readTable(path, Columns{Text: "InputSentence1"})
	if err != nil {
		return Set{}, err
	}
	var set Set
	for _, r := range rows {
		e := Example{Line: r.line}
		var parts []string
		for _, name := range []string{
			"InputSentence1", "InputSentence2", "InputSentence3", "InputSentence4",
			"RandomFifthSentenceQuiz1", "RandomFifthSentenceQuiz2", "AnswerRightEnding",
		} {
			value, err := r.get(name)
			if err != nil {
				return Set{}, fmt.Errorf("%s:%d: %w", path, r.line, err)
			}
			parts = append(parts, value)
		}
		e.Text, e.Choices = strings.Join(parts[:4], " "), parts[4:6]
		if e.Label = strings.Index("12", parts[6]); len(parts[6]) != 1 || e.Label < 0 {
			return Set{}, fmt.Errorf("%s:%d: AnswerRightEnding %q is none of 1, 2", path, r.line, parts[6])
		}
		set.Examples = append(set.Examples, e)
	}
	return set.some(path)
}

// readRACE reads one file of RACE or all those in a folder and below, in the order of
// their names: an article with questions, of which each becomes an example.
func readRACE(path string) (Set, error) {
	var set Set
	err := filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || file != path && filepath.Ext(file) != ".txt" {
			return err
		}
		data, err := os.ReadFile(file)
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
				e.Label, err = choiceIndex(page.Answers[i], e.Choices)
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
