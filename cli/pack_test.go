package cli

import (
	"os"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/store"
)

// TestPackAgain: packing the same text into the same folder resumes, or checks a finished folder; a
// finished folder of another text is refused. A folder that a bad record stopped is finished from a
// repaired text, or without the record, with the bytes of a folder packed at once.
func TestPackAgain(t *testing.T) {
	t.Chdir(t.TempDir())
	args := []string{"pack", "--tokenizer", "bytes", "--shard-tokens", "700", "--validation", "0.2", "a.jsonl"}
	pack := func(status int, want string, more ...string) {
		t.Helper()
		got, stdout, stderr := gorgpt(t, t.Context(), append(args, more...)...)
		if got != status || !strings.Contains(stdout+stderr, want) {
			t.Errorf("%v: status %d, want %d and %q:\n%s%s", more, got, status, want, stdout, stderr)
		}
	}
	same := func(a, b string) {
		t.Helper()
		for _, name := range []string{"pack.json", "train_000000.bin", "train_000003.bin", "val_000000.bin"} {
			x, err := os.ReadFile(a + "/" + name)
			y, err2 := os.ReadFile(b + "/" + name)
			if err != nil || err2 != nil || string(x) != string(y) {
				t.Errorf("%s of %s is not that of %s: %v, %v", name, a, b, err, err2)
			}
		}
	}
	write(t, "a.jsonl", badRecords(150))
	pack(0, "left out: 1 bad record; the first: a.jsonl:150: not a JSON object", "--out", "skipped", "--bad-records", "skip")
	pack(1, "gorgpt: a.jsonl:150: not a JSON object", "--out", "mend")
	pack(1, "gorgpt: a.jsonl:150: not a JSON object", "--out", "skip")
	pack(0, "train: ", "--out", "skip", "--bad-records", "skip")
	same("skip", "skipped")
	write(t, "a.jsonl", badRecords(0))
	pack(0, "; training about 6.2 kB, validation about 1.6 kB\n", "--out", "whole")
	pack(0, "train: ", "--out", "mend")
	same("mend", "whole")
	pack(0, "train: ", "--out", "mend")
	same("mend", "whole")

	for _, special := range [][2]string{{"--special=true", "--special=false"}, {"--special=false", "--special=true"}} {
		dir := "packed" + special[0]
		pack(0, "train: ", "--out", dir, special[0])
		if status, _, stderr := trainSmall(t, "--data", dir, "--tokenizer", dir+"/tokenizer", "--steps", "1", "--out", dir+"-run", special[1]); status != 0 {
			t.Errorf("packed with %s, read with %s: %s", special[0], special[1], stderr)
		}
	}

	if err := os.CopyFS("half", os.DirFS("whole")); err != nil {
		t.Fatal(err)
	}
	index, err := os.ReadFile("half/pack.json")
	if err != nil {
		t.Fatal(err)
	}
	write(t, "half/pack.json", strings.Replace(string(index), `"complete": true`, `"complete": false`, 1))
	status, _, stderr := gorgpt(t, t.Context(), "train", "--data", "half", "--steps", "1")
	if status != 1 || !strings.HasSuffix(stderr, "half: gorgpt pack has not finished this folder; run that gorgpt pack command again\n") {
		t.Errorf("half a pack: status %d, %s", status, stderr)
	}

	write(t, "a.jsonl", strings.Replace(badRecords(0), "0 and 0", "1 and 0", 1)) // of the same length
	pack(1, "gorgpt: mend: the text has changed since ", "--out", "mend")
	same("mend", "whole")
	pack(1, "mend was begun with a different corpus, tokenizer or shard size; choose another folder", "--out", "mend", "--shard-tokens", "800")
	pack(2, `treatment of bad records "skp"`, "--out", "none", "--bad-records", "skp")
}

// TestPackNothing: having no text for training is an error, and having none for validation is
// reported.
func TestPackNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "empty.jsonl", "{\"text\": \"\"}\n{\"text\": \"\"}\n")
	write(t, "few.jsonl", records(2))
	write(t, "body.jsonl", strings.ReplaceAll(records(100), "\"text\"", "\"body\""))
	for _, c := range []struct {
		args   string
		status int
		want   string
	}{
		{"empty.jsonl --out a", 1, "gorgpt: empty.jsonl (training part): there is nothing to pack: no text, and so no tokens"},
		{"few.jsonl --out a --validation 0", 0, "train: 30 tokens from 28 bytes of text in 2 documents"}, // continues in the empty folder
		{"few.jsonl --out b", 0, "val: 0 tokens\n"},
		{"few.jsonl --out c", 0, "no text was held out for validation: name one with --val-data, or give a larger share with --validation\n"},
		{"body.jsonl --out d --field body", 0, "train: "},
		{"body.jsonl --out e", 1, "body.jsonl:1: no field \"text\"; the object has body, id"},
	} {
		status, stdout, stderr := gorgpt(t, t.Context(), append([]string{"pack", "--tokenizer", "bytes"}, strings.Fields(c.args)...)...)
		if status != c.status || !strings.Contains(stdout+stderr, c.want) {
			t.Errorf("%s: status %d, want %d and %q:\n%s%s", c.args, status, c.status, c.want, stdout, stderr)
		}
	}
}

// TestPackShards: jobs of an array leave the same files as one command; missing or wrong parts are an error of one line.
func TestPackShards(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "a.jsonl", records(100))
	pack := func(status int, want string, args ...string) {
		t.Helper()
		got, stdout, stderr := gorgpt(t, t.Context(), append([]string{"pack"}, args...)...)
		if got != status || !strings.Contains(stdout+stderr, want) {
			t.Errorf("%v: status %d, want %d and %q:\n%s%s", args, got, status, want, stdout, stderr)
		}
	}
	shard := func(i, out string, more ...string) []string {
		return append([]string{"--shard", i, "--tokenizer", "bytes", "--shard-tokens", "700", "--out", out, "a.jsonl"}, more...)
	}
	pack(0, "\none\n", "--tokenizer", "bytes", "--shard-tokens", "700", "--out", "one", "a.jsonl")
	for _, out := range []string{"many", "mem://TestPackShards/many"} {
		pack(0, "shard 1/2: ", shard("1/2", out)...)
		pack(1, "gorgpt: "+out+": shard 0/2 missing; run gorgpt pack --shard for each\n", "--out", out, "--join")
		pack(0, "\n"+out+"\n", shard("0/2", out)...)
		pack(1, ": all parts are complete but not joined yet; run gorgpt pack --out "+out+" --join\n", "--out", out, "--verify")
		pack(0, "train: ", "--out", out, "--join")
		pack(0, "train: ", "--out", out, "--verify")
		for name, err := range store.Files("one") {
			want, err2 := store.ReadFile(store.Join("one", name), 1<<20)
			got, err3 := store.ReadFile(store.Join(out, name), 1<<20)
			if err != nil || err2 != nil || err3 != nil || string(got) != string(want) {
				t.Errorf("%s in %s is not that of one command: %v, %v, %v", name, out, err, err2, err3)
			}
		}
	}
	for _, i := range []string{"2/2", "-1/2", "1", "a/b", "1/2/3", "0/0"} {
		pack(2, "gorgpt: --shard "+i+": want a number from 0 and how many there are, as in 3/16, the fourth of sixteen\n", shard(i, "x")...)
	}
	pack(2, "--join takes what --shard left in --out; leave out a.jsonl", "--out", "x", "--join", "a.jsonl")
	pack(2, "--shard has no meaning with --join, which takes it from what --shard left in --out", "--out", "x", "--join", "--shard", "1/2")
	pack(1, "gorgpt: x: no parts to join; ", "--out", "x", "--join")
	pack(1, "gorgpt: s3://bucket/x/pack.json: no driver for s3 is linked in, only for file, mem; to get s3 and gs, build gorgpt with go build -C cloud ./cmd/gorgpt\n", "--tokenizer", "bytes", "--out", "s3://bucket/x", "a.jsonl")
}
