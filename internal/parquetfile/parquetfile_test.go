package parquetfile_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/lz4"

	"github.com/gorgpt/gorgpt/internal/parquetfile"
)

type row struct {
	Value string `parquet:"value"`
	Other string `parquet:"other"`
}

// write returns a file of texts that LZ4 makes only a little shorter, which parquet-go v0.32.0 misreads.
func write(t testing.TB, version int) (file []byte, texts []string) {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[row](&b, parquet.Compression(&lz4.Codec{Level: lz4.Level1}), parquet.DataPageVersion(version), parquet.PageBufferSize(20_000), parquet.MaxRowsPerRowGroup(7))
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 20 {
		text := make([]byte, 2000*(i%5))
		for k := range text {
			text[k] = byte('!' + random.IntN(64))
		}
		texts = append(texts, string(text)+strings.Repeat("again ", 100*i%700))
		if _, err := w.Write([]row{{texts[i], "x"}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), texts
}

// read returns the values of the first column.
func read(file []byte) (texts []string, err error) {
	defer func() {
		if recover() != nil {
			err = io.ErrUnexpectedEOF // the library's own
		}
	}()
	f, err := parquetfile.Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return nil, err
	}
	for _, g := range f.RowGroups() {
		rows := g.Rows()
		defer rows.Close()
		for buf := make([]parquet.Row, 5); ; {
			n, err := rows.ReadRows(buf)
			for _, r := range buf[:n] {
				texts = append(texts, r[0].String())
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return texts, nil
}

func TestLZ4(t *testing.T) {
	for version := 1; version <= 2; version++ {
		file, want := write(t, version)
		got, err := read(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("pages of version %d: other texts than were written", version)
		}
	}
}

// TestDamagedLZ4: damage leads to an error or to other text, but not to an endless loop, as with the library
// alone.
func TestDamagedLZ4(t *testing.T) {
	file, _ := write(t, 2)
	failed := 0
	for i := 0; i < len(file)/2; i += 97 {
		damaged := bytes.Clone(file)
		damaged[i] ^= 0xff
		if _, err := read(damaged); err != nil {
			failed++
		}
	}
	if failed == 0 {
		t.Error("no damage was noticed")
	}
}

func TestFooter(t *testing.T) {
	whole, _ := write(t, 1)
	long := bytes.Clone(whole)
	binary.LittleEndian.PutUint32(long[len(long)-8:], 0xfffffff0)
	for _, c := range []struct{ file, want string }{
		{string(long), "not a Parquet file: a footer of 4294967280 bytes, but only "},
		{"PAR1", "not a Parquet file: 4 bytes are too few"},
		{"PAR1 and some text", `not a Parquet file: it ends in "text", want "PAR1"`},
		{"version https://git-lfs.github.com/spec/v1\noid", "this is a Git-LFS pointer, not the file itself: fetch it with git lfs pull, or download it"},
	} {
		if _, err := parquetfile.Open(strings.NewReader(c.file), int64(len(c.file))); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
}
