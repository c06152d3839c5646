package tasks

import (
	"fmt"
	"strings"
)

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
