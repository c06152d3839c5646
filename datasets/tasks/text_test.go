package tasks_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/datasets/tasks"
)

// TestText: the rules of package plaintext apply to tables, and quotes are read as by pandas (read_csv of pandas 3.1.1,
// with keep_default_na=False).
func TestText(t *testing.T) {
	own := tasks.Columns{Text: "text", Label: "label"}
	for name, c := range map[string]struct{ content, want string }{
		"marked.csv":    {"\ufefftext,label\na,1\n", "a"},
		"marked.tsv":    {"\ufefftext\tlabel\na\t1\n", "a"},
		"marked.jsonl":  {"\ufeff{\"text\": \"a\", \"label\": \"1\"}\n", "a"},
		"crlf.csv":      {"text,label\r\n\"a\r\nb\",1\r\n", "a\r\nb"}, // encoding/csv drops the \r
		"mac.csv":       {"text,label\ra,1\rb,1\r", "a|b"},
		"odd.csv":       {"text,label\n\"a\"b\"c\",1\n", `ab"c"`},
		"inside.csv":    {"text,label\n5\" disk,1\n", `5" disk`},
		"twice.csv":     {"text,label,text,label\na,1,b,0\n", "a"}, // pandas calls the others text.1 and label.1
		"twice.tsv":     {"text\tlabel\tlabel\na\t1\t0\n", "a"},
		"blank.csv":     {"text,label\n\n  \na,1\n", "a"},
		"quoted.tsv":    {"text\tlabel\n\"say \"\"a\tb\"\"\"\t1\nc\t1\n", "say \"a\tb\"|c"},
		"raw.tsv":       {"text\tlabel\n\"Yes,\" he said\t1\n\"c\"\t1\n", `"Yes," he said|"c"`}, // quotes that no program that writes tables would add
		"rawlines.tsv":  {"text\tlabel\n\"a\t1\nb\"\t1\n", `"a|b"`},                             // two rows, not one as in pandas
		"lines.tsv":     {"text\tlabel\n\"a\n\nb\"\t1\n", "a\n\nb"},
		"open.csv":      {"text,label\n\"a,1\nb,1\n", "open.csv: line 2: a quote that is never closed"},
		"byte.csv":      {"text,label\na,1\nb\xff,1\n", "byte.csv:3: column text: offset 1: byte 0xff is not valid UTF-8"},
		"byte.tsv":      {"text\tlabel\nb\xff\t1\n", "byte.tsv:2: column text: offset 1: byte 0xff is not valid UTF-8"},
		"byte.jsonl":    {"{\"text\": \"\xff\", \"label\": \"1\"}\n", "byte.jsonl:1: offset 10: byte 0xff is not valid UTF-8"},
		"half.jsonl":    {`{"text": "\ud800", "label": "1"}`, `half.jsonl:1: half of a surrogate pair, \ud800 (byte 2)`},
		"wide.csv":      {"t\x00e\x00x\x00t\x00,\x00l\x00", "wide.csv: this is text in UTF-16: convert it to UTF-8, for example with iconv -f UTF-16 -t UTF-8"},
		"pointer.jsonl": {"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "pointer.jsonl: this is a Git-LFS pointer, not the file itself: fetch it with git lfs pull, or download it"},
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(c.content), 0o666); err != nil {
			t.Fatal(err)
		}
		_, set, err := own.Read(path, tasks.Classification, []string{"1"})
		var texts []string
		for _, e := range set.Examples {
			texts = append(texts, e.Text)
		}
		got := strings.Join(texts, "|")
		if err != nil {
			got = strings.TrimPrefix(err.Error(), filepath.Dir(path)+"/")
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
