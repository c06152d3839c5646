package eval_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gorgpt/gorgpt/eval"
)

// FuzzReaders: whatever a file holds, there are questions whose answers are among the choices,
// or an error.
func FuzzReaders(f *testing.F) {
	f.Add(`{"sentence":"a _ b","option1":"x","option2":"y","answer":"2"}`)
	f.Add(`{"ctx":"a","endings":["x","y"],"label":"1"}`)
	f.Add(`{"activity_label":"a","ctx_a":"b [title] c","ctx_b":"d","endings":["x [y]","z"],"label":"1"}`)
	f.Add("1 a\n2 b\n\n")
	f.Add("21 a XXXXX b\tx\t\tx|y\n")
	f.Add(`{"runs":[{"losses":[1],"tolerance":1}],"batch":{"size":1,"context":1,"ids":[1,2]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		for _, read := range []func(string) ([]eval.Question, error){eval.ReadWinograd, eval.ReadWinogradFull, eval.ReadHellaSwag, eval.ReadHellaSwagHarness, eval.ReadCBT} {
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
