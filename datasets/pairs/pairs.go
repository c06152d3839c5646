package pairs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/internal/nearest"
	"github.com/gorgpt/gorgpt/internal/plainjson"
	"github.com/gorgpt/gorgpt/internal/plaintext"
)

// Pair is a prompt and the response to it. For measurement, there may be several correct
// responses.
type Pair struct {
	Prompt    string
	Responses []string
	Line      int // line number in its file, from 1
}

// Read reads CoQA's file if the name ends in .json, and otherwise JSON lines with the customary
// keys: prompt, question, dialogue, article, document, text, source or input; and response,
// answer(s), summary (or summary1 to 3), highlights, target or output. If there is an instruction,
// as in Alpaca, it is the prompt, followed by the input in a separate paragraph if it is not empty.
// A line with two prompt keys, or with a context, a passage, a system prompt or a history besides one,
// is an error, as one would be lost.
func Read(path string) ([]Pair, error) {
	if filepath.Ext(path) == ".json" {
		return ReadCoQA(path)
	}
	return readLinesOf(path, customary)
}

// customaryPrompts are the prompt keys, of which a line may have one.
var customaryPrompts = []string{"prompt", "question", "dialogue", "article", "document", "text", "source", "input"}

// besidePrompts are keys of what belongs to a prompt, but is not read.
var besidePrompts = []string{"context", "passage", "paragraph", "story", "system", "system_prompt", "history"}

var customaryResponses = []string{"response", "answer", "answers", "summary", "summary1", "summary2", "summary3", "highlights", "target", "output"}

// customary parses a line with customary keys.
func customary(line []byte) (Pair, error) {
	var row map[string]json.RawMessage
	if err := plainjson.Unmarshal(line, &row); err != nil {
		return Pair{}, err
	}
	var found []string
	for _, key := range slices.Concat(customaryPrompts, besidePrompts, []string{"instruction"}) {
		if row[key] != nil && !empty(row[key]) {
			found = append(found, key)
		}
	}
	switch {
	case slices.Equal(found, []string{"input", "instruction"}):
		p, err := parse(line, []string{"instruction"}, customaryResponses)
		if err != nil {
			return p, err
		}
		input, err := parse(line, []string{"input"}, customaryResponses)
		p.Prompt += "\n\n" + input.Prompt
		return p, err
	case len(found) > 1:
		return Pair{}, fmt.Errorf("%s could each be the prompt or part of it: put the whole prompt under one key, such as prompt", strings.Join(found, " and "))
	case slices.Equal(found, []string{"instruction"}):
		return parse(line, found, customaryResponses)
	}
	return parse(line, customaryPrompts, customaryResponses)
}

// empty reports whether a JSON value is null, a text of spaces, or a list without elements.
func empty(value json.RawMessage) bool {
	var text string
	if json.Unmarshal(value, &text) == nil { // null leaves it empty
		return strings.TrimSpace(text) == ""
	}
	var list []json.RawMessage
	return json.Unmarshal(value, &list) == nil && len(list) == 0
}

// ReadJSONL reads JSON lines. The arguments prompt and response are keys, or several keys
// separated by bars. The prompt is the text of the first key that is present. All response keys
// that are present contribute responses; each holds a text or a list of texts.
func ReadJSONL(path, prompt, response string) ([]Pair, error) {
	prompts, responses := strings.Split(prompt, "|"), strings.Split(response, "|")
	return readLinesOf(path, func(line []byte) (Pair, error) { return parse(line, prompts, responses) })
}

// readLinesOf parses each line that is not blank as a pair.
func readLinesOf(path string, parse func(line []byte) (Pair, error)) ([]Pair, error) {
	data, err := plaintext.Read(path)
	if err != nil {
		return nil, err
	}
	var all []Pair
	number := 0
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		number++
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		p, err := parse(line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, number, err)
		}
		p.Line = number
		all = append(all, p)
	}
	return some(all, path)
}

func parse(line []byte, prompts, responses []string) (p Pair, err error) {
	var row map[string]json.RawMessage
	if err := plainjson.Unmarshal(line, &row); err != nil {
		return p, fmt.Errorf("not a JSON object with prompt and response; plain text lines need a separate file of responses: %w", err)
	}
	for _, key := range prompts {
		if value := row[key]; value != nil {
			if err := plainjson.Unmarshal(value, &p.Prompt); err != nil {
				return p, fmt.Errorf("key %s: %w", key, err)
			}
			break
		}
	}
	for _, key := range responses {
		value := row[key]
		if value == nil {
			continue
		}
		texts, err := []string(nil), error(nil)
		if value[0] == '[' {
			err = plainjson.Unmarshal(value, &texts)
		} else {
			texts = make([]string, 1)
			err = plainjson.Unmarshal(value, &texts[0])
		}
		if err != nil {
			return p, fmt.Errorf("key %s: %w", key, err)
		}
		p.Responses = append(p.Responses, texts...)
	}
	if strings.TrimSpace(p.Prompt) == "" {
		return p, fmt.Errorf("no text under %s", strings.Join(prompts, " or "))
	}
	return p, p.check(strings.Join(responses, " or "))
}

func (p Pair) check(where string) error {
	if len(p.Responses) == 0 {
		return fmt.Errorf("no text under %s", where)
	}
	for _, r := range p.Responses {
		if strings.TrimSpace(r) == "" {
			return fmt.Errorf("an empty text under %s", where)
		}
	}
	return nil
}

// ReadParallel reads two files with the same number of lines, such as translations of each
// other. Lines end only with "\n" or "\r\n".
func ReadParallel(prompts, responses string) ([]Pair, error) {
	left, err := readLines(prompts)
	if err != nil {
		return nil, err
	}
	right, err := readLines(responses)
	if err != nil {
		return nil, err
	}
	if len(left) != len(right) {
		return nil, fmt.Errorf("%s has %d lines, %s %d", prompts, len(left), responses, len(right))
	}
	var all []Pair
	for i, text := range left {
		if strings.TrimSpace(text) == "" || strings.TrimSpace(right[i]) == "" {
			return nil, fmt.Errorf("%s:%d: a line of the pair is empty", prompts, i+1)
		}
		all = append(all, Pair{text, []string{right[i]}, i + 1})
	}
	return some(all, prompts)
}

func readLines(path string) ([]string, error) {
	data, err := plaintext.Read(path)
	if err != nil {
		return nil, err
	}
	if len(data) == 0 {
		return nil, fmt.Errorf("%s: empty", path)
	}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSuffix(line, "\r")
	}
	return lines, nil
}

// ReadCoQA reads conversations about a text in CoQA's format (Reddy et al. 2019). Each question
// becomes a prompt that consists of the text, the previous questions and answers, and the
// question itself, on which GPT-2's paper (§3.5) conditions. Additional answers by other
// annotators are responses too.
func ReadCoQA(path string) ([]Pair, error) {
	data, err := plaintext.Read(path)
	if err != nil {
		return nil, err
	}
	type turn struct {
		Text string `json:"input_text"`
	}
	var file struct {
		Data []struct {
			ID         string `json:"id"`
			Story      string
			Questions  []turn
			Answers    []turn
			Additional map[string][]turn `json:"additional_answers"`
		}
	}
	if err := plainjson.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var all []Pair
	for i, d := range file.Data {
		if d.Story == "" || len(d.Questions) != len(d.Answers) {
			return nil, fmt.Errorf("%s: conversation %d (%s): want a story and as many answers as questions; there are %d and %d",
				path, i+1, d.ID, len(d.Answers), len(d.Questions))
		}
		said := d.Story + "\n\n"
		for k, q := range d.Questions {
			p := Pair{Prompt: said + "Q: " + q.Text + "\nA:", Responses: []string{d.Answers[k].Text}, Line: 1}
			for _, name := range []string{"0", "1", "2"} {
				if more := d.Additional[name]; k < len(more) {
					p.Responses = append(p.Responses, more[k].Text)
				}
			}
			if err := p.check("answers"); err != nil {
				return nil, fmt.Errorf("%s: conversation %d, question %d: %w", path, i+1, k+1, err)
			}
			all = append(all, p)
			said = p.Prompt + " " + p.Responses[0] + "\n"
		}
	}
	return some(all, path)
}

func some(all []Pair, path string) ([]Pair, error) {
	if len(all) == 0 {
		return nil, errors.New(path + ": no pairs")
	}
	return all, nil
}

// Template is the form in which a prompt is given to a model: text before and after it. The
// response follows after a space.
type Template struct {
	Name, About   string
	Before, After string
}

// Templates returns the templates of GPT-2's paper (§3.5 to 3.7) and the plain one.
func Templates() []Template {
	return []Template{
		{"plain", "the prompt as it is", "", ""},
		{"tldr", "a text, then TL;DR: and its summary", "", "\nTL;DR:"},
		{"equals", "a sentence = its translation", "", " ="},
		{"question", "Q: and a question, A: and the answer", "Q: ", "\nA:"},
	}
}

// TemplateNames returns the names of [Templates].
func TemplateNames() []string {
	var names []string
	for _, t := range Templates() {
		names = append(names, t.Name)
	}
	return names
}

// FindTemplate returns the named template. The error for an unknown name suggests the nearest.
func FindTemplate(name string) (Template, error) {
	for _, t := range Templates() {
		if t.Name == name {
			return t, nil
		}
	}
	return Template{}, nearest.Unknown("template", name, TemplateNames())
}

// Apply returns the pairs with all prompts in the template's form. Responses then begin with a
// space, unless they begin with a newline.
func (t Template) Apply(set []Pair) []Pair {
	all := make([]Pair, len(set))
	for i, p := range set {
		all[i] = Pair{Prompt: t.Before + strings.TrimRight(p.Prompt, " ") + t.After, Line: p.Line}
		for _, r := range p.Responses {
			if !strings.HasPrefix(r, "\n") {
				r = " " + strings.TrimLeft(r, " ")
			}
			all[i].Responses = append(all[i].Responses, r)
		}
	}
	return all
}
