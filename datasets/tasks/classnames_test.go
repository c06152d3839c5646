package tasks_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/gorgpt/gorgpt/datasets/tasks"
)

// labeled is a row of a data set with two texts, for any task of classes.
type labeled struct {
	Sentence   string `parquet:"sentence"`
	Text       string `parquet:"text"`
	Premise    string `parquet:"premise"`
	Hypothesis string `parquet:"hypothesis"`
	Label      int64  `parquet:"label"`
}

// TestClassNames: the numbers of classes in a Parquet file are those that Hugging Face's datasets records in it, which
// may have another order than the task's, or belong to another task.
func TestClassNames(t *testing.T) {
	for _, c := range []struct {
		task, names, want string
	}{
		{"rte", "", `0 1 label "2" is not one of entailment, not_entailment`},
		{"rte", "not_entailment entailment x", `1 0 label "x" is not one of entailment, not_entailment`},
		{"snli", "entailment contradiction neutral", "0 2 1"}, // SuperGLUE's CB
		{"snli", "contradiction entailment neutral", "2 0 1"},
		{"sst2", "neg pos unsup", `0 1 label "unsup" is not one of negative, positive`}, // IMDB
		{"rte", "entailment non-entailment", `0 1 label "2" is not one of entailment, not_entailment`},
		{"sst2", "1 2", `0 1 label "2" is not one of negative, positive`},
		{"ag_news", "World Sports Business Sci/Tech", "0 1 2"},
		{"ag_news", "anger joy optimism sadness", `label "anger", want 0 to 3`},
		{"trec", "ABBR ENTY DESC HUM LOC NUM", "0 2 1"},
	} {
		task, err := tasks.Find(c.task)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for label := range 3 {
			set, err := task.Read(classFile(t, strings.Fields(c.names), int64(label)))
			if err != nil {
				_, why, _ := strings.Cut(err.Error(), ":1: ")
				got = append(got, why)
				break
			}
			got = append(got, fmt.Sprint(set.Examples[0].Label))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s with %s: %s, want %s", c.task, c.names, s, c.want)
		}
	}
	// In one's own table, classes are as they are written.
	task, _, err := tasks.Columns{Text: "text", Label: "label"}.Read(classFile(t, []string{"a", "b"}, 1), tasks.Classification, nil)
	if err != nil || strings.Join(task.Labels, " ") != "1" {
		t.Errorf("labels %v, %v", task.Labels, err)
	}
}

// classFile writes a file with one row.
func classFile(t *testing.T, names []string, label int64) string {
	t.Helper()
	about, err := json.Marshal(map[string]any{"info": map[string]any{"features": map[string]any{
		"text": map[string]any{"dtype": "string", "_type": "Value"}, "list": []any{map[string]any{"_type": "Value"}},
		"label": map[string]any{"names": names, "_type": "ClassLabel"},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	var options []parquet.WriterOption
	if len(names) > 0 {
		options = append(options, parquet.KeyValueMetadata("huggingface", string(about)))
	}
	var b bytes.Buffer
	w := parquet.NewGenericWriter[labeled](&b, options...)
	if _, err := w.Write([]labeled{{"a", "a", "a", "b", label}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return write(t, "f.parquet", b.String())
}
