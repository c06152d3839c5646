package family_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/models/family"
)

// TestEnds: every form of eos_token_id that transformers 5.24 accepts is read and written back.
func TestEnds(t *testing.T) {
	for _, c := range []struct {
		text string
		want []int
		back string
	}{
		{"0", []int{0}, "0"},
		{"5", []int{5}, "5"},
		{"[0, 5]", []int{0, 5}, "[0,5]"},
		{"[7]", []int{7}, "7"},
		{"null", nil, "null"},
		{"[]", nil, "null"},
		{"-1", nil, "null"},
		{"[-1, 3]", []int{3}, "3"},
	} {
		var e family.Ends
		if err := json.Unmarshal([]byte(c.text), &e); err != nil || !slices.Equal(e, c.want) {
			t.Errorf("%s: %v, %v, want %v", c.text, e, err, c.want)
		}
		if back, err := json.Marshal(family.NewEnds(e)); err != nil || string(back) != c.back {
			t.Errorf("%s: written %s, %v, want %s", c.text, back, err, c.back)
		}
	}
	for _, text := range []string{`"5"`, "5.5", "[1.5]", `{"a": 1}`, "true", `["5"]`, "99999999999999999999"} {
		var e family.Ends
		if err := json.Unmarshal([]byte(text), &e); err == nil || err.Error() != "eos_token_id: want the id of a token, a list of ids, or null" {
			t.Errorf("%s: %v, %v", text, e, err)
		}
	}
}
