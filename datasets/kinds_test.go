package datasets

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/datasets/shard"
	"github.com/gorgpt/gorgpt/tokenizer"
)

const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"

// firstError returns the error of opening and reading everything that spec names, or io.EOF.
func firstError(t testing.TB, spec string, options ...Option) error {
	s, err := Open(spec, options...)
	if err != nil {
		return err
	}
	r := reader{docs: s.docs, tok: bytesTokenizer}
	defer r.close()
	for {
		if _, err := r.take(t.Context(), 1<<20); err != nil {
			return err
		}
	}
}

// TestNotText: a file that is not text is an error with advice if it is named, and is left out and counted if it is in a
// folder.
func TestNotText(t *testing.T) {
	const lfs = "this is a Git-LFS pointer, not the file itself: fetch it with git lfs pull, or download it"
	for name, c := range map[string]struct{ content, want, left string }{
		"a.csv":        {"text,label\nx,1\n", "a table, not text: convert it to JSON lines", "1 tabular"},
		"a.tsv.gz":     {gzipped(t, "text\tlabel\nx\t1\n"), "a table, not text: convert it to JSON lines", "1 tabular"},
		"marked.txt":   {"\xff\xfea\x00b\x00", "this is text in UTF-16: convert it to UTF-8, for example with iconv -f UTF-16 -t UTF-8", "1 in UTF-16"},
		"wide.txt":     {"O\x00n\x00c\x00e\x00 \x00", "this is text in UTF-16", "1 in UTF-16"},
		"wide.txt.gz":  {gzipped(t, "\xfe\xff\x00a\x00b"), "this is text in UTF-16", "1 in UTF-16"},
		"wide.jsonl":   {"\xff\xfe{\x00}\x00", "this is text in UTF-16", "1 in UTF-16"},
		"a.txt.xz":     {"\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4\x46", "this is compressed with xz: decompress it with unxz; training text can also be read compressed from files that end in .gz or .zst", "1 compressed"},
		"a.jsonl.bz2":  {"BZh91AY&SY\x00\x01", "this is compressed with bzip2", "1 compressed"},
		"a.tar.gz":     {gzipped(t, "a.txt"+strings.Repeat("\x00", 252)+"ustar\x0000"+strings.Repeat("\x00", 300)), "this is a tar archive: unpack it", "1 archived"},
		"a.gguf":       {"GGUF\x03\x00\x00\x00\x01", "this is a model's weights in GGUF: it is for --from", "1 weights"},
		"a.zip":        {"PK\x03\x04\x14\x00", "this is a zip archive", "1 archived"},
		"unzipped.txt": {gzipped(t, "text"), "this is compressed with gzip: decompress it with gunzip", "1 compressed"},
		"list.json":    {"[{\"text\": \"a\"},\n {\"text\": \"b\"}]\n", "list.json:1: not a JSON object: unexpected end of JSON input; a JSON file must have one object per line", "1 other JSON"},
		"lines.json":   {"[{\"text\": \"a\"}]\n", "lines.json:1: not a JSON object: want an object, got a list; a JSON file must have one object per line", "1 other JSON"},
		"pretty.json":  {"{\n  \"text\": \"a\"\n}\n", "pretty.json:1: not a JSON object", "1 other JSON"},
		"train.bin.gz": {gzipped(t, "\x01\x00\x02\x00"), "token shards are mapped into memory: decompress it (gunzip)", "1 compressed"},
		// Every reader recognizes a Git LFS pointer.
		"p.txt":     {pointer, lfs, "1 unfetched by Git LFS"},
		"p.jsonl":   {pointer, lfs, "1 unfetched by Git LFS"},
		"p.json.gz": {pointer, lfs, "1 unfetched by Git LFS"},
		"p.txt.zst": {pointer, lfs, "1 unfetched by Git LFS"},
		"p.parquet": {pointer, lfs, "1 unfetched by Git LFS"},
		"train.bin": {pointer, lfs, "1 unfetched by Git LFS"},
	} {
		dir := write(t, map[string]string{name: c.content, "good.txt": "good"})
		for _, spec := range []string{name, "*" + filepath.Ext(name)} {
			if filepath.Ext(name) == ".txt" && spec != name {
				continue // the pattern would match good.txt too
			}
			err := firstError(t, filepath.Join(dir, spec))
			if err == io.EOF || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: error %v, want one with %q", spec, err, c.want)
			}
		}
		s, err := Open(dir)
		if err != nil {
			t.Errorf("folder with %s: %v", name, err)
			continue
		}
		if names(s) != "good.txt" || s.LeftOut() != c.left || !strings.HasSuffix(s.String(), "1 file, 4 bytes (left out: "+c.left+")") {
			t.Errorf("folder with %s: %s", name, s)
		}
		if err := os.Remove(filepath.Join(dir, "good.txt")); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "no text in this folder, only "+c.left+" entries; ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("only %s: error %v", name, err)
		}
	}
}

// TestJSON: the first line decides whether a file holds records; later bad lines are reported when they are read.
func TestJSON(t *testing.T) {
	dir := write(t, map[string]string{
		"c4.json": "{\"text\": \"a\"}\n{\"text\": \"b\"}\n", "c4.json.gz": gzipped(t, "{\"text\": \"a\"}\n{\"text\": \"b\"}\n"),
		"other.json": "{\"body\": \"a\"}\n{\"body\": \"b\"}\n", "bad.json": "{\"text\": \"a\"}\noops\n",
	})
	for name, want := range map[string]string{
		"c4.json": "EOF", "c4.json.gz": "EOF",
		"other.json": `DIR/other.json:1: no field "text"; the object has body`,
		"bad.json":   "DIR/bad.json:2: not a JSON object: invalid character 'o' looking for beginning of value (byte 1)",
	} {
		if err := firstError(t, filepath.Join(dir, name)); err == nil || strings.ReplaceAll(err.Error(), dir, "DIR") != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	if err := firstError(t, filepath.Join(dir, "other.json"), Field("body")); err != io.EOF {
		t.Error(err)
	}
	s, err := Open(filepath.Join(dir, "bad.json"), SkipBad())
	if err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, s); !slices.Equal(got, idsOf(t, "a")) {
		t.Errorf("ids %v", got)
	}
	if n, _ := s.Skipped(); n != 1 {
		t.Errorf("%d skipped", n)
	}
}

// TestMark: no reader treats a byte-order mark as text, like pandas (utf-8-sig).
func TestMark(t *testing.T) {
	const mark = "\ufeff"
	lines := "{\"text\": \"one\"}\n{\"text\": \"" + mark + "two\"}\n"
	for name, c := range map[string]struct {
		content string
		want    []string
	}{
		"a.txt":       {mark + "one" + mark, []string{"one" + mark}}, // only at the very beginning
		"b.txt.gz":    {gzipped(t, mark+"one"), []string{"one"}},
		"c.jsonl":     {mark + lines, []string{"one", mark + "two"}},
		"d.jsonl.zst": {zstandard(t, mark+lines), []string{"one", mark + "two"}},
		"e.json":      {mark + lines, []string{"one", mark + "two"}},
	} {
		s, err := Open(filepath.Join(write(t, map[string]string{name: c.content}), name))
		if err != nil {
			t.Fatal(err)
		}
		if got := readAll(t, s); !slices.Equal(got, idsOf(t, c.want...)) {
			t.Errorf("%s: ids %v, want those of %q", name, got, c.want)
		}
		var all []string
		for _, r := range s.Texts() {
			b, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, string(b))
		}
		if !slices.Equal(all, c.want) {
			t.Errorf("%s: texts %q, want %q", name, all, c.want)
		}
	}
	// The mark is in neither part of a split text, and offsets in errors count from the beginning of the file.
	text := mark + strings.Repeat("ä", 50) + "\xff" + strings.Repeat("b", 100)
	path := filepath.Join(write(t, map[string]string{"x.txt": text}), "x.txt")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	train, validation, err := Split(s, 0.1)
	if err != nil {
		t.Fatal(err)
	}
	if got := append(readAll(t, train), readAll(t, validation)...); len(got) != len(text)-3+2 {
		t.Errorf("%d ids of the parts, want %d and two ends", len(got), len(text)-3)
	}
	chars := charsOf(t, Text("x", "äb"))
	if _, err := newLoader(s, chars, Config{Batch: 1, Context: 2}, training); err == nil || err.Error() != path+": offset 103: byte 0xff is not valid UTF-8" {
		t.Errorf("error %v", err)
	}
}

// TestRecordsOfUTF8: in a format that must be UTF-8, a text that is not is a bad record, as in pandas
// (UnicodeDecodeError; surrogates not allowed), and is never repaired with U+FFFD.
func TestRecordsOfUTF8(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"byte.jsonl":      {"{\"text\": \"a\"}\n{\"text\": \"b\xff\"}\n{\"text\": \"c\"}\n", "byte.jsonl:2: offset 11: byte 0xff is not valid UTF-8"},
		"key.jsonl.gz":    {gzipped(t, "{\"text\": \"a\"}\n{\"text\": \"b\", \"by\": \"\xe9\"}\n{\"text\": \"c\"}\n"), "key.jsonl.gz:2: offset 21: byte 0xe9 is not valid UTF-8"},
		"surrogate.jsonl": {"{\"text\": \"a\"}\n{\"text\": \"b\\ud800\"}\n{\"text\": \"c\"}\n", `surrogate.jsonl:2: field "text": half of a surrogate pair, \ud800 (byte 3)`},
		"row.parquet":     {parquetFile(t, []string{"a", "b\xff", "c"}), "row.parquet: row 1: offset 1: byte 0xff is not valid UTF-8"},
	} {
		path := filepath.Join(write(t, map[string]string{name: c.content}), name)
		if err := firstError(t, path); err == io.EOF || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("error %v, want %s", err, c.want)
		}
		s, err := Open(path, SkipBad())
		if err != nil {
			t.Fatal(err)
		}
		if got := readAll(t, s); !slices.Equal(got, idsOf(t, "a", "c")) {
			t.Errorf("%s: ids %v, want those of a and c", name, got)
		}
		if n, first := s.Skipped(); n != 1 || first == nil || !strings.HasSuffix(first.Error(), c.want) {
			t.Errorf("%s: %d skipped, the first: %v", name, n, first)
		}
	}
	// Plain text may be any bytes, if the tokenizer can encode them.
	if err := firstError(t, filepath.Join(write(t, map[string]string{"x.txt": "a\xff"}), "x.txt")); err != io.EOF {
		t.Errorf("plain text: %v", err)
	}
}

// TestFolderOfShards: if a folder has token shards, everything else in it is left out, and
// val.bin next to train.bin is never trained on.
func TestFolderOfShards(t *testing.T) {
	bare := func(id, n int) string {
		var b []byte
		for range n {
			b = binary.LittleEndian.AppendUint16(b, uint16(id))
		}
		return string(b)
	}
	dir := write(t, map[string]string{
		"train.bin": bare(1, 100), "val.bin": bare(2, 100), "readme.md": "about", "meta.pkl": "\x80\x04\x00",
		"input.txt": "text", "part.jsonl": "{\"text\": \"a\"}", "prepare.py": "import numpy",
	})
	for _, spec := range []string{dir, filepath.Join(dir, "*"), filepath.Join(dir, "*.bin")} {
		s, err := Open(spec)
		if err != nil {
			t.Fatal(err)
		}
		left := "1 binary, 4 not shards"
		if strings.HasSuffix(spec, ".bin") {
			left = ""
		}
		if names(s) != "train.bin val.bin" || s.LeftOut() != left {
			t.Errorf("%s: %s", s, names(s))
		}
		train, validation, err := Split(s, 0.1)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []*Source{train, ForTraining(s)} { // whether a part of it or another text is used for validation
			if got := readAll(t, part); !slices.Equal(got, slices.Repeat([]int{1}, 100)) {
				t.Errorf("training on %v", got)
			}
		}
		if got := readAll(t, validation); !slices.Equal(got, slices.Repeat([]int{2}, 100)) {
			t.Errorf("validation on %v", got)
		}
	}
	for name, want := range map[string]string{
		"odd/train.bin":   "201 bytes, want an even number: tokens take two each",
		"odd/my.bin":      "201 bytes, want an even number: tokens take two each",
		"odd/":            "201 bytes, want an even number: tokens take two each",
		"odd/*.bin":       "201 bytes, want an even number: tokens take two each",
		"none/readme.bin": "", // it is named, so it is read as tokens
	} {
		dir := write(t, map[string]string{"odd/train.bin": bare(1, 100) + "x", "odd/my.bin": bare(1, 100) + "x", "none/readme.bin": bare(1, 3)})
		_, err := Open(filepath.Join(dir, name))
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasSuffix(err.Error(), want)) {
			t.Errorf("%s: error %v, want %s", name, err, want)
		}
	}
	only, err := Open(filepath.Join(dir, "val.bin"))
	if err != nil {
		t.Fatal(err)
	}
	if ForTraining(only) != only { // the only file, and named
		t.Error("a lone val.bin is left out")
	}
}

// TestPackedFolder: the tokenizer that pack writes next to its shards is found, and no other is accepted instead.
func TestPackedFolder(t *testing.T) {
	dir := write(t, map[string]string{
		"train_000000.bin": tokenShard(slices.Repeat([]int{1, 2}, 50)...), "val_000000.bin": tokenShard(slices.Repeat([]int{3}, 50)...),
		shard.IndexFile: "{\n}", "more/notes.txt": "text",
	})
	folder := filepath.Join(dir, shard.TokenizerFolder)
	if err := bytesTokenizer.Save(folder); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if names(s) != "train_000000.bin val_000000.bin" || s.LeftOut() != "1 not shards" {
		t.Errorf("%s: %s", s, names(s))
	}
	if got := s.Tokenizers(); !slices.Equal(got, []string{folder}) {
		t.Errorf("tokenizers %q, want %s", got, folder)
	}
	one, err := Open(filepath.Join(dir, "train_000000.bin"))
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Batch: 1, Context: 4, Seed: 1}
	for _, s := range []*Source{s, one} {
		mustStream(t, training, s, bytesTokenizer, c)
		other, err := tokenizer.LearnBPE(Text("x", strings.Repeat("ab", 10)).Texts(), 258)
		if err != nil {
			t.Fatal(err)
		}
		want := folder + ": the shards beside it were made with this tokenizer (bytes, 257 tokens), not with the one given (bpe, 258)"
		if _, err := NewTraining(s, other, c); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// TestGlobOfFolders: ** matches any number of folders, including none, as in shells with globstar. Hidden folders and
// links are not entered.
func TestGlobOfFolders(t *testing.T) {
	dir := write(t, map[string]string{
		"a.txt": "1", "b/b.txt": "2", "b/c/c.txt": "3", "b/c/d.md": "4", "x/c/e.txt": "5", ".git/f.txt": "6", "b/.h/g.txt": "7",
	})
	if err := os.Symlink(filepath.Join(dir, "b"), filepath.Join(dir, "x", "link")); err != nil {
		t.Skip(err)
	}
	for pattern, want := range map[string]string{
		"**/*.txt": "a.txt b/b.txt b/c/c.txt x/c/e.txt", "b/**/*.txt": "b.txt c/c.txt", "**/c/*.txt": "b/c/c.txt x/c/e.txt",
		"**": "a.txt b/b.txt b/c/c.txt b/c/d.md x/c/e.txt", "*/**/*.md": "b/c/d.md", "**/c": "b/c/c.txt b/c/d.md x/c/e.txt",
		"**/**/d.md": "b/c/d.md", "b/**/c.txt": "c/c.txt", "[bx]/**/[ce].txt": "b/c/c.txt x/c/e.txt",
	} {
		s, err := Open(filepath.Join(dir, pattern))
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		if names(s) != want {
			t.Errorf("%s: %s, want %s", pattern, names(s), want)
		}
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if s.LeftOut() != "1 linked" {
		t.Errorf("left out %q, want the link to a folder", s.LeftOut())
	}
	for pattern, want := range map[string]string{"**/[": "not a valid glob", "**/*.csv": "no file matches", "nowhere/**/*.txt": "no file matches"} {
		if _, err := Open(filepath.Join(dir, pattern)); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", pattern, err, want)
		}
	}
}

// TestPadding: NULs after the last member of a .gz file are counted but are not an error, as in gzip (RFC 1952 does not
// mention them, but tapes are padded). Anything else there is an error.
func TestPadding(t *testing.T) {
	pad := string(make([]byte, 512))
	lines := jsonl("text", stories(20))
	half := len(lines) / 2
	pads := map[string]int64{"a.txt.gz": 512, "b.jsonl.gz": 1, "c.json.gz": 512 * 200}
	for name, content := range map[string]string{
		"a.txt.gz":   gzipped(t, lines) + pad,
		"b.jsonl.gz": gzipped(t, lines[:half]) + gzipped(t, lines[half:]) + "\x00",
		"c.json.gz":  gzipped(t, lines) + strings.Repeat(pad, 200),
	} {
		s, err := Open(filepath.Join(write(t, map[string]string{name: content}), name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := idsOf(t, stories(20)...)
		if name == "a.txt.gz" {
			want = idsOf(t, lines)
		}
		for range 2 { // the padding is counted once
			if got := readAll(t, s); !slices.Equal(got, want) {
				t.Errorf("%s: %d ids, want %d", name, len(got), len(want))
			}
		}
		if got := s.Padding(); got != pads[name] {
			t.Errorf("%s: %d bytes of padding, want %d", name, got, pads[name])
		}
	}
	for _, after := range []string{pad + "x", "x", pad + gzipped(t, "more"), "\x1f\x8b"} {
		path := filepath.Join(write(t, map[string]string{"x.jsonl.gz": gzipped(t, lines) + after}), "x.jsonl.gz")
		if err := firstError(t, path); err == io.EOF || !strings.Contains(err.Error(), "x.jsonl.gz:21: ") {
			t.Errorf("%d bytes after the member: %v", len(after), err)
		}
	}
	var b bytes.Buffer
	b.WriteString(gzipped(t, "x") + pad)
	path := filepath.Join(write(t, map[string]string{"x.txt.gz": b.String()}), "x.txt.gz")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if s.Size() != 1 || s.Padding() != 512 {
		t.Errorf("%d bytes and %d of padding, want 1 and 512", s.Size(), s.Padding())
	}
}
