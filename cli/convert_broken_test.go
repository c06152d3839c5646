package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestConvertBrokenTokenizer: a broken tokenizer file is an error, and nothing is written. A file of a
// kind that is not supported is copied, which is reported.
func TestConvertBrokenTokenizer(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	if status, _, stderr := trainSmall(t, "--out", "run", "--tokenizer", "bpe:300", "--steps", "2"); status != 0 {
		t.Fatal(stderr)
	}
	whole := "run/checkpoints/latest"
	for _, c := range []struct {
		file   string
		spoil  func(string) string
		status int
		want   string
	}{
		{"tokenizer.json", func(s string) string { return s[:len(s)/2] }, 1, "tokenizer.json: broken: unexpected end of JSON input; fix it, or remove it to convert only the weights"},
		{"tokenizer.json", func(string) string { return "" }, 1, "tokenizer.json: broken: unexpected end of JSON input"},
		{"tokenizer.json", func(s string) string { return strings.Replace(s, "endoftext", "endof\xfftext", 1) }, 1, "tokenizer.json: broken: offset 131: byte 0xff is not valid UTF-8"},
		{"tokenizer_config.json", func(s string) string { return s + "}" }, 1, "tokenizer_config.json: broken: "},
		{"vocab.json", func(s string) string { return s[:9] }, 1, "vocab.json: broken: "},
		{"tokenizer.json", func(s string) string { return strings.Replace(s, `"BPE"`, `"Unigram"`, 1) }, 0, "copied, but cannot be read here: "},
		{"tokenizer.json", func(s string) string { return s }, 0, "tokenizer.json, tokenizer_config.json, vocab.json\nout\n"},
	} {
		os.RemoveAll("in")
		os.RemoveAll("out")
		target, err := filepath.EvalSymlinks(whole)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS("in", os.DirFS(target)); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("in", c.file)
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, c.spoil(string(before)))
		status, stdout, stderr := gorgpt(t, t.Context(), "convert", "in", "out")
		if status != c.status || !strings.Contains(stdout+stderr, c.want) || exists("out") != (status == 0) {
			t.Errorf("%s: status %d, %s%s; want %d, %s", c.file, status, stdout, stderr, c.status, c.want)
		}
	}
}
