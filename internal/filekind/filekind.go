// Package filekind knows files by how they begin that are not what their names promise: the
// pointers of Git LFS, UTF-16, archives and compressed files that nothing here reads. All
// readers of files ask it, so that each of them gives the same advice.
package filekind

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// HeadBytes is how much of a file [Of] wants to see.
const HeadBytes = 512

// Kind is what a file is instead.
type Kind struct {
	Name   string // with its article, as in "a Git-LFS pointer"
	Advice string // what to do
}

// Error is a Kind as an error, which says what to do.
func (k Kind) Error() string { return fmt.Sprintf("this is %s: %s", k.Name, k.Advice) }

// pointer begins a file that Git LFS left in place of the real one:
// https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md.
const pointer = "version https://git-lfs.github.com/spec/v1\n"

// Pointer is the kind of what Git LFS leaves in place of a file that it has not fetched.
var Pointer = Kind{"a Git-LFS pointer, not the file itself", "fetch it with git lfs pull, or download it"}

// UTF16 is text that is not UTF-8.
var UTF16 = Kind{"text in UTF-16", "make it UTF-8, as by iconv -f UTF-16 -t UTF-8"}

// magics tells kinds by the bytes at an offset.
var magics = []struct {
	offset int
	bytes  string
	kind   Kind
}{
	{0, pointer, Pointer},
	{0, "\xff\xfe\x00\x00", Kind{"text in UTF-32", "make it UTF-8, as by iconv -f UTF-32 -t UTF-8"}},
	{0, "\xff\xfe", UTF16},
	{0, "\xfe\xff", UTF16},
	{0, "\x1f\x8b\x08", Kind{"compressed by gzip", "decompress it with gunzip; training text may end in .gz"}},
	{0, "\x28\xb5\x2f\xfd", Kind{"compressed by zstd", "decompress it with unzstd; training text may end in .zst"}},
	{0, "\xfd7zXZ\x00", Kind{"compressed by xz", "decompress it with unxz; .gz and .zst are read as they are"}},
	{4, "1AY&SY", Kind{"compressed by bzip2", "decompress it with bunzip2; .gz and .zst are read as they are"}},
	{0, "\x04\x22\x4d\x18", Kind{"compressed by lz4", "decompress it with unlz4; .gz and .zst are read as they are"}},
	{0, "PK\x03\x04", Kind{"a zip archive, as office documents are too", "unpack it, or export its text"}},
	{0, "7z\xbc\xaf\x27\x1c", Kind{"a 7z archive", "unpack it"}},
	{0, "Rar!\x1a\x07", Kind{"a rar archive", "unpack it"}},
	{0, "%PDF-", Kind{"a PDF document", "export its text, as by pdftotext"}},
	{0, "PAR1", Kind{"a Parquet file", "name it .parquet"}},
	{0, "ARROW1\x00\x00", Kind{"a table of Arrow", "make Parquet or JSON lines of it"}},
	{257, "ustar", Kind{"a tar archive", "unpack it"}},
}

// Of tells what a file is instead, from how it begins.
func Of(head []byte) (Kind, bool) {
	for _, m := range magics {
		if len(head) > m.offset && bytes.HasPrefix(head[m.offset:], []byte(m.bytes)) {
			return m.kind, true
		}
	}
	if wide(head) {
		return UTF16, true
	}
	return Kind{}, false
}

// wide tells whether text is UTF-16 without a mark: every other byte is NUL, as it is for
// all ASCII, and the bytes between are text.
func wide(head []byte) bool {
	head = head[:len(head)&^1]
	if len(head) < 8 {
		return false
	}
	for first := range 2 {
		both := true
		for i := 0; i < len(head) && both; i += 2 {
			c := head[i+first]
			both = head[i+1-first] == 0 && (c >= ' ' && c < 0x7f || c == '\n' || c == '\r' || c == '\t')
		}
		if both {
			return true
		}
	}
	return false
}

// CheckPointer is an error if a file is a pointer of Git LFS.
func CheckPointer(r io.ReaderAt) error {
	var head [len(pointer)]byte
	if n, err := r.ReadAt(head[:], 0); n < len(head) {
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		return nil
	}
	if string(head[:]) == pointer {
		return Pointer
	}
	return nil
}
