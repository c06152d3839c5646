package datasets

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"

	"github.com/gorgpt/gorgpt/datasets/shard"
	"github.com/gorgpt/gorgpt/tokenizer"
)

func gzipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zstandard(t testing.TB, text string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(w.EncodeAll([]byte(text), nil))
}

// stories returns n texts of different lengths.
func stories(n int) []string {
	var out []string
	for i := range n {
		out = append(out, strings.Repeat(fmt.Sprintf("story %d goes on. ", i), 1+i*7%23))
	}
	return out
}

func jsonl(field string, texts []string) string {
	var b strings.Builder
	for i, text := range texts {
		fmt.Fprintf(&b, "{\"id\": %d, %q: %s}\n", i, field, strconv.Quote(text))
	}
	return b.String()
}

type row struct {
	ID   int64  `parquet:"id"`
	Text string `parquet:"text,zstd"`
}

// parquetFile returns a Parquet file with small pages and row groups, so that a few texts fill several.
func parquetFile(t testing.TB, texts []string) string {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[row](&b, parquet.PageBufferSize(1000), parquet.MaxRowsPerRowGroup(30))
	for i, text := range texts {
		if _, err := w.Write([]row{{int64(i), text}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// tokenShard returns a token file of llm.c.
func tokenShard(ids ...int) string {
	b := shard.GPT2.Header(len(ids))
	for _, id := range ids {
		b = binary.LittleEndian.AppendUint16(b, uint16(id))
	}
	return string(b)
}

// wideShard returns a token file of llm.c with 32-bit ids.
func wideShard(ids ...int) string {
	b := shard.Llama.Header(len(ids))
	for _, id := range ids {
		b = binary.LittleEndian.AppendUint32(b, uint32(id))
	}
	return string(b)
}

// readAll returns the documents of a source, one after another, as byte-level ids.
func readAll(t testing.TB, s *Source) []int {
	t.Helper()
	r := reader{docs: s.docs, tok: bytesTokenizer}
	defer r.close()
	var all []int
	for {
		ids, err := r.take(t.Context(), 1<<20)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ids...)
	}
}

// idsOf returns the result of readAll for the texts.
func idsOf(t testing.TB, texts ...string) []int {
	t.Helper()
	return readAll(t, Text("want", texts...))
}

// TestFormats: every format gives the same texts, as a whole, when split, and from any position of a stream.
func TestFormats(t *testing.T) {
	texts := stories(300)
	all := strings.Join(texts, "")
	want, joined := idsOf(t, texts...), idsOf(t, all)
	end, _ := bytesTokenizer.EndOfText()
	var bare []byte
	for _, id := range want {
		bare = binary.LittleEndian.AppendUint16(bare, uint16(id))
	}
	files := map[string]string{
		"a.jsonl":     jsonl("text", texts),
		"b.ndjson":    "\n" + strings.TrimSuffix(jsonl("text", texts), "\n"),
		"c.jsonl.gz":  gzipped(t, jsonl("text", texts)),
		"d.jsonl.zst": zstandard(t, jsonl("text", texts)),
		"e.parquet":   parquetFile(t, texts),
		"f.bin":       tokenShard(want...),
		"wide.bin":    wideShard(want...),
		"g.bin":       string(bare),
		"h.txt.gz":    gzipped(t, all),
		"i.txt.zst":   zstandard(t, all),
		"j.txt":       all,
		"k.jsonl.gz":  gzipped(t, jsonl("text", texts[:100])) + gzipped(t, jsonl("text", texts[100:])), // two gzip members
	}
	dir := write(t, files)
	for name := range files {
		t.Run(name, func(t *testing.T) {
			s, err := Open(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			want := want
			if strings.Contains(name, ".txt") {
				want = joined
			}
			if got := readAll(t, s); !slices.Equal(got, want) {
				t.Fatalf("%d ids, want %d; they differ", len(got), len(want))
			}
			train, validation, err := Split(s, 0.2)
			if err != nil {
				t.Fatal(err)
			}
			a, b := readAll(t, train), readAll(t, validation)
			if n := len(a) + len(b) - len(want); n != 0 && !(n == 1 && strings.Contains(name, ".txt")) {
				t.Errorf("the parts have %d and %d ids, want %d together", len(a), len(b), len(want))
			}
			// With 300 texts of uneven length, the share is off by more than 0.04 with a probability of 1e-3.
			if share := float64(len(b)) / float64(len(want)); share < 0.12 || share > 0.28 {
				t.Errorf("the validation part is %.3f of all, want about 0.2", share)
			}
			if !strings.HasSuffix(name, ".bin") && !strings.Contains(name, ".txt") {
				if slices.Contains(a[:len(a)-1], -1) || a[len(a)-1] != end {
					t.Error("the training part does not end where a text does")
				}
			}
			c := Config{Batch: 2, Context: 16, Seed: 1, Buffer: 2000}
			restored := mustStream(t, training, s, bytesTokenizer, c)
			stream := mustStream(t, training, s, bytesTokenizer, c)
			for range 60 { // more than an epoch
				state := mustState(t, stream)
				want := rest(t, stream, 3)
				if err := restored.Restore(state); err != nil {
					t.Fatal(err)
				}
				if !equalBatches(rest(t, restored, 3), want) {
					t.Fatal("other batches after Restore")
				}
				for range 7 {
					next(t, stream)
				}
			}
		})
	}
}

// TestFolderOfFormats opens a folder with text files of all formats as one source.
func TestFolderOfFormats(t *testing.T) {
	texts := stories(40)
	dir := write(t, map[string]string{
		"a.jsonl.gz": gzipped(t, jsonl("text", texts[:10])),
		"b.parquet":  parquetFile(t, texts[10:20]),
		"c.txt":      texts[20],
		"d.json.gz":  gzipped(t, jsonl("text", texts[21:30])), // as C4 names them
		"e.json":     jsonl("text", texts[30:]),
		"f.bin":      "no\x00tokens", // neither a header nor a shard's name
	})
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := readAll(t, s), idsOf(t, texts...); !slices.Equal(got, want) {
		t.Errorf("%d ids, want %d; they differ", len(got), len(want))
	}
}

// TestSplitShards: the shards of llm.c and nanoGPT are split by their names.
func TestSplitShards(t *testing.T) {
	for _, names := range [][]string{{"train.bin", "val.bin"}, {"fw_train_000001.bin", "fw_val_000000.bin"}} {
		files := map[string]string{}
		for i, name := range names {
			files[name] = tokenShard(slices.Repeat([]int{i}, 100)...)
		}
		s, err := Open(write(t, files))
		if err != nil {
			t.Fatal(err)
		}
		train, validation, err := Split(s, 0.9)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := readAll(t, train), readAll(t, validation); !slices.Equal(a, slices.Repeat([]int{0}, 100)) || !slices.Equal(b, slices.Repeat([]int{1}, 100)) {
			t.Errorf("%v: training %v, validation %v", names, a[:2], b[:2])
		}
	}
}

// TestBadRecords: a record that cannot be read is an error with its place or, on request, is skipped and counted once,
// however often it is read.
func TestBadRecords(t *testing.T) {
	texts := stories(50)
	good := jsonl("text", texts)
	lines := strings.SplitAfter(good, "\n")
	bad := strings.Join(lines[:16], "") + "{\"text\": oops}\n" + strings.Join(lines[16:20], "") +
		"{\"txt\": \"x\"}\n[1]\n{\"text\": 7}\n" + strings.Join(lines[20:], "")
	cut := gzipped(t, good)
	whole := parquetFile(t, texts)
	for name, c := range map[string]struct {
		content, want string
		skipped       int
	}{
		"syntax.jsonl":  {strings.Join(lines[:16], "") + "{\"text\": oops}\n", `syntax.jsonl:17: not a JSON object: invalid character 'o' looking for beginning of value`, 1},
		"field.jsonl":   {lines[0] + `{"b": "x", "a": 1}`, `field.jsonl:2: no field "text"; the object has a, b`, 1},
		"type.jsonl":    {lines[0] + `{"text": 7}`, `type.jsonl:2: field "text": want a string, got a number`, 1},
		"all.jsonl":     {bad, `all.jsonl:17: not a JSON object: invalid character 'o' looking for beginning of value`, 4},
		"all.jsonl.gz":  {gzipped(t, bad), `all.jsonl.gz:17: not a JSON object: invalid character 'o' looking for beginning of value`, 4},
		"cut.jsonl.gz":  {cut[:len(cut)-200], "the file ends within its compressed data: it was cut short", 1},
		"sum.jsonl.gz":  {cut[:len(cut)-8] + "abcdefgh", "gzip: invalid checksum", 1},
		"cut.txt.gz":    {cut[:len(cut)-200], "the file ends within its compressed data: it was cut short", 1},
		"cut.jsonl.zst": {zstandard(t, good)[:200], "the file ends within its compressed data: it was cut short", 1},
		"none.jsonl.gz": {"no gzip, but long enough", "none.jsonl.gz:1: gzip: invalid header", 1},
		"row.parquet":   {whole[:300] + strings.Repeat("\xff", 300) + whole[600:], "row.parquet", 1},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(write(t, map[string]string{name: c.content, "good.jsonl": good}), name)
			s, err := Open(path)
			if err == nil {
				r := reader{docs: s.docs, tok: bytesTokenizer}
				defer r.close()
				for err == nil {
					_, err = r.take(t.Context(), 1<<20)
				}
			}
			if err == io.EOF || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), name) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			s, err = Open(filepath.Dir(path), SkipBad())
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if n := len(readAll(t, s)); n < len(idsOf(t, texts...)) {
					t.Errorf("%d ids with what is bad left out, want all of the good file", n)
				}
			}
			if n, first := s.Skipped(); n != c.skipped || first == nil || !strings.Contains(first.Error(), c.want) {
				t.Errorf("%d left out, first %v; want %d, first with %q", n, first, c.skipped, c.want)
			}
		})
	}
}

// TestLongRecords: only the record that is too long is skipped, not the rest of its file.
func TestLongRecords(t *testing.T) {
	defer func(line, text int) { longestLine, longestText = line, text }(longestLine, longestText)
	longestLine, longestText = 300_000, 300_000
	dir := t.TempDir()
	lines, table := filepath.Join(dir, "a.jsonl"), filepath.Join(dir, "b.parquet")
	f, err := os.Create(lines)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, part := range []struct {
		text string
		at   int64
	}{{"{\"text\": \"one\"}\n", 0}, {"\n{\"text\": \"two\"}\n", int64(2 * longestLine)}} { // with a hole of NULs in between
		if _, err := f.WriteAt([]byte(part.text), part.at); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(table, []byte(parquetFile(t, []string{"one", strings.Repeat("x", longestText+1), "two"})), 0o666); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{lines: ":2: the line is longer than 300.0 kB", table: ": row 1: the text is longer than 300.0 kB"} {
		if err := firstError(t, path); err == io.EOF || err.Error() != path+want {
			t.Errorf("error %v, want %s", err, path+want)
		}
		s, err := Open(path, SkipBad())
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if got := readAll(t, s); !slices.Equal(got, idsOf(t, "one", "two")) {
				t.Errorf("%s: %d ids, want those of one and two", path, len(got))
			}
		}
		s.Skipped() // may be called any number of times
		if n, first := s.Skipped(); n != 1 || first == nil || first.Error() != path+want {
			t.Errorf("%d left out, the first: %v", n, first)
		}
	}
}

// TestDamagedGroup: if one row group of a Parquet file is damaged, the others are read.
func TestDamagedGroup(t *testing.T) {
	texts := stories(90) // three groups of 30
	whole := parquetFile(t, texts)
	path := filepath.Join(write(t, map[string]string{"a.parquet": whole[:300] + strings.Repeat("\xff", 300) + whole[600:]}), "a.parquet")
	s, err := Open(path, SkipBad())
	if err != nil {
		t.Fatal(err)
	}
	got := readAll(t, s)
	if want := idsOf(t, texts[30:]...); len(got) < len(want) || !slices.Equal(got[len(got)-len(want):], want) {
		t.Errorf("%d ids, want at least the %d of the groups after the damage", len(got), len(want))
	}
	if n, first := s.Skipped(); n != 1 || !strings.Contains(first.Error(), "to 29 cannot be read") {
		t.Errorf("%d left out, the first: %v", n, first)
	}
}

// TestOpenBadShards checks the error for each way in which a header can be wrong.
func TestOpenBadShards(t *testing.T) {
	whole := tokenShard(1, 2, 3)
	for _, c := range []struct{ content, want string }{
		{whole[:len(whole)-2], "offset 8: 3 tokens make 1030 bytes, but the file has 1028"},
		{whole[:4] + "\x02" + whole[5:], "offset 4: version 2, want 1"},
		{"\xc6\xd7\x34\x01" + whole[4:], "offset 0: magic 20240326 is a model of llm.c, want 20240520 or 20240801 (tokens)"},
		{whole[:100], "100 bytes, want a header of 1024"},
		{wideShard(1)[:4] + whole[4:], "offset 4: version 1, want 7"},
		{wideShard(1, 2)[:1030], "offset 8: 2 tokens make 1032 bytes, but the file has 1030"},
	} {
		path := filepath.Join(write(t, map[string]string{"x.bin": c.content}), "x.bin")
		if _, err := Open(path); err == nil || err.Error() != path+": "+c.want {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
	path := filepath.Join(write(t, map[string]string{"x.bin": tokenShard(1, 2, 300, 4)}), "x.bin")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	r := reader{docs: s.docs, tok: bytesTokenizer}
	defer r.close()
	if _, err := r.take(t.Context(), 10); err == nil || err.Error() != path+": token 2: id 300 is outside the vocabulary of 257 (bytes)" {
		t.Errorf("error %v", err)
	}
	for name := range s.Texts() {
		if name != path {
			t.Errorf("text of %s", name)
		}
	}
	for _, r := range s.Texts() {
		if _, err := io.ReadAll(r); err == nil || err.Error() != "the file holds tokens, not text" {
			t.Errorf("text of tokens: %v", err)
		}
	}
}

// TestShardWidths: all shards of a source must have the same width, and it must suit the tokenizer.
func TestShardWidths(t *testing.T) {
	dir := write(t, map[string]string{"a/x.bin": tokenShard(1, 2, 3), "a/y.bin": wideShard(4, 5, 6), "b/x.bin": tokenShard(1, 2, 3), "c/x.bin": wideShard(1, 256, 99999)})
	large := largeTokenizer{bytesTokenizer}
	for _, c := range []struct {
		name string
		tok  tokenizer.Tokenizer
		want string
	}{
		{"a", bytesTokenizer, "a/x.bin has tokens of 16 bits, %s/a/y.bin of 32: they were made with different tokenizers"},
		{"b", bytesTokenizer, ""},
		{"b", large, "b/x.bin has tokens of 16 bits: it was made with a tokenizer other than bytes, whose vocabulary has 100,000 tokens"},
		{"c", large, ""},
		{"c", bytesTokenizer, "c/x.bin: token 2: id 99999 is outside the vocabulary of 257 (bytes)"},
	} {
		src, err := Open(filepath.Join(dir, c.name))
		if err != nil {
			t.Fatal(err)
		}
		s, err := NewValidation(src, c.tok, Config{Batch: 1, Context: 2})
		if err == nil {
			_, err = s.Next(t.Context())
		}
		want := strings.ReplaceAll(c.want, "%s", dir)
		if want != "" {
			want = filepath.Join(dir, want)
		}
		if got := fmt.Sprint(err); err != nil && got != want || err == nil && want != "" {
			t.Errorf("%s: error %v, want %q", c.name, err, want)
		}
	}
}

// largeTokenizer claims more tokens than 16 bits can number.
type largeTokenizer struct{ tokenizer.Tokenizer }

func (largeTokenizer) Size() int { return 100_000 }

func (largeTokenizer) AppendText(text []byte, ids []int) ([]byte, error) {
	return fmt.Append(text, ids), nil
}

func TestParquetErrors(t *testing.T) {
	dir := write(t, map[string]string{"a.parquet": parquetFile(t, stories(3)), "b.parquet": "no parquet, but long enough"})
	for _, c := range []struct {
		name, field, want string
	}{
		{"a.parquet", "body", `a.parquet: no column "body"; the file has id, text`},
		{"a.parquet", "id", `a.parquet: column "id" holds INT(64,true), want one string a row`},
		{"b.parquet", "text", "b.parquet: not a Parquet file: "},
	} {
		if _, err := Open(filepath.Join(dir, c.name), Field(c.field)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s of %s: error %v, want one with %q", c.field, c.name, err, c.want)
		}
	}
}

// FuzzJSONLines: any file gives texts or an error that begins with its name and the line.
func FuzzJSONLines(f *testing.F) {
	f.Add([]byte("{\"text\": \"a\"}\n\n{\"text\": \"\"}"))
	f.Add([]byte("{\"text\": null}\n[]\n{"))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "x.jsonl")
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		fuzzSource(t, path)
	})
}

// FuzzShard: any .bin gives tokens or an error.
func FuzzShard(f *testing.F) {
	f.Add([]byte(tokenShard(1, 2, 3)))
	f.Add([]byte(tokenShard(1)[:600]))
	f.Add([]byte(wideShard(1, 99999)))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "x.bin")
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		fuzzSource(t, path)
	})
}

// FuzzParquet: any file gives texts or an error, even if the library panics. Minimizing takes nearly all of the time
// unless it is bounded: go test -fuzz FuzzParquet -fuzzminimizetime 5x.
func FuzzParquet(f *testing.F) {
	whole := parquetFile(f, stories(5))
	f.Add([]byte(whole))
	f.Add([]byte(whole[:100] + "\xff\xff" + whole[102:]))
	f.Add([]byte(whole[:len(whole)-8] + "\xf0\xff\xff\xffPAR1")) // claims a footer of 4 GB
	lz4, err := os.ReadFile(filepath.Join("testdata", "drawn", "18.parquet"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(lz4)
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "x.parquet")
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		fuzzSource(t, path)
	})
}

func fuzzSource(t *testing.T, path string) {
	s, err := Open(path)
	if err == nil {
		r := reader{docs: s.docs, tok: bytesTokenizer}
		defer r.close()
		for err == nil {
			_, err = r.take(t.Context(), 1<<20)
		}
	}
	if err != io.EOF && !strings.HasPrefix(err.Error(), path) {
		t.Errorf("error without the file's name: %v", err)
	}
}
