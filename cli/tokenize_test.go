package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/tokenizer"
)

// piped runs a command line with standard input.
func piped(t *testing.T, input string, args ...string) (stdout string, err error) {
	t.Helper()
	root := newRoot()
	var out bytes.Buffer
	root.SetArgs(args)
	root.SetIn(strings.NewReader(input))
	root.SetOut(&out)
	root.SetErr(&out)
	err = root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestTokenize(t *testing.T) {
	dir := t.TempDir()
	tok, err := tokenizer.NewChars(strings.NewReader("abc"))
	if err != nil {
		t.Fatal(err)
	}
	if err := tok.Save(dir); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, input, want, problem string }{
		{"", "", "", ""},
		{"", "Hello world\n\na  b", "[15496,995]\n[]\n[64,220,275]\n", ""},
		{"", "<|endoftext|>\n", "[27,91,437,1659,5239,91,29]\n", ""},
		{"--special", "a<|endoftext|>\n", "[64,50256]\n", ""},
		{"--count", "Hello world\n", "2\n", ""},
		{"", "a\xffb\r\n", "[64,187,65,201]\n", ""},
		{"--decode", "[15496, 995]\n[]\n", "Hello world\n\n", ""},
		{"--jsonl", `{"text": "a\n\nb"}` + "\n" + `{"b64": "Yf9i", "id": 3}` + "\n", "[64,198,198,65]\n[64,187,65]\n", ""},
		{"--jsonl --decode", "[64,198,198,65]\n[64,187,65]\n[27]\n", `{"text":"a\n\nb"}` + "\n" + `{"b64":"Yf9i"}` + "\n" + `{"text":"<"}` + "\n", ""},
		{"--jsonl", `{"text": "a", "Text": "b", "B64": ""}` + "\n", "[64]\n", ""},
		{"--tokenizer bytes", "ab\n", "[97,98]\n", ""},
		{"--tokenizer " + dir, "cab\n", "[2,0,1]\n", ""},
		{"--tokenizer " + dir, "a\nax\nb\n", "[0]\n", "line 2: offset 1: character 'x' (U+0078) is not in the vocabulary of 3 characters"},
		{"--decode", "[0,50257]\n", "", "line 1: id 50257 at index 1: want 0 to 50256"},
		{"--decode", "[-1]\n", "", "line 1: id -1 at index 0: want 0 to 50256"},
		{"--decode", "[1, 1e3]\n", "", "line 1: 1e3 is not an id; want whole numbers, as in [15496, 995]"},
		{"--decode", "[\"a\"]\n", "", "line 1: string is not an id; want whole numbers, as in [15496, 995]"},
		{"--decode", "[1, null]\n", "", "line 1: not an array of ids, as in [15496, 995]"},
		{"--decode", "3\n", "", "line 1: not an array of ids, as in [15496, 995]"},
		{"--decode", "x\n", "", "line 1: not an array of ids, as in [15496, 995]"},
		{"--jsonl", "{}\n", "", `line 1: want one of "text" and "b64"`},
		{"--jsonl", `{"text": "a", "b64": ""}` + "\n", "", `line 1: want one of "text" and "b64"`},
		{"--jsonl", `{"text": "a\ud800"}` + "\n", "", `line 1: half of a surrogate pair, \ud800 (byte 12); write such bytes as {"b64": …}`},
		{"--jsonl", "{\"text\": \"\xff\"}\n", "", `line 1: offset 10: byte 0xff is not valid UTF-8; write such bytes as {"b64": …}`},
		{"--jsonl", `{"b64": "*"}` + "\n", "", `line 1: not {"text": …} or {"b64": …}: not base64 at byte 0`},
		{"--decode --special", "", "", "--special is for text; leave it out with --decode"},
		{"--decode --count", "", "", "--count is for text; leave it out with --decode"},
		{"--tokenizer chars", "", "", "--tokenizer chars is trained on a text, but there is no text here; name the folder of a trained tokenizer"},
		{"--tokenizer gpt3", "", "", `unknown tokenizer "gpt3"; did you mean "gpt2"?`},
	} {
		got, err := piped(t, c.input, append([]string{"tokenize"}, strings.Fields(c.args)...)...)
		if got != c.want || (err == nil) != (c.problem == "") || err != nil && err.Error() != c.problem {
			t.Errorf("tokenize %s < %q\n gives %q, %v\nwant %q, %s", c.args, c.input, got, err, c.want, c.problem)
		}
	}
}

// TestTokenizeRoundTrip encodes and decodes random bytes.
func TestTokenizeRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var input strings.Builder
	var want []string
	for range 300 {
		b := make([]byte, rng.IntN(50))
		for i := range b {
			b[i] = byte(rng.IntN(256))
		}
		want = append(want, string(b))
		fmt.Fprintf(&input, "{\"b64\": %q}\n", base64.StdEncoding.EncodeToString(b))
	}
	ids, err := piped(t, input.String(), "tokenize", "--jsonl")
	if err != nil {
		t.Fatal(err)
	}
	texts, err := piped(t, ids, "tokenize", "--jsonl", "--decode")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(texts, "\n"), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d", len(lines), len(want))
	}
	for i, line := range lines {
		var got struct{ B64 []byte }
		if text := (&struct{ Text *string }{}); json.Unmarshal([]byte(line), text) == nil && text.Text != nil {
			got.B64 = []byte(*text.Text)
		} else if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Error(err)
		}
		if string(got.B64) != want[i] {
			t.Errorf("%q comes back as %s", want[i], line)
		}
	}
}

// TestPackTrain packs a text and trains on the shards.
func TestPackTrain(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	for range 2 {
		stdout, err := piped(t, "", "pack", "--tokenizer", "bpe:270", "--out", "packed", "--shard-tokens", "1000", "text.txt")
		if err != nil || !strings.HasSuffix(stdout, "packed\n") || !strings.Contains(stdout, "train: ") || !strings.Contains(stdout, "val: ") {
			t.Fatalf("%s, %v", stdout, err)
		}
	}
	stdout, err := piped(t, "", "pack", "--out", "packed", "--verify", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var x struct {
		Train struct{ Shards []struct{ File string } }
	}
	if err := json.Unmarshal([]byte(stdout), &x); err != nil || len(x.Train.Shards) < 2 {
		t.Fatalf("%s, %v", stdout, err)
	}
	status, _, stderr := trainSmall(t, "--data", "packed/train_*.bin", "--val-data", "packed/val_*.bin", "--tokenizer", "packed/tokenizer", "--out", "run")
	if status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	tok, err := tokenizer.Load("run/checkpoints/best")
	if err != nil || tok.Size() != 270 {
		t.Errorf("the checkpoint's tokenizer: %v, %v", tok, err)
	}
	if err := os.Truncate(filepath.Join("packed", x.Train.Shards[1].File), 100); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, want string }{
		{"--out packed --verify", "packed/train_000001.bin: 100 bytes, want 3024 for 1000 tokens"},
		{"--out packed --verify text.txt", "--verify checks what is in --out; leave out text.txt"},
		{"text.txt", "--out is missing: the folder for the shards"},
		{"--out packed", "SRC is missing: the text to encode"},
		{"--out packed --validation 1 text.txt", "--validation 1: want a share from 0 to below 1"},
		{"--out packed --shard-tokens 0 text.txt", "--shard-tokens 0: want 1 to 2147483647"},
		{"--out packed --tokenizer bytes text.txt", "packed was begun with a different corpus, tokenizer or shard size; choose another folder"},
		{"--out other nowhere.txt", "nowhere.txt: no such file or folder"},
		{"--out other --validation 0 --tokenizer bytes packed/val_000000.bin", "packed/val_000000.bin: the file holds tokens, not text"},
	} {
		if _, err := piped(t, "", append([]string{"pack"}, strings.Fields(c.args)...)...); err == nil || err.Error() != c.want {
			t.Errorf("pack %s: error %v\nwant %s", c.args, err, c.want)
		}
	}
}
