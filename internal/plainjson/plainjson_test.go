package plainjson_test

import (
	"encoding/json"
	"testing"

	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// Shared is embedded, like the configuration of one family in that of another.
type Shared struct {
	Width int `json:"n_embd"`
}

// TestEmbedded: errors name the field of an embedded struct as the file does, without the struct.
func TestEmbedded(t *testing.T) {
	var v struct {
		Shared
	}
	const want = "key n_embd: want a whole number, got 1.5"
	if err := plainjson.Unmarshal([]byte(`{"n_embd":1.5}`), &v); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestUnmarshal: errors are one line each and do not mention Go types.
func TestUnmarshal(t *testing.T) {
	type row struct {
		Text  string
		Label int
		Ends  []string
		Score float64
		Old   bool
		Deep  struct{ AnswerKey string }
	}
	for text, want := range map[string]string{
		`{"text":"a","label":1,"ends":["x"],"score":1.5,"old":true}`: "",
		`[1]`:                      "want an object, got a list",
		`"a"`:                      "want an object, got a string",
		`{"text":1}`:               "key text: want a string, got a number",
		`{"text":{}}`:              "key text: want a string, got an object",
		`{"label":[1]}`:            "key label: want a whole number, got a list",
		`{"label":1.5}`:            "key label: want a whole number, got 1.5",
		`{"ends":"x"}`:             "key ends: want a list, got a string",
		`{"ends":["x",2]}`:         "key ends: want a string, got a number",
		`{"score":true}`:           "key score: want a number, got true or false",
		`{"deep":{"answerKey":1}}`: "key deep.answerKey: want a string, got a number",
		`{"old":"yes"}`:            "key old: want true or false, got a string",
		`{"text" "a"}`:             "invalid character '\"' after object key (byte 9)",
		`{"label":2,}`:             "invalid character '}' looking for beginning of object key string (byte 12)",
		`{"text":`:                 "unexpected end of JSON input",
		``:                         "unexpected end of JSON input",
	} {
		var r row
		got := ""
		if err := plainjson.Unmarshal([]byte(text), &r); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// TestText: text that encoding/json would repair with U+FFFD is an error, as it is for the UTF-8 readers of
// Python and pandas ('utf-8' codec can't decode byte 0xff; surrogates not allowed).
func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"\"a\xffb\"":               "offset 2: byte 0xff is not valid UTF-8",
		"\"\xed\xa0\x80\"":         "offset 1: byte 0xed is not valid UTF-8", // a surrogate as three bytes
		`"a\ud800b"`:               `half of a surrogate pair, \ud800 (byte 3)`,
		`"\ud83d\u0041"`:           `half of a surrogate pair, \ud83d (byte 2)`,
		`"\udc00\ud800"`:           `half of a surrogate pair, \udc00 (byte 2)`,
		`"\n\ud83d\n"`:             `half of a surrogate pair, \ud83d (byte 4)`,
		`"\ud83d\ude00\\ud800 \""`: "", // a pair; a backslash and the letters ud800
		`"\uD83D\uDE00 \u00e4"`:    "",
		`"\ufffd"`:                 "", // U+FFFD itself, as written by someone
	} {
		var s string
		got := ""
		if err := plainjson.Unmarshal([]byte(text), &s); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	// Only decoded values are checked: other values of a row may be anything.
	var row map[string]json.RawMessage
	if err := plainjson.Unmarshal([]byte(`{"user":"\ud800","text":"a"}`), &row); err != nil {
		t.Error(err)
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte(`"\ud83d\ude00\\\ud8"`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var got, want string
		if plainjson.Unmarshal(data, &got) == nil {
			if json.Unmarshal(data, &want) != nil || got != want {
				t.Errorf("%q, encoding/json has %q", got, want)
			}
		}
	})
}
