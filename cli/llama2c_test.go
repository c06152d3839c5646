package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/llama2c"
)

// storiesDir contains Karpathy's smallest model of stories, and the 200 greedy tokens that llama2.c generates with it.
const storiesDir = "../../shared/data/weights/stories260K"

// golden returns these tokens, preceded by token 1, which begins a text.
func golden(t *testing.T) (dir string, ids []int) {
	t.Helper()
	var of struct{ IDs []int }
	text, err := os.ReadFile(filepath.Join(storiesDir, "golden.json"))
	if err != nil {
		t.Skip(err)
	}
	if err := json.Unmarshal(text, &of); err != nil || len(of.IDs) != 201 {
		t.Fatalf("%d ids, %v", len(of.IDs), err)
	}
	return fixture(t, storiesDir), of.IDs
}

// begins and ends are the beginning and the end of the story in these tokens.
const (
	begins = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red ball."
	ends   = "Lily didn't want to help her mom, so she"
)

// TestStories: the model and the tokenizer of llama2.c's files give exactly its 200 greedy tokens: read from the files
// themselves, from the directory that they are converted to, and from the files that this is converted back to.
func TestStories(t *testing.T) {
	dir, want := golden(t)
	t.Chdir(t.TempDir())
	tell := func(from string) {
		t.Helper()
		status, stdout, stderr := gorgpt(t, t.Context(), "generate", "--from", from, "--greedy", "--tokens", "200", "--json")
		var got struct {
			Prompt []int `json:"prompt_ids"`
			IDs    []int
			Text   string
		}
		if err := json.Unmarshal([]byte(stdout), &got); status != 0 || err != nil {
			t.Fatalf("%s: status %d, %v: %s", from, status, err, stderr)
		}
		if !slices.Equal(append(got.Prompt, got.IDs...), want) || !strings.HasPrefix(got.Text, begins) || !strings.HasSuffix(got.Text, ends) {
			t.Errorf("%s: %v %v\n%q\nwant %v", from, got.Prompt, got.IDs, got.Text, want)
		}
	}
	convert := func(args ...string) {
		t.Helper()
		if status, _, stderr := gorgpt(t, t.Context(), append([]string{"convert"}, args...)...); status != 0 {
			t.Fatalf("convert %q: %s", args, stderr)
		}
	}
	tell(filepath.Join(dir, "stories260K.bin"))
	convert(filepath.Join(dir, "stories260K.bin"), "hf")
	tell("hf")
	if err := os.Mkdir("again", 0o777); err != nil {
		t.Fatal(err)
	}
	convert("hf", "again/model.bin", "--to", "llama2.c")
	tell("again/model.bin")
	const angles = 4 * 512 * 8 // bytes of the table of positions, which ends the file
	wrote, original := read(t, "again/model.bin"), read(t, filepath.Join(dir, "stories260K.bin"))
	if n := len(original) - angles; len(wrote) != len(original) || !bytes.Equal(wrote[:n], original[:n]) {
		t.Error("model.bin differs from stories260K.bin")
	}
	pieces, err := llama2c.ReadPieces(read(t, "again/tokenizer.bin"), 512)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := llama2c.ReadPieces(read(t, filepath.Join(dir, "tok512.bin")), 512)
	if err != nil || !slices.Equal(pieces.Tokens, theirs.Tokens) || !slices.Equal(pieces.Scores, theirs.Scores) {
		t.Errorf("tokenizer.bin differs from tok512.bin, %v", err)
	}
	status, _, stderr := gorgpt(t, t.Context(), "convert", "hf", "again/other.bin", "--to", "llama2.c")
	if want := "gorgpt: again/tokenizer.bin exists; choose another folder: existing files are never overwritten\n"; status != 1 || stderr != want {
		t.Errorf("beside a tokenizer: status %d, %s", status, stderr)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestConvertLlama2C converts each of llama2.c's formats, without a tokenizer.
func TestConvertLlama2C(t *testing.T) {
	root := fixture(t, "../checkpoint/testdata/models/llama")
	t.Chdir(t.TempDir())
	var first []byte
	for _, name := range []string{"first.bin", "version1.bin", "version2.bin"} {
		dir := "hf-" + strings.TrimSuffix(name, ".bin")
		status, stdout, stderr := gorgpt(t, t.Context(), "convert", filepath.Join(root, name), dir)
		stored := "F32"
		if name == "version2.bin" {
			stored = "F32, Q8_0"
		}
		want := "llama2.c model file (" + name + ", " + stored + ")\nllama of another size: 1,208 parameters, 2 layers, 4 heads, width 8, context 6, vocabulary 13\n"
		if status != 0 || !strings.HasPrefix(stdout, want) {
			t.Errorf("%s: status %d\n%s%swant\n%s", name, status, stdout, stderr, want)
		}
		if status, stdout, stderr = gorgpt(t, t.Context(), "convert", dir, "out-"+name, "--to", "llama2.c"); status != 0 || !strings.Contains(stdout, "tokenizer: no files beside the weights\n") {
			t.Errorf("back: status %d\n%s%s", status, stdout, stderr)
		}
		got, err := os.ReadFile("out-" + name)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = got
		}
		if !bytes.Equal(got, first) {
			t.Errorf("%s: it gives another file than first.bin", name)
		}
	}
}
