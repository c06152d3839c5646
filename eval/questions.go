package eval

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/internal/plainjson"
	"github.com/gorgpt/gorgpt/internal/plaintext"
)

// ReadHellaSwag reads HellaSwag's JSON lines (ctx, endings, label), with context and ending
// unchanged, as llm.c scores them.
func ReadHellaSwag(path string) ([]Question, error) {
	return put("hellaswag", "{text}").read(nil)(path)
}

// ReadHellaSwagHarness reads HellaSwag's JSON lines (activity_label, ctx_a, ctx_b, endings,
// label) as lm-evaluation-harness scores them: with the activity before the context, the second
// part of which has a capital first letter and the rest in lower case, and without WikiHow's marks.
func ReadHellaSwagHarness(path string) ([]Question, error) {
	return readJSONL(path, func(line []byte) (Question, error) {
		var row struct {
			Activity *string `json:"activity_label"`
			A        *string `json:"ctx_a"`
			B        *string `json:"ctx_b"`
			Endings  []string
			Label    json.RawMessage
		}
		if err := plainjson.Unmarshal(line, &row); err != nil {
			return Question{}, err
		}
		if row.Activity == nil || row.A == nil || row.B == nil {
			return Question{}, errors.New("want the keys activity_label, ctx_a, ctx_b")
		}
		if len(row.Endings) < 2 {
			return Question{}, fmt.Errorf("%d endings, want 2 or more", len(row.Endings))
		}
		answer, err := strconv.Atoi(strings.Trim(string(row.Label), `"`))
		if err != nil || answer < 0 || answer >= len(row.Endings) {
			return Question{}, fmt.Errorf("label %s names none of %d endings", row.Label, len(row.Endings))
		}
		context := wikiHow(*row.Activity + ": " + *row.A + " " + capital(*row.B))
		q := Question{Answer: answer}
		for i, text := range row.Endings {
			if text = wikiHow(text); text == "" {
				return Question{}, fmt.Errorf("ending %d is empty", i+1)
			}
			q.Choices = append(q.Choices, Choice{context, " " + text})
		}
		return q, nil
	})
}

var brackets = regexp.MustCompile(`\[.*?\]`)

// wikiHow removes the bracketed marks of HellaSwag's texts from WikiHow; " [title]" becomes the end
// of a sentence.
func wikiHow(text string) string {
	text = strings.ReplaceAll(strings.TrimFunc(text, isSpace), " [title]", ". ")
	return strings.ReplaceAll(brackets.ReplaceAllString(text, ""), "  ", " ")
}

// capital returns text with its first letter in title case and the rest in lower case.
func capital(text string) string {
	_, n := utf8.DecodeRuneInString(text)
	return strings.ToTitle(text[:n]) + strings.ToLower(text[n:])
}

// ReadChoices reads JSON lines with a question and its choices; see tasks.ReadChoices. A question and a
// choice are joined by a space, which belongs to the choice.
func ReadChoices(path string) ([]Question, error) {
	set, err := tasks.ReadChoices(path)
	if err != nil {
		return nil, err
	}
	return questions(set, func(e tasks.Example) Question { return filled("{text}", e, e.Choices) }), nil
}

// ReadWinograd reads Winograd schemas and WinoGrande as JSONL: a sentence with a _ where
// the pronoun is, option1, option2, and answer "1" or "2". The options are compared by the likelihood
// of what follows the pronoun, with the option in its place: the partial scoring of
// Trinh and Le (2018), which GPT-2's paper (§3.4) uses too.
func ReadWinograd(path string) ([]Question, error) { return readSchemas(path, false) }

// ReadWinogradFull is ReadWinograd with options compared by the likelihood of the whole sentence.
func ReadWinogradFull(path string) ([]Question, error) { return readSchemas(path, true) }

func readSchemas(path string, full bool) ([]Question, error) {
	return readJSONL(path, func(line []byte) (Question, error) {
		var row struct {
			Sentence, Option1, Option2 *string
			Answer                     json.RawMessage
		}
		if err := plainjson.Unmarshal(line, &row); err != nil {
			return Question{}, err
		}
		if row.Sentence == nil || row.Option1 == nil || row.Option2 == nil {
			return Question{}, errors.New("want the keys sentence, option1, option2")
		}
		before, after, ok := strings.Cut(*row.Sentence, "_")
		if !ok || strings.TrimSpace(after) == "" {
			return Question{}, errors.New("the sentence has no _ followed by text")
		}
		if strings.Contains(after, "_") {
			return Question{}, errors.New("the sentence has more than one _")
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
// Candidates are compared by the likelihood of the candidate and the rest of its sentence (GPT-2,
// §3.2).
func ReadCBT(path string) ([]Question, error) {
	data, err := plaintext.Read(path)
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
			return nil, bad("the answer %q is not one of the candidates", fields[1])
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

// readJSONL parses each line that is not blank.
func readJSONL(path string, parse func(line []byte) (Question, error)) ([]Question, error) {
	f, err := plaintext.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []Question
	err = eachLine(path, f, func(line []byte) error {
		q, err := parse(line)
		all = append(all, q)
		return err
	})
	if err == nil && len(all) == 0 {
		err = errors.New(path + ": no questions")
	}
	if err != nil {
		return nil, err
	}
	return all, nil
}
