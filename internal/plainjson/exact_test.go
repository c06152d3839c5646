package plainjson_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/internal/plainjson"
)

type pair struct{ Left, Right string }

type row struct {
	End   int `json:"eos_token_id"`
	Label *int
	Rows  []pair
	Named map[string]*pair
	Deep  struct{ AnswerKey string }
	pair
}

// TestExactKeys: as in Python's json, a key with different case is a different key.
func TestExactKeys(t *testing.T) {
	one := 1
	for text, want := range map[string]row{
		`{"eos_token_id":0,"EOS_token_id":114}`:                        {},
		`{"EOS_token_id":114,"eos_token_id":3}`:                        {End: 3},
		`{"eos_to\u006ben_id":3,"eos_to\u004ben_id":4}`:                {End: 3}, // escaped k and K
		`{"eos_to\u212aen_id":3,"eo\u017f_token_id":4}`:                {},       // the Kelvin sign and the long s
		`{"label":1,"Label":0,"LABEL":"x"}`:                            {Label: &one},
		`{"rows":[{"left":"a","Left":"b"},{"RIGHT":"c"}]}`:             {Rows: []pair{{Left: "a"}, {}}},
		`{"named":{"Left":{"left":"a","lefT":"b"},"left":null}}`:       {Named: map[string]*pair{"Left": {Left: "a"}, "left": nil}},
		` { "deep" : { "answerKey" : "A" , "answerkey" : "B" } } `:     {Deep: struct{ AnswerKey string }{"A"}},
		`{"left":"a","Right":"b","more":[{"left":[[]]},"\"",-1.5e3]}`:  {pair: pair{Left: "a"}},
		`{"Rows":7,"other\"":{"Label":[]},"\\":"}","right":"\\\"]b,"}`: {pair: pair{Right: `\"]b,`}},
	} {
		data := []byte(text)
		var got row
		if err := plainjson.Unmarshal(data, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v, want %+v", text, got, err, want)
		}
		if string(data) != text {
			t.Errorf("%s was changed: %s", text, data)
		}
	}
	var own struct{ Step, Rate int } // as json.Marshal writes it
	if err := plainjson.UnmarshalOwn([]byte(`{"Step":7,"rate":1}`), &own); err != nil || own.Step != 7 || own.Rate != 1 {
		t.Errorf("%+v, %v", own, err)
	}
	deep := []byte(`{"rows":` + strings.Repeat("[", 1e6))
	if err := plainjson.Unmarshal(deep, new(row)); err == nil {
		t.Error("no error of what is too deep")
	}
}

// FuzzExactKeys: a field gets the value that a map decoded from the same JSON has under the field's key.
func FuzzExactKeys(f *testing.F) {
	for _, text := range []string{`{"label":1,"Label":2,"more":[{},[],null,"\""]}`, `{"LABEL":[]}`, `{"\u006cabel" : 3 }`, "{\"a\x00\":1}", `{"\q":1}`, `{"label":`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got struct{ Label *int }
		var all map[string]json.RawMessage
		if plainjson.Unmarshal(data, &got) != nil {
			return
		}
		var want *int
		if err := json.Unmarshal(data, &all); err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		if value, ok := all["label"]; ok {
			if string(value) == "null" {
				return // it keeps the value of an earlier key
			}
			if err := json.Unmarshal(value, &want); err != nil {
				t.Fatalf("%q: %v", data, err)
			}
		}
		if !reflect.DeepEqual(got.Label, want) {
			t.Errorf("%q: %v, want %v", data, got.Label, want)
		}
	})
}

func BenchmarkUnmarshal(b *testing.B) {
	line, err := json.Marshal(map[string]any{"text": strings.Repeat("The quick brown fox. ", 50), "id": 7, "meta": []string{"a", "b"}})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(line)))
	b.Run("struct", func(b *testing.B) {
		for b.Loop() {
			var row struct{ Text, ID json.RawMessage }
			if err := plainjson.Unmarshal(line, &row); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("map", func(b *testing.B) {
		for b.Loop() {
			var row map[string]json.RawMessage
			if err := plainjson.Unmarshal(line, &row); err != nil {
				b.Fatal(err)
			}
		}
	})
}
