package eval

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// The readers of multiple choice. Each takes the path of a file and returns its questions;
// errors name file and line.
//
// A question and a choice are joined by a space, which belongs to the choice.

// ReadHellaSwag reads HellaSwag's JSONL (ctx, endings, label): context and ending as they
// are, which is how llm.c scores them.
func ReadHellaSwag(path string) ([]Question, error) {
	return readJSONL(path, func(line []byte) (Question, error) {
		var row struct {
			Ctx     *string
			Endings []string
			Label   json.RawMessage
		}
		if err := json.Unmarshal(line, &row); err != nil {
			return Question{}, err
		}
		if row.Ctx == nil {
			return Question{}, errors.New("no key ctx")
		}
		return question(*row.Ctx, row.Endings, row.Label)
	})
}

// ReadPIQA reads PIQA's JSONL (goal, sol1, sol2), with a key label or, as published, a file
// of labels beside it: valid-labels.lst for valid.jsonl.
func ReadPIQA(path string) ([]Question, error) {
	var labels []string
	beside := strings.TrimSuffix(path, filepath.Ext(path)) + "-labels.lst"
	if text, err := os.ReadFile(beside); err == nil {
		labels = strings.Fields(string(text))
	}
	n := 0
	all, err := readJSONL(path, func(line []byte) (Question, error) {
		var row struct {
			Goal, Sol1, Sol2 *string
			Label            json.RawMessage
		}
		if err := json.Unmarshal(line, &row); err != nil {
			return Question{}, err
		}
		if row.Goal == nil || row.Sol1 == nil || row.Sol2 == nil {
			return Question{}, errors.New("want the keys goal, sol1, sol2")
		}
		if row.Label == nil && n < len(labels) {
			row.Label = json.RawMessage(labels[n])
		}
		n++
		if row.Label == nil {
			return Question{}, fmt.Errorf("no label, and none for it in %s", beside)
		}
		return question("Question: "+*row.Goal+"\nAnswer:", []string{*row.Sol1, *row.Sol2}, row.Label)
	})
	if err == nil && labels != nil && len(labels) != n {
		return nil, fmt.Errorf("%s: %d labels, want one for each of %d questions", beside, len(labels), n)
	}
	return all, err
}

// ReadCommonsenseQA reads CommonsenseQA's JSONL (question, choices with label and text,
// answerKey), flat or as published, with the question one level down.
func ReadCommonsenseQA(path string) ([]Question, error) {
	type choices struct{ Label, Text []string }
	return readJSONL(path, func(line []byte) (Question, error) {
		var row struct {
			Question  json.RawMessage
			Choices   choices
			AnswerKey *string
		}
		if err := json.Unmarshal(line, &row); err != nil {
			return Question{}, err
		}
		var stem string
		if json.Unmarshal(row.Question, &stem) != nil {
			var nested struct {
				Stem    string
				Choices []struct{ Label, Text string }
			}
			if err := json.Unmarshal(row.Question, &nested); err != nil {
				return Question{}, err
			}
			stem = nested.Stem
			for _, c := range nested.Choices {
				row.Choices.Label = append(row.Choices.Label, c.Label)
				row.Choices.Text = append(row.Choices.Text, c.Text)
			}
		}
		if stem == "" || row.AnswerKey == nil {
			return Question{}, errors.New("want the keys question and answerKey")
		}
		if len(row.Choices.Label) != len(row.Choices.Text) {
			return Question{}, fmt.Errorf("%d labels for %d choices", len(row.Choices.Label), len(row.Choices.Text))
		}
		answer := indexOf(row.Choices.Label, *row.AnswerKey)
		if answer < 0 {
			return Question{}, fmt.Errorf("answerKey %q is none of the labels %q", *row.AnswerKey, row.Choices.Label)
		}
		return question("Question: "+stem+"\nAnswer:", row.Choices.Text, json.RawMessage(strconv.Itoa(answer)))
	})
}

// ReadChoices reads JSONL of one's own: a question under context, ctx, query, question or
// prompt; a list of texts under choices, endings, options or answers; the right one under
// answer, label, gold or target, as its index, its letter or its text.
func ReadChoices(path string) ([]Question, error) {
	return readJSONL(path, func(line []byte) (Question, error) {
		var row map[string]json.RawMessage
		if err := json.Unmarshal(line, &row); err != nil {
			return Question{}, err
		}
		var stem string
		var texts []string
		for _, field := range []struct {
			keys []string
			into any
		}{
			{[]string{"context", "ctx", "query", "question", "prompt"}, &stem},
			{[]string{"choices", "endings", "options", "answers"}, &texts},
		} {
			key := firstKey(row, field.keys)
			if key == "" {
				return Question{}, fmt.Errorf("none of the keys %s", strings.Join(field.keys, ", "))
			}
			if err := json.Unmarshal(row[key], field.into); err != nil {
				return Question{}, fmt.Errorf("key %s: %w", key, err)
			}
		}
		keys := []string{"answer", "label", "gold", "target"}
		key := firstKey(row, keys)
		if key == "" {
			return Question{}, fmt.Errorf("none of the keys %s", strings.Join(keys, ", "))
		}
		return question(stem, texts, row[key])
	})
}

// ReadWinograd reads Winograd schemas and WinoGrande as JSONL: a sentence with a _ where
// the pronoun is, option1, option2, and answer "1" or "2". What decides is the likelihood
// of what follows the pronoun, with each option in its place: the partial scoring of
// Trinh and Le (2018), which GPT-2's paper (§3.4) uses too.
func ReadWinograd(path string) ([]Question, error) { return readSchemas(path, false) }

// ReadWinogradFull is ReadWinograd with the likelihood of the whole sentence.
func ReadWinogradFull(path string) ([]Question, error) { return readSchemas(path, true) }

func readSchemas(path string, full bool) ([]Question, error) {
	return readJSONL(path, func(line []byte) (Question, error) {
		var row struct {
			Sentence, Option1, Option2 *string
			Answer                     json.RawMessage
		}
		if err := json.Unmarshal(line, &row); err != nil {
			return Question{}, err
		}
		if row.Sentence == nil || row.Option1 == nil || row.Option2 == nil {
			return Question{}, errors.New("want the keys sentence, option1, option2")
		}
		before, after, ok := strings.Cut(*row.Sentence, "_")
		if !ok || strings.TrimSpace(after) == "" {
			return Question{}, errors.New("the sentence has no _ with something after it")
		}
		answer := strings.Trim(string(row.Answer), `"`)
		if answer != "1" && answer != "2" {
			return Question{}, fmt.Errorf("answer %s, want 1 or 2", row.Answer)
		}
		q := Question{Answer: int(answer[0] - '1')}
		for _, option := range []string{*row.Option1, *row.Option2} {
			if option == "" {
				return Question{}, errors.New("an option is empty")
			}
			if full {
				q.Choices = append(q.Choices, Choice{"", before + option + after})
			} else {
				q.Choices = append(q.Choices, Choice{before + option, after})
			}
		}
		return q, nil
	})
}

var cbtLine = regexp.MustCompile(`^(\d+) (.*)$`)

// ReadCBT reads the Children's Book Test (Hill et al. 2016) as published: 20 numbered
// lines, then line 21 with XXXXX for the missing word, the answer, and ten candidates.
// What decides is the likelihood of the candidate and the rest of its sentence (GPT-2,
// §3.2).
func ReadCBT(path string) ([]Question, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all []Question
	var story []string
	for n, line := range strings.Split(string(data), "\n") {
		bad := func(format string, args ...any) error {
			return fmt.Errorf("%s:%d: %s", path, n+1, fmt.Sprintf(format, args...))
		}
		if line = strings.TrimSuffix(line, "\r"); line == "" {
			if len(story) > 0 {
				return nil, bad("the story ends after %d lines, without a question", len(story))
			}
			continue
		}
		numbered := cbtLine.FindStringSubmatch(line)
		if want := strconv.Itoa(len(story) + 1); numbered == nil || numbered[1] != want {
			return nil, bad("want a line that begins with %s and a space", want)
		}
		if len(story) < 20 {
			story = append(story, numbered[2])
			continue
		}
		fields := strings.Split(numbered[2], "\t")
		if len(fields) != 4 {
			return nil, bad("%d fields, want 4: question, answer, nothing, candidates", len(fields))
		}
		before, after, ok := strings.Cut(fields[0], "XXXXX")
		if !ok {
			return nil, bad("the question has no XXXXX")
		}
		q := Question{Answer: -1}
		for i, candidate := range strings.Split(fields[3], "|") {
			if candidate == fields[1] && q.Answer < 0 {
				q.Answer = i
			}
			q.Choices = append(q.Choices, Choice{strings.Join(story, " ") + " " + before, candidate + after})
		}
		if q.Answer < 0 {
			return nil, bad("the answer %q is none of the candidates", fields[1])
		}
		all, story = append(all, q), nil
	}
	if len(story) > 0 {
		return nil, fmt.Errorf("%s: the last story ends after %d lines, without a question", path, len(story))
	}
	if len(all) == 0 {
		return nil, errors.New(path + ": no questions")
	}
	return all, nil
}

// question makes a Question of texts that follow a stem.
func question(stem string, texts []string, label json.RawMessage) (Question, error) {
	if len(texts) < 2 {
		return Question{}, fmt.Errorf("%d choices, want 2 or more", len(texts))
	}
	answer, err := index(label, texts)
	if err != nil {
		return Question{}, err
	}
	q := Question{Answer: answer}
	for i, text := range texts {
		if strings.TrimSpace(text) == "" {
			return Question{}, fmt.Errorf("choice %d is empty", i+1)
		}
		q.Choices = append(q.Choices, Choice{stem, " " + strings.TrimLeft(text, " ")})
	}
	return q, nil
}

// index finds the right choice by a label: an index, its digits, a letter, or the text.
func index(label json.RawMessage, texts []string) (int, error) {
	var text string
	if json.Unmarshal(label, &text) != nil {
		text = string(label)
	}
	i := indexOf(texts, text)
	if n, err := strconv.Atoi(text); err == nil && i < 0 {
		i = n
	}
	if len(text) == 1 && text[0] >= 'A' && text[0] <= 'Z' && i < 0 {
		i = int(text[0] - 'A')
	}
	if i < 0 || i >= len(texts) {
		return 0, fmt.Errorf("label %s names none of the %d choices", label, len(texts))
	}
	return i, nil
}

func indexOf(list []string, s string) int {
	for i, x := range list {
		if x == s {
			return i
		}
	}
	return -1
}

func firstKey(row map[string]json.RawMessage, keys []string) string {
	for _, k := range keys {
		if row[k] != nil {
			return k
		}
	}
	return ""
}

// readJSONL has each line that is not blank parsed.
func readJSONL(path string, parse func(line []byte) (Question, error)) ([]Question, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all []Question
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 16<<20)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		q, err := parse(line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		all = append(all, q)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(all) == 0 {
		return nil, errors.New(path + ": no questions")
	}
	return all, nil
}
