package run_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gorgpt/gorgpt/run"
)

// tiny returns a recipe for a model that trains in no time, on a text in a directory.
func tiny(dir string) (run.Recipe, error) {
	text := filepath.Join(dir, "text.txt")
	r := run.Defaults()
	r.Data, r.Tokenizer, r.Layers, r.Heads, r.Width = text, "chars", 1, 1, 8
	r.Context, r.Batch, r.Steps, r.EvalEvery, r.EvalBatches = 8, 2, 4, 2, 1
	return r, os.WriteFile(text, []byte(strings.Repeat("to be or not to be\n", 20)), 0o666)
}

func ExampleCreate() {
	temp, err := os.MkdirTemp("", "run")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(temp)
	recipe, err := tiny(temp)
	if err != nil {
		fmt.Println(err)
		return
	}
	dir := filepath.Join(temp, "first")
	r, err := run.Create(recipe, dir, run.Options{StopAfter: 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = r.Train(context.Background())
	fmt.Println(err, r.Close())

	// The run stops after step 3 of 4, so it can be resumed.
	again, err := run.Resume(run.Dir(dir), recipe, run.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer again.Close()
	err = again.Train(context.Background())
	fmt.Println(err, again.First.Step, again.Last.Step)
	s, err := run.Summarize(run.Dir(dir))
	fmt.Println(s.Step, s.Model, err)
	// Output:
	// <nil> <nil>
	// <nil> 0 4
	// 4 gpt2-minute <nil>
}

// ExampleBranch extends a run from a checkpoint that was saved before its learning rate decayed, and leaves
// the finished run unchanged.
func ExampleBranch() {
	temp, err := os.MkdirTemp("", "run")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(temp)
	recipe, err := tiny(temp)
	if err != nil {
		fmt.Println(err)
		return
	}
	recipe.Schedule, recipe.Warmup, recipe.Steps = "wsd", 0, 10
	short := run.Dir(filepath.Join(temp, "short"))
	r, err := run.Create(recipe, string(short), run.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = r.Train(context.Background())
	fmt.Println(err, r.Close())

	recipe.Steps = 20
	longer, err := run.Branch(filepath.Join(short.Checkpoints(), "plateau"), filepath.Join(temp, "longer"), recipe, run.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer longer.Close()
	step, _ := longer.Saved()
	err = longer.Train(context.Background())
	fmt.Println(step, err, longer.Last.Step)
	// Output:
	// <nil> <nil>
	// 9 <nil> 20
}

func ExampleRecipe_Validate() {
	r := run.Defaults()
	r.Solver = "lyon"
	fmt.Println(r.Validate())
	// Output: unknown solver "lyon"; did you mean "lion"?
}

func ExampleTrained_Writer() {
	temp, err := os.MkdirTemp("", "run")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(temp)
	recipe, err := tiny(temp)
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := run.Create(recipe, filepath.Join(temp, "first"), run.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Train(context.Background()), r.Close())
	m, err := run.Load(r.Dir.Latest())
	if err != nil {
		fmt.Println(err)
		return
	}
	writing := run.DefaultWriting()
	writing.Tokens, writing.Samples = 5, 2
	w, err := m.Writer(writing)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer w.Close()
	prompt, err := w.Encode("to be")
	if err != nil {
		fmt.Println(err)
		return
	}
	texts, err := w.Texts(context.Background(), prompt)
	fmt.Println(len(texts), len(texts[0].IDs), texts[0].Finish, err)
	// Output:
	// <nil> <nil>
	// 2 5 length <nil>
}
