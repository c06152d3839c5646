package eval_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gorgpt/gorgpt/eval"
)

// FuzzReaders: whatever a file holds, reading it gives questions whose answers are among the choices,
// or an error.
func FuzzReaders(f *testing.F) {
	f.Add(`{"sentence":"a _ b","option1":"x","option2":"y","answer":"2"}`)
	f.Add(`{"ctx":"a","endings":["x","y"],"label":"1"}`)
	f.Add(`{"activity_label":"a","ctx_a":"b [title] c","ctx_b":"d","endings":["x [y]","z"],"label":"1"}`)
	f.Add(`{"sentence":"a _ ","option1":"x","option2":"y","answer":"2"}`)
	f.Add(`{"goal":"g","sol1":"x","sol2":"y","label":1}`)
	f.Add(`{"question":"q","choices":{"label":["1","2"],"text":["x","y"]},"answerKey":"2"}`)
	f.Add(`{"premise":"é","question":"effect","choice1":"É","choice2":"y","label":1}`)
	f.Add(`{"passage":"p","question":"{text}","answer":true}`)
	f.Add("premise,hypothesis,label\na,b,entailment\n")
	f.Add("1 a\n2 b\n\n")
	f.Add("21 a XXXXX b\tx\t\tx|y\n")
	f.Add(`{"runs":[{"losses":[1],"tolerance":1}],"batch":{"size":1,"context":1,"ids":[1,2]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		readers := []func(string) ([]eval.Question, error){eval.ReadHellaSwag}
		for _, n := range eval.All() {
			for _, protocol := range n.Protocols {
				if m, ok := n.New(eval.Options{Protocol: protocol}).(eval.MultipleChoice); ok {
					readers = append(readers, m.Read)
				}
			}
		}
		for _, read := range readers {
			questions, err := read(path)
			if err == nil && len(questions) == 0 {
				t.Fatal("no questions and no error")
			}
			for _, q := range questions {
				if err != nil || q.Answer < 0 || q.Answer >= len(q.Choices) {
					t.Fatalf("%+v, %v", q, err)
				}
			}
		}
		g, err := eval.ParseGolden([]byte(text))
		if err == nil && len(g.Runs) > 0 && len(g.Batch.IDs) != g.Batch.Size*g.Batch.Context+1 {
			t.Fatalf("%+v", g.Batch)
		}
	})
}
