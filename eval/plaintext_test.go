package eval

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPlainText: the rules of package plaintext apply to data sets: a leading byte order mark is dropped, and invalid
// UTF-8, half surrogates, Git LFS pointers and UTF-16 are errors.
func TestPlainText(t *testing.T) {
	put := func(name, content string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text, _, err := openText(put("a.txt", "\ufeffa\ufeff"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := text.open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); string(got) != "a\ufeff" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	data, _, err := file(put("b.txt", "\ufeffa b\n"))
	if string(data) != "a b\n" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	choice := `{"question": "a", "choices": ["b", "c"], "answer": 1}`
	if all, err := ReadChoices(put("c.jsonl", "\ufeff"+choice+"\n")); len(all) != 1 || err != nil {
		t.Errorf("%v, %v", all, err)
	}
	for name, content := range map[string]string{
		"half.jsonl": strings.Replace(choice, `"a"`, `"\ud800"`, 1), "byte.jsonl": strings.Replace(choice, `"a"`, "\"\xff\"", 1),
		"pointer.jsonl": "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "wide.jsonl": "\xff\xfe{\x00",
	} {
		path := put(name, content)
		if all, err := ReadChoices(path); err == nil || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("%s: %v, error %v", name, all, err)
		}
		if all, err := ReadWinograd(path); err == nil || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("%s as Winograd: %v, error %v", name, all, err)
		}
	}
}
