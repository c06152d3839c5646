package datasets

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

const tinyShakespeare = "../../shared/data/text/tinyshakespeare.txt"

// openShared opens data that is not in the repository, or skips.
func openShared(t testing.TB, name string) *Source {
	t.Helper()
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("%s is absent", name)
	}
	s, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSplitTinyShakespeare: the split has nanoGPT's numbers (data/shakespeare_char/readme.md).
func TestSplitTinyShakespeare(t *testing.T) {
	train, val, err := Split(openShared(t, tinyShakespeare), 0.1)
	if err != nil {
		t.Fatal(err)
	}
	if train.Size() != 1_003_854 || val.Size() != 111_540 {
		t.Errorf("%d bytes for training, %d for validation; want 1003854, 111540", train.Size(), val.Size())
	}
}

func TestSplitOne(t *testing.T) {
	for _, test := range []struct {
		text     string
		fraction float64
		train    string
	}{
		{"0123456789", 0.1, "012345678"},
		{"0123456789", 0.5, "01234"},
		{"0123456789x", 0.1, "012345678"}, // int(9.9)
		{"aééé", 0.5, "aé"},               // byte 3 starts a character
		{"ééé", 0.5, "é"},                 // byte 3 does not
		{"漢漢漢", 0.5, "漢"},
		{"\U0001f600\U0001f600", 0.2, "\U0001f600"},
		{"ab\x80\x80\x80\x80\x80\x80\x80\x80", 0.5, "ab\x80\x80\x80"}, // there is no character to keep whole
	} {
		train, val, err := Split(Text("x", test.text), test.fraction)
		if err != nil {
			t.Errorf("%q: %v", test.text, err)
			continue
		}
		a, b := texts(t, train)["x[0]"], strings.Join(values(texts(t, val)), "")
		if a != test.train || a+b != test.text {
			t.Errorf("%q at %v: %q and %q, want %q first", test.text, test.fraction, a, b, test.train)
		}
		if utf8.ValidString(test.text) && !(utf8.ValidString(a) && utf8.ValidString(b)) {
			t.Errorf("%q is cut inside a character", test.text)
		}
	}
}

func values(m map[string]string) []string {
	var all []string
	for _, v := range m {
		all = append(all, v)
	}
	return all
}

func TestSplitMany(t *testing.T) {
	docs := make([]Document, 5000)
	for i := range docs {
		docs[i] = Text("x", "x").docs[0]
		docs[i].Name = fmt.Sprintf("folder/file%d.txt", i)
	}
	where := make(map[string]string)
	for _, n := range []int{1000, 5000} {
		train, val, err := Split(NewSource("many", docs[:n]...), 0.1)
		if err != nil {
			t.Fatal(err)
		}
		// Five standard deviations of a binomial count, 0.3·√n each.
		if got := len(val.Documents()); math.Abs(float64(got)-0.1*float64(n)) > 5*0.3*math.Sqrt(float64(n)) {
			t.Errorf("%d of %d documents for validation, want about a tenth", got, n)
		}
		if len(train.Documents())+len(val.Documents()) != n {
			t.Errorf("%d and %d documents of %d", len(train.Documents()), len(val.Documents()), n)
		}
		now := make(map[string]string)
		for _, part := range []*Source{train, val} {
			for _, d := range part.Documents() {
				side := strings.TrimPrefix(part.Name(), "many ")
				if now[d.Name] != "" {
					t.Errorf("%s is in both parts", d.Name)
				}
				if was := where[d.Name]; was != "" && was != side {
					t.Errorf("%s moved to the %s when documents were added", d.Name, side)
				}
				now[d.Name] = side
			}
		}
		where = now
	}
	for n := 2; n < 40; n++ { // at least one document in each part
		for _, fraction := range []float64{1e-9, 0.1, 0.999999} {
			train, val, err := Split(NewSource("few", docs[n:2*n]...), fraction)
			if err != nil || len(train.Documents()) == 0 || len(val.Documents()) == 0 {
				t.Errorf("%d documents at %v: %v, %v, %v", n, fraction, train, val, err)
			}
		}
	}
}

// TestSplitBySize: even with few or unequal documents, the parts have about the intended sizes.
func TestSplitBySize(t *testing.T) {
	for _, sizes := range [][]int{
		{60_000, 2_000}, {2_000, 60_000}, {60_000, 2_000, 500, 700}, {1000, 1000, 1000}, {300, 300, 300, 300, 300, 300},
		{1_000_000, 10, 10, 10, 10, 10, 10}, {1, 1, 1, 1, 1, 100}, {5000, 4000, 3000, 2000, 1000},
	} {
		texts, total := make([]string, len(sizes)), 0
		for i, n := range sizes {
			texts[i] = strings.Repeat(string(rune('a'+i)), n)
			total += n
		}
		for _, name := range []string{"a", "b", "c", "d", "e"} { // different hashes
			for _, fraction := range []float64{0.01, 0.1, 0.3, 0.5, 0.9} {
				train, val, err := Split(Text(name, texts...), fraction)
				if err != nil {
					t.Errorf("%v at %v: %v", sizes, fraction, err)
					continue
				}
				want := fraction * float64(total)
				if got := float64(val.Size()); got < want/2-1 || got > 2*want+1 || train.Size()+val.Size() != int64(total) {
					t.Errorf("%s of %v at %v: %d bytes for validation, %d for training, want about %.0f", name, sizes, fraction, val.Size(), train.Size(), want)
				}
				if rest := float64(train.Size()); rest < (float64(total)-want)/2-1 {
					t.Errorf("%s of %v at %v: %d bytes for training", name, sizes, fraction, train.Size())
				}
			}
		}
	}
}

func TestSplitErrors(t *testing.T) {
	for _, test := range []struct {
		source   *Source
		fraction float64
		want     string
	}{
		{Text("x", "abc"), 0, "validation fraction is 0, want more than 0 and less than 1"},
		{Text("x", "abc"), 1, "validation fraction is 1, want more than 0 and less than 1"},
		{Text("x", "abc"), math.NaN(), "validation fraction is NaN, want more than 0 and less than 1"},
		{Text("x"), 0.1, "x: no text to split"},
		{Text("x", "a"), 0.1, "x: 1 byte is too short to split"},
		{Text("x", "漢"), 0.5, "x: 3 bytes is too short to split"},
	} {
		if _, _, err := Split(test.source, test.fraction); err == nil || err.Error() != test.want {
			t.Errorf("error %v\nwant  %s", err, test.want)
		}
	}
}

// TestSplitShardNames: shards are split by their names, whatever splitDocuments would do with them, unless one of the
// documents is not a shard, or none is for training, or none for validation.
func TestSplitShardNames(t *testing.T) {
	shards := func(names ...string) []Document {
		var docs []Document
		for _, name := range names {
			path := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(path, make([]byte, 64), 0o666); err != nil {
				t.Fatal(err)
			}
			src, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			docs = append(docs, src.docs...)
		}
		return docs
	}
	names := func(docs []Document) string {
		var all []string
		for _, d := range docs {
			all = append(all, filepath.Base(d.Name))
		}
		return strings.Join(all, " ")
	}
	for _, c := range []struct {
		docs              []Document
		train, validation string
	}{
		{shards("train.bin", "val.bin"), "train.bin", "val.bin"},
		{shards("val.bin", "train.bin"), "train.bin", "val.bin"},
		{shards("wiki_train_000001.bin", "wiki_val_000000.bin", "wiki_train_000002.bin"), "wiki_train_000001.bin wiki_train_000002.bin", "wiki_val_000000.bin"},
		{shards("a.bin", "b.bin"), "a.bin b.bin", ""},
		{shards("val.bin", "my_val.bin"), "", ""},
		{append(shards("train.bin", "val.bin"), Text("notes", "text").docs...), "", ""},
	} {
		train, validation := splitShards(c.docs)
		if names(train) != c.train || names(validation) != c.validation {
			t.Errorf("%s: %q for training, %q for validation, want %q, %q", names(c.docs), names(train), names(validation), c.train, c.validation)
		}
	}
}
