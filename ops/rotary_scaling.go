package ops

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// RotaryScaling changes the frequencies of [Rotary] so that a model can read longer texts than it was trained
// on. The zero value changes nothing. [ParseRotary] reads it from a config.json; the tags of the fields are the
// keys there.
type RotaryScaling struct {
	// Type is "linear" (Chen et al. 2023: positions divided by the factor), "ntk" (a base of
	// θ·factor^(D/(D−2)), whatever the length), "yarn" (Peng et al. 2023, §3), "llama3" (as in Llama 3.1), or
	// "" or "default" for none.
	Type   string  `json:"rope_type"`
	Factor float64 `json:"factor"` // by which texts become longer, 1 or more
	// OriginalPositions is the length of the texts in training, for "yarn" and "llama3".
	OriginalPositions int `json:"original_max_position_embeddings"`

	// BetaFast and BetaSlow are for "yarn": pairs that rotate more than BetaFast times over the original
	// positions keep their frequency, those that rotate less than BetaSlow times have it divided by the factor;
	// 0 means 32 and 1.
	BetaFast float64 `json:"beta_fast"`
	BetaSlow float64 `json:"beta_slow"`
	// Truncate rounds the ends of the ramp between the two to whole pairs; nil means true.
	Truncate *bool `json:"truncate"`
	// AttentionFactor multiplies both queries and keys; 0 means 0.1·ln factor + 1 or, if MScale m and MScaleAll
	// n are given, (0.1·m·ln factor + 1)/(0.1·n·ln factor + 1).
	AttentionFactor float64 `json:"attention_factor"`
	MScale          float64 `json:"mscale"`
	MScaleAll       float64 `json:"mscale_all_dim"`

	// LowFactor and HighFactor are for "llama3": waves longer than OriginalPositions/LowFactor are stretched by
	// the factor, those shorter than OriginalPositions/HighFactor are not.
	LowFactor  float64 `json:"low_freq_factor"`
	HighFactor float64 `json:"high_freq_factor"`
}

// scalingKeys holds the keys that belong to each type.
var scalingKeys = map[string][]string{
	"default": nil,
	"linear":  {"factor"},
	"ntk":     {"factor"},
	"yarn": {"factor", "original_max_position_embeddings", "beta_fast", "beta_slow", "truncate", "attention_factor",
		"mscale", "mscale_all_dim"},
	"llama3": {"factor", "original_max_position_embeddings", "low_freq_factor", "high_freq_factor"},
}

// scalingTypes lists the types, for errors.
const scalingTypes = "default, linear, ntk, yarn or llama3"

// ParseRotary reads what a config.json has under rope_scaling, or under rope_parameters in newer versions, for
// heads of size columns. A type or a key that is not known, or a key that belongs to another type, is an error;
// null is the zero value.
func ParseRotary(data []byte, size int) (o RotaryOptions, err error) {
	var given map[string]json.RawMessage
	if err := json.Unmarshal(data, &given); err != nil {
		return o, fmt.Errorf("rope_scaling: %w", err)
	}
	if old, has := given["type"]; has && given["rope_type"] == nil {
		given["rope_type"] = old
	}
	delete(given, "type")
	all, err := json.Marshal(given)
	if err != nil {
		return o, fmt.Errorf("rope_scaling: %w", err)
	}
	common := struct {
		Theta float64 `json:"rope_theta"`
		Part  float64 `json:"partial_rotary_factor"`
	}{Part: 1}
	for _, to := range []any{&common, &o.Scaling} {
		if err := json.Unmarshal(all, to); err != nil {
			return RotaryOptions{}, fmt.Errorf("rope_scaling: %w", err)
		}
	}
	if o.Scaling.Type == "" {
		o.Scaling.Type = "default"
	}
	if string(given["truncate"]) == "null" { // to transformers, as to Python, null is false
		o.Scaling.Truncate = new(bool)
	}
	keys, known := scalingKeys[o.Scaling.Type]
	if !known {
		return RotaryOptions{}, fmt.Errorf("rope_scaling: rope_type is %q, want %s", o.Scaling.Type, scalingTypes)
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(keys, key) && !slices.Contains([]string{"rope_type", "rope_theta", "partial_rotary_factor"}, key) {
			return RotaryOptions{}, fmt.Errorf("rope_scaling: %s has no key %q; it has %s", o.Scaling.Type, key, strings.Join(append(keys, "rope_theta", "partial_rotary_factor"), ", "))
		}
	}
	for _, key := range []string{"rope_theta", "attention_factor"} { // 0 would silently mean the default
		if v, err := strconv.ParseFloat(string(given[key]), 64); err == nil && v == 0 {
			return RotaryOptions{}, fmt.Errorf("rope_scaling: %s is %s, want above 0", key, given[key])
		}
	}
	o.Theta = common.Theta
	if common.Part != 1 {
		if o.Columns = int(float64(size) * common.Part); o.Columns < 1 || o.Columns > size {
			return RotaryOptions{}, fmt.Errorf("rope_scaling: partial_rotary_factor is %v of heads of %d columns, want above 0 to 1", common.Part, size)
		}
	}
	if _, _, err := o.frequencies(size); err != nil {
		return RotaryOptions{}, fmt.Errorf("rope_scaling: %w", err)
	}
	return o, nil
}

// check returns what is wrong with the settings, or nil.
func (c RotaryScaling) check() error {
	keys, known := scalingKeys[c.Type]
	positive := func(v float64) bool { return v > 0 && !math.IsInf(v, 0) }
	switch {
	case c.Type == "" && c != RotaryScaling{}:
		return fmt.Errorf("scaling has no type, want %s", scalingTypes)
	case c.Type == "":
		return nil
	case !known:
		return fmt.Errorf("scaling is of type %q, want %s", c.Type, scalingTypes)
	case keys != nil && !(c.Factor >= 1 && !math.IsInf(c.Factor, 0)):
		return fmt.Errorf("%s has a factor of %v, want 1 or more", c.Type, c.Factor)
	case slices.Contains(keys, "original_max_position_embeddings") && c.OriginalPositions < 1:
		return fmt.Errorf("%s has original_max_position_embeddings of %d, want 1 or more", c.Type, c.OriginalPositions)
	case c.Type == "llama3" && !(c.LowFactor > 0 && c.HighFactor > c.LowFactor && positive(c.HighFactor)):
		return fmt.Errorf("llama3 has a low_freq_factor of %v and a high_freq_factor of %v, want above 0, the first lower", c.LowFactor, c.HighFactor)
	case c.Type == "yarn" && (!positive(c.betaSlow()) || !positive(c.betaFast()) || c.betaFast() < c.betaSlow()):
		return fmt.Errorf("yarn has a beta_fast of %v and a beta_slow of %v, want above 0, the first higher", c.betaFast(), c.betaSlow())
	case c.Type == "yarn" && !(positive(c.attention()) && finite(c.attention())):
		return fmt.Errorf("yarn has an attention_factor of %v, want above 0", c.attention())
	}
	return nil
}

func (c RotaryScaling) betaFast() float64 { return orElse(c.BetaFast, 32) }
func (c RotaryScaling) betaSlow() float64 { return orElse(c.BetaSlow, 1) }

// orElse returns v, or other if v is 0.
func orElse(v, other float64) float64 {
	if v == 0 {
		return other
	}
	return v
}

// attention returns the factor of queries and keys.
func (c RotaryScaling) attention() float64 {
	if c.Type != "yarn" {
		return 1
	}
	grown := func(m float64) float64 { return 0.1*m*math.Log(c.Factor) + 1 }
	switch {
	case c.AttentionFactor != 0:
		return c.AttentionFactor
	case c.MScale != 0 && c.MScaleAll != 0:
		return grown(c.MScale) / grown(c.MScaleAll)
	}
	return grown(1)
}

// frequency returns the frequency of pair m, where f is θ^(−2m/D), in heads of which the given number of
// columns rotates.
func (c RotaryScaling) frequency(f float64, m, columns int, theta float64) float64 {
	switch c.Type {
	case "linear":
		return f / c.Factor
	case "ntk":
		return f * math.Pow(c.Factor, -2*float64(m)/max(float64(columns-2), 1))
	case "yarn":
		return f * (1 - (1-1/c.Factor)*c.ramp(m, columns, theta))
	case "llama3":
		turns := float64(c.OriginalPositions) * f / (2 * math.Pi) // over the original positions
		part := min(max((turns-c.LowFactor)/(c.HighFactor-c.LowFactor), 0), 1)
		return f * (part + (1-part)/c.Factor)
	}
	return f
}

// ramp rises from 0 at the pairs whose frequency is kept to 1 at those whose frequency is divided.
func (c RotaryScaling) ramp(m, columns int, theta float64) float64 {
	pair := func(turns float64) float64 { // the pair that rotates that often, as a fractional index
		return float64(columns) * math.Log(float64(c.OriginalPositions)/(turns*2*math.Pi)) / (2 * math.Log(theta))
	}
	low, high := pair(c.betaFast()), pair(c.betaSlow())
	if c.Truncate == nil || *c.Truncate {
		low, high = math.Floor(low), math.Ceil(high)
	}
	low, high = max(low, 0), min(high, float64(columns-1))
	if low == high {
		high += 0.001 // as in transformers
	}
	return min(max((float64(m)-low)/(high-low), 0), 1)
}
