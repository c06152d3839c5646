// Package filekind recognizes, by their first bytes, files that are not what their names promise: Git LFS
// pointers, UTF-16 text, archives, and compressed files that cannot be read here. All readers of files use it, so
// that each of them gives the same advice.
package filekind

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Kind describes what a file actually is.
type Kind struct {
	Name   string // with its article, as in "a Git-LFS pointer"
	Class  string // in a count of files, as in "2 compressed"
	Advice string // what to do about it
	Magic  string // the bytes at Offset that identify it
	Offset int
}

// Error returns what the file is and what to do about it.
func (k Kind) Error() string { return fmt.Sprintf("this is %s: %s", k.Name, k.Advice) }

// Pointer is the file that Git LFS leaves in place of one that it has not fetched:
// https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md.
var Pointer = Kind{
	"a Git-LFS pointer, not the file itself", "unfetched by Git LFS",
	"fetch it with git lfs pull, or download it", "version https://git-lfs.github.com/spec/v1\n", 0,
}

// UTF16 is text in UTF-16.
var UTF16 = Kind{"text in UTF-16", "in UTF-16", "convert it to UTF-8, for example with iconv -f UTF-16 -t UTF-8", "\xff\xfe", 0}

var kinds = []Kind{
	Pointer,
	{"text in UTF-32", "in UTF-32", "convert it to UTF-8, for example with iconv -f UTF-32 -t UTF-8", "\xff\xfe\x00\x00", 0},
	UTF16,
	{UTF16.Name, UTF16.Class, UTF16.Advice, "\xfe\xff", 0},
	compressed("gzip", "gunzip", "\x1f\x8b\x08", 0),
	compressed("zstd", "unzstd", "\x28\xb5\x2f\xfd", 0),
	compressed("xz", "unxz", "\xfd7zXZ\x00", 0),
	compressed("bzip2", "bunzip2", "1AY&SY", 4),
	compressed("lz4", "unlz4", "\x04\x22\x4d\x18", 0),
	{"a zip archive, which office documents also are", "archived", "unpack it, or export its text", "PK\x03\x04", 0},
	{"a 7z archive", "archived", "unpack it", "7z\xbc\xaf\x27\x1c", 0},
	{"a rar archive", "archived", "unpack it", "Rar!\x1a\x07", 0},
	{"a tar archive", "archived", "unpack it", "ustar", 257},
	{"a PDF document", "PDF", "export its text, for example with pdftotext", "%PDF-", 0},
	{"a model's weights in GGUF", "weights", "it is for --from", "GGUF\x03\x00\x00\x00", 0},
	{"a model's weights in GGUF", "weights", "it is for --from", "GGUF\x02\x00\x00\x00", 0},
	{"a PNG image", "images", "name another file", "\x89PNG\r\n\x1a\n", 0},
	{"a JPEG image", "images", "name another file", "\xff\xd8\xff", 0},
	{"a GIF image", "images", "name another file", "GIF89a", 0},
	{"a GIF image", "images", "name another file", "GIF87a", 0},
	{"a program", "programs", "name another file", "\x7fELF", 0},
	{"a Parquet file", "tabular", "name it .parquet", "PAR1", 0},
	{"an Arrow table", "tabular", "convert it to Parquet or JSON lines", "ARROW1\x00\x00", 0},
}

func compressed(by, tool, magic string, offset int) Kind {
	advice := "decompress it with " + tool + "; training text can also be read compressed from files that end in .gz or .zst"
	return Kind{"compressed with " + by, "compressed", advice, magic, offset}
}

// Of recognizes a file by its beginning; 512 bytes are enough. It returns false if the file may be what its name
// promises.
func Of(head []byte) (Kind, bool) {
	for _, k := range kinds {
		if len(head) > k.Offset && bytes.HasPrefix(head[k.Offset:], []byte(k.Magic)) {
			return k, true
		}
	}
	if wide(head) {
		return UTF16, true
	}
	return Kind{}, false
}

// wide reports whether head is UTF-16 text without a byte-order mark: every other byte is NUL, as in all ASCII
// text, and the bytes between are text.
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

// CheckPointer returns an error if a file is a Git LFS pointer.
func CheckPointer(r io.ReaderAt) error {
	head := make([]byte, len(Pointer.Magic))
	n, err := r.ReadAt(head, 0)
	switch {
	case n == len(head) && string(head) == Pointer.Magic:
		return Pointer
	case err != nil && !errors.Is(err, io.EOF):
		return err
	}
	return nil
}
