package checkpoint

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// neutral holds the keys of generation_config.json that make transformers' generate choose other tokens by
// default, even greedily, with the values at which they have no effect. null never has an effect.
var neutral = map[string][]string{
	"bad_words_ids": {"[]"}, "begin_suppress_tokens": {"[]"}, "encoder_no_repeat_ngram_size": {"0"},
	"encoder_repetition_penalty": {"1", "1.0"}, "exponential_decay_length_penalty": {}, "forced_bos_token_id": {},
	"forced_eos_token_id": {}, "guidance_scale": {"1", "1.0"}, "min_length": {"0"}, "min_new_tokens": {"0"},
	"no_repeat_ngram_size": {"0"}, "num_beams": {"1"}, "repetition_penalty": {"1", "1.0"}, "sequence_bias": {"{}", "[]"},
	"stop_strings": {"[]"}, "suppress_tokens": {"[]"},
}

// Unheeded lists the settings in a generation_config.json, as [Dir.Generation] returns it, that transformers
// applies by default and that are applied here only if options ask for them, such as "repetition_penalty
// 1.2".
func Unheeded(generation json.RawMessage) ([]string, error) {
	if generation == nil {
		return nil, nil
	}
	var keys map[string]json.RawMessage
	if err := plainjson.Unmarshal(generation, &keys); err != nil {
		return nil, err
	}
	var found []string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		var value bytes.Buffer
		if err := json.Compact(&value, keys[key]); err != nil {
			return nil, err
		}
		if idle, known := neutral[key]; known && value.String() != "null" && !slices.Contains(idle, value.String()) {
			found = append(found, key+" "+value.String())
		}
	}
	return found, nil
}
