package plainjson_test

import (
	"testing"

	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// TestUnmarshal: one line each, without Go's types.
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
		`"a"`:                      "want an object, got a text",
		`{"text":1}`:               "key text: want a text, got a number",
		`{"text":{}}`:              "key text: want a text, got an object",
		`{"label":[1]}`:            "key label: want a whole number, got a list",
		`{"label":1.5}`:            "key label: want a whole number, got 1.5",
		`{"ends":"x"}`:             "key ends: want a list, got a text",
		`{"ends":["x",2]}`:         "key ends: want a text, got a number",
		`{"score":true}`:           "key score: want a number, got true or false",
		`{"deep":{"answerKey":1}}`: "key deep.answerKey: want a text, got a number",
		`{"old":"yes"}`:            "key old: want true or false, got a text",
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
