package plaintext_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/internal/plaintext"
)

// TestMark: the mark is dropped once, at the very beginning, as Python's utf-8-sig does.
func TestMark(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "a": "a", "\ufeffa": "a", "\ufeff": "", "\ufeff\ufeffa": "\ufeffa", "a\ufeff": "a\ufeff",
		"\xef\xbb": "\xef\xbb", "\xefa": "\xefa",
	} {
		if got := string(plaintext.Trim([]byte(text))); got != want {
			t.Errorf("Trim(%q) = %q, want %q", text, got, want)
		}
		r := bufio.NewReader(strings.NewReader(text))
		plaintext.Skip(r)
		if got, err := io.ReadAll(r); string(got) != want || err != nil {
			t.Errorf("after Skip: %q, %v, want %q", got, err, want)
		}
	}
}

// TestSkipWaits: a line of one byte is answered before more bytes arrive.
func TestSkipWaits(t *testing.T) {
	in, out := io.Pipe()
	go out.Write([]byte("\n")) // and nothing more, not even an end
	r := bufio.NewReader(in)
	plaintext.Skip(r)
	if line, err := r.ReadString('\n'); line != "\n" || err != nil {
		t.Errorf("%q, %v", line, err)
	}
}

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	for text, want := range map[string]string{
		"\ufeffa\n": "",
		"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n": "this is a Git-LFS pointer, not the file itself: fetch it with git lfs pull, or download it",
		"\xff\xfea\x00": "this is text in UTF-16: convert it to UTF-8, for example with iconv -f UTF-16 -t UTF-8",
	} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		got, err := plaintext.Read(path)
		var opened []byte
		r, also := plaintext.Open(path)
		if also == nil {
			if opened, also = io.ReadAll(r); also == nil {
				also = r.Close()
			}
		}
		if string(opened) != string(got) || fmt.Sprint(also) != fmt.Sprint(err) {
			t.Errorf("Open: %q, %v; Read: %q, %v", opened, also, got, err)
		}
		switch {
		case want == "":
			if string(got) != "a\n" || err != nil {
				t.Errorf("%q: %q, %v", text, got, err)
			}
		case err == nil || err.Error() != path+": "+want:
			t.Errorf("%q: error %v, want %s", text, err, want)
		}
	}
}

func TestCheck(t *testing.T) {
	for text, want := range map[string]string{
		"aäb": "", "a\xff": "offset 1: byte 0xff is not valid UTF-8", "ä\xc3": "offset 2: byte 0xc3 is not valid UTF-8",
		"\ufffd\xed\xa0\x80": "offset 3: byte 0xed is not valid UTF-8",
	} {
		got := ""
		if err := plaintext.Check([]byte(text)); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
