package checkpoint_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint"
)

// TestUnheeded: defaults of transformers' GenerationConfig are not reported; settings that would
// change its greedy tokens are.
func TestUnheeded(t *testing.T) {
	for config, want := range map[string]string{
		"": "",
		`{"eos_token_id": 3, "do_sample": true, "repetition_penalty": 1.0, "suppress_tokens": null, "bad_words_ids": [ ], "num_beams": 1}`: "",
		`{"repetition_penalty": 1.2, "suppress_tokens": [1, 2], "min_new_tokens": 4, "forced_eos_token_id": 0}`:                            "forced_eos_token_id 0, min_new_tokens 4, repetition_penalty 1.2, suppress_tokens [1,2]",
	} {
		var raw json.RawMessage
		if config != "" {
			raw = json.RawMessage(config)
		}
		got, err := checkpoint.Unheeded(raw)
		if s := strings.Join(got, ", "); s != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", config, s, err, want)
		}
	}
	if _, err := checkpoint.Unheeded(json.RawMessage("[]")); err == nil {
		t.Error("a list is no configuration")
	}
}
