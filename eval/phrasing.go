package eval

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gorgpt/gorgpt/datasets/tasks"
)

// phrasing says how the items of a file become questions.
type phrasing struct {
	format string   // for the protocol
	words  []string // default verbalizers of the classes; nil if there are no classes
	read   func(words []string) func(path string) ([]Question, error)
}

// as returns the phrasing whose questions read reads from a file.
func as(format string, read func(path string) ([]Question, error)) phrasing {
	return phrasing{format, nil, func([]string) func(string) ([]Question, error) { return read }}
}

// ask returns the phrasing that makes a question of each example of a task.
func ask(task, format string, question func(e tasks.Example) Question) phrasing {
	return as(format, func(path string) ([]Question, error) {
		t, err := tasks.Find(task)
		if err != nil {
			return nil, err
		}
		set, err := t.Read(path)
		if err != nil {
			return nil, err
		}
		return questions(set, question), nil
	})
}

func questions(set tasks.Set, question func(e tasks.Example) Question) []Question {
	all := make([]Question, len(set.Examples))
	for i, e := range set.Examples {
		all[i] = question(e)
	}
	return all
}

// put returns the phrasing that fills a task's examples into a template, in which {text} and
// {pair} stand for an example's texts. The choices follow it after a space: the example's own or, if
// words are given, these, one for each class.
func put(task, template string, words ...string) phrasing {
	format := fmt.Sprintf("%s: %q", task, template)
	if words == nil {
		return ask(task, format, func(e tasks.Example) Question { return filled(template, e, e.Choices) })
	}
	return phrasing{format, words, func(chosen []string) func(string) ([]Question, error) {
		if chosen == nil {
			chosen = words
		}
		p := ask(task, format, func(e tasks.Example) Question { return filled(template, e, chosen) })
		return func(path string) ([]Question, error) {
			if err := checkWords(task, chosen); err != nil {
				return nil, err
			}
			return p.read(nil)(path)
		}
	}}
}

func filled(template string, e tasks.Example, choices []string) Question {
	prompt := strings.NewReplacer("{text}", e.Text, "{pair}", e.Pair).Replace(template)
	q := Question{Answer: e.Label}
	for _, text := range choices {
		q.Choices = append(q.Choices, Choice{prompt, " " + text})
	}
	return q
}

// checkWords returns an error unless there is a word for each class and no two are equal: equal ones would always have
// the same likelihood.
func checkWords(task string, words []string) error {
	t, err := tasks.Find(task)
	if err != nil {
		return err
	}
	labels := strings.Join(t.Labels, ", ")
	if len(words) != len(t.Labels) {
		return fmt.Errorf("eval: %d verbalizers for the %d classes of %s: want one for each of %s", len(words), len(t.Labels), task, labels)
	}
	seen := make(map[string]bool)
	for i, w := range words {
		if strings.TrimSpace(w) == "" {
			return fmt.Errorf("eval: the verbalizer of %s is empty", t.Labels[i])
		}
		if seen[w] {
			return fmt.Errorf("eval: two classes of %s have the verbalizer %q", task, w)
		}
		seen[w] = true
	}
	return nil
}

// cause phrases COPA as GPT-3's paper does (figure G.5): the premise without its period, because or
// therefore, and a choice with its first letter in lower case. The harness drops the last character of
// the premise whatever it is, and has two spaces before a choice.
func cause(harness bool) phrasing {
	return ask("copa", `copa: premise, "because" or "therefore", choice`, func(e tasks.Example) Question {
		text, space := strings.TrimRightFunc(strings.TrimFunc(e.Text, isSpace), func(r rune) bool { return r == '.' }), " "
		if harness {
			text, space = strings.TrimFunc(e.Text, isSpace), "  "
			_, n := utf8.DecodeLastRuneInString(text)
			text = text[:len(text)-n]
		}
		connective := map[string]string{"cause": " because", "effect": " therefore"}[e.Pair]
		q := Question{Answer: e.Label}
		for _, choice := range e.Choices {
			first, n := utf8.DecodeRuneInString(choice)
			q.Choices = append(q.Choices, Choice{text + connective, space + string(unicode.ToLower(first)) + choice[n:]})
		}
		return q
	})
}

// letters returns the phrasing that lists the choices under letters and scores the letter.
func letters(task string) phrasing {
	return ask(task, task+": Question: …, A. …, Answer: a letter", func(e tasks.Example) Question {
		var b strings.Builder
		b.WriteString("Question: " + strings.TrimFunc(e.Text, isSpace))
		for i, text := range e.Choices {
			fmt.Fprintf(&b, "\n%c. %s", 'A'+i, text)
		}
		b.WriteString("\nAnswer:")
		q := Question{Answer: e.Label}
		for i := range e.Choices {
			q.Choices = append(q.Choices, Choice{b.String(), fmt.Sprintf(" %c", 'A'+i)})
		}
		return q
	})
}

// stripped reads schemas as the harness does: with one space before what follows the pronoun,
// whatever white space there is.
func stripped(path string) ([]Question, error) {
	all, err := ReadWinograd(path)
	for _, q := range all {
		for i, c := range q.Choices {
			if c.Text = strings.TrimFunc(c.Text, isSpace); c.Text == "" {
				return nil, errors.New(path + ": a sentence has nothing after its _")
			}
			q.Choices[i].Text = " " + c.Text
		}
	}
	return all, err
}
