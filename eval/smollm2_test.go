package eval_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/chat"
	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/eval"
	"github.com/gorgpt/gorgpt/internal/smollm2"
	"github.com/gorgpt/gorgpt/models"
)

// TestHarnessSmolLM2 compares with the harness's results for a real trained model, read from its GGUF file. Some of
// the tasks use its chat template.
func TestHarnessSmolLM2(t *testing.T) {
	d, err := checkpoint.Open(smollm2.Path(t))
	if err != nil {
		t.Fatal(err)
	}
	m, params, err := d.LoadWeights()
	if err != nil {
		t.Fatal(err)
	}
	tok, err := d.Tokenizer(models.DimsOf(m).Vocab)
	if err != nil {
		t.Fatal(err)
	}
	s := eval.NewSubject(models.Graphs(m), params, tok, 64)
	t.Cleanup(func() { s.Close() })
	format, err := chat.For(s.Tokenizer)
	if err != nil {
		t.Fatal(err)
	}
	inChat := func(prompt string) ([]int, error) {
		return format.Prompt([]chat.Message{{Role: chat.User, Content: prompt}})
	}
	runs := readHarness(t, "smollm2")["smollm2"]
	if len(runs) != 17 {
		t.Fatalf("%d runs, want 17", len(runs))
	}
	for _, run := range runs {
		t.Run(fmt.Sprintf("%s/%d", run.Task, run.Shots), func(t *testing.T) {
			if s.Chat = nil; strings.HasSuffix(run.Task, "_chat") {
				s.Chat = inChat
			}
			compareRun(t, s, run, false)
		})
	}
}
