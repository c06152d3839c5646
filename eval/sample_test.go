package eval

import (
	"encoding/json"
	"math"
	"testing"
)

// TestSampleJSON: an empty response is an empty string, and values that are not finite are null.
func TestSampleJSON(t *testing.T) {
	right := false
	for want, s := range map[string]Sample{
		`{"text":"","tokens":1}`:                                        {Tokens: 1},
		`{"text":"a<b","tokens":2}`:                                     {Text: "a<b", Tokens: 2},
		`{"log_likelihoods":[-1.5,null,null],"tokens":3,"right":false}`: {LogLikelihoods: []float64{-1.5, math.NaN(), math.Inf(-1)}, Tokens: 3, Right: &right},
	} {
		got, err := s.MarshalJSON()
		if err != nil || !json.Valid(got) || string(got) != want+"\n" {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	}
}
