package tasks

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// readRACE reads one file of RACE, or all files in a folder and its subfolders in the order of
// their names. A file holds an article with questions, each of which becomes an example, or
// records with one question each, in Hugging Face's format.
func readRACE(path string) (Set, error) {
	if slices.Contains([]string{".jsonl", ".ndjson", ".parquet"}, filepath.Ext(path)) {
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
			e := Example{Text: page.Article, Pair: q, Choices: page.Options[i], Line: 1, File: file}
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
