package pairs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/datasets/pairs"
)

// TestText: the rules of package plaintext apply to pairs, as Python's utf-8-sig and json have them.
func TestText(t *testing.T) {
	dir := t.TempDir()
	put := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	set, err := pairs.Read(put("marked.jsonl", "\ufeff{\"prompt\": \"\ufeffa\", \"response\": \"b\"}\n"))
	if err != nil || len(set) != 1 || set[0].Prompt != "\ufeffa" {
		t.Errorf("marked JSON lines: %v, %v", set, err)
	}
	set, err = pairs.ReadParallel(put("en.txt", "\ufeffone\n"), put("fr.txt", "\ufeffun\n"))
	if err != nil || len(set) != 1 || set[0].Prompt != "one" || set[0].Responses[0] != "un" {
		t.Errorf("marked lines: %v, %v", set, err)
	}
	for name, c := range map[string]struct{ content, want string }{
		"byte.jsonl": {"{\"prompt\": \"a\", \"response\": \"b\"}\n{\"prompt\": \"\xff\", \"response\": \"b\"}\n", "byte.jsonl:2: offset 12: byte 0xff is not valid UTF-8"},
		"half.jsonl": {`{"prompt": "a", "response": "\udc00"}`, `half.jsonl:1: key response: half of a surrogate pair, \udc00 (byte 2)`},
		"list.jsonl": {`{"prompt": "a", "answers": ["b", "\ud800"]}`, `list.jsonl:1: key answers: half of a surrogate pair, \ud800 (byte 8)`},
		"wide.jsonl": {"\xff\xfe{\x00", "wide.jsonl: this is text in UTF-16: convert it to UTF-8, for example with iconv -f UTF-16 -t UTF-8"},
		"coqa.json":  {"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "coqa.json: this is a Git-LFS pointer, not the file itself: fetch it with git lfs pull, or download it"},
	} {
		if _, err := pairs.Read(put(name, c.content)); err == nil || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
	}
}
