package filekind_test

import (
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/internal/filekind"
)

// TestOf uses the first bytes of files as the programs for these formats write them.
func TestOf(t *testing.T) {
	for head, want := range map[string]string{
		"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1\n": "a Git-LFS pointer, not the file itself",
		"\xff\xfeA\x00":                 "text in UTF-16",
		"\xfe\xff\x00A":                 "text in UTF-16",
		"O\x00n\x00c\x00e\x00":          "text in UTF-16",
		"\x00O\x00n\x00c\x00e":          "text in UTF-16",
		"\xff\xfe\x00\x00A\x00\x00\x00": "text in UTF-32",
		"\x1f\x8b\x08\x00":              "compressed with gzip",
		"\x28\xb5\x2f\xfd\x04":          "compressed with zstd",
		"\xfd7zXZ\x00\x00\x04":          "compressed with xz",
		"BZh91AY&SY\xd6":                "compressed with bzip2",
		"\x04\x22\x4d\x18\x64":          "compressed with lz4",
		"PK\x03\x04\x14\x00":            "a zip archive, which office documents also are",
		"7z\xbc\xaf\x27\x1c\x00\x04":    "a 7z archive",
		"Rar!\x1a\x07\x00":              "a rar archive",
		"%PDF-1.7\n":                    "a PDF document",
		"\x89PNG\r\n\x1a\n\x00":         "a PNG image",
		"\xff\xd8\xff\xe0":              "a JPEG image",
		"GIF89a\x01":                    "a GIF image",
		"\x7fELF\x02":                   "a program",
		"PAR1\x15\x04":                  "a Parquet file",
		"ARROW1\x00\x00\xff":            "an Arrow table",
		"a.txt" + strings.Repeat("\x00", 252) + "ustar\x0000": "a tar archive",
	} {
		kind, ok := filekind.Of([]byte(head))
		if !ok || kind.Name != want || kind.Advice == "" {
			t.Errorf("%q is %q (%q), want %s", head, kind.Name, kind.Advice, want)
		}
	}
	for _, text := range []string{
		"", "a", "Once upon a time", "PAR", "version https://git-lfs.github.com", "BZh9 is how bzip2 begins",
		"\x01\x00\x02\x00\x03\x00\x04\x00\x05\x00", // tokens
		"\x00\x00\x00\x00\x00\x00\x00\x00", "\xef\xbb\xbfmarked", "1AY&SY", "1234ustar",
	} {
		if kind, ok := filekind.Of([]byte(text)); ok {
			t.Errorf("%q is %s, want text", text, kind.Name)
		}
	}
}

func TestCheckPointer(t *testing.T) {
	const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1\n"
	for text, want := range map[string]error{pointer: filekind.Pointer, pointer[:30]: nil, "": nil, "PAR1" + pointer: nil} {
		if err := filekind.CheckPointer(strings.NewReader(text)); err != want {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
}
