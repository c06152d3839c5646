package legible

import "testing"

// TestText: the expected texts are those of bytes.decode(errors="replace") of Python 3.11.
func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "",
		"aé☃😀":                         "aé☃😀",
		"a\xf0\x9f\x99z":               "a\ufffdz",
		"\xff\xfe":                     "\ufffd\ufffd",
		"\xf0\x9f\x98":                 "\ufffd",
		"\xe2\x98\xe2\x98\x83":         "\ufffd☃",
		"\xed\xa0\x80":                 "\ufffd\ufffd\ufffd", // a surrogate
		"\xf4\x90\x80\x80":             "\ufffd\ufffd\ufffd\ufffd",
		"\xe0\x80\x80|\xf0\x80\x80":    "\ufffd\ufffd\ufffd|\ufffd\ufffd\ufffd",
		"\xc2|\xc0\x80|\x80":           "\ufffd|\ufffd\ufffd|\ufffd",
		"\xf1\x80\x80|\xe1\x80|\xf5a":  "\ufffd|\ufffd|\ufffda",
		"\ufffd":                       "\ufffd",
		"\xf3\xb0\xf3\xb0\x80\xf3\xb0": "\ufffd\ufffd\ufffd",
	} {
		if got := Text(text); got != want {
			t.Errorf("%x: %q, want %q", text, got, want)
		}
		if got, want := Characters([]byte(text)), len([]rune(want)); got != want {
			t.Errorf("%x: %d characters, want %d", text, got, want)
		}
	}
}
