package family

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/gorgpt/gorgpt/ops"
)

// Rotary is the value of rope_parameters in a config.json, or of rope_scaling in older ones, as JSON without
// spaces; "" is null, or an empty object, which transformers takes for null. Give fields of this type the tag
// `config:"null"`.
type Rotary string

// MarshalJSON implements [json.Marshaler].
func (r Rotary) MarshalJSON() ([]byte, error) {
	if r == "" {
		return []byte("null"), nil
	}
	return []byte(r), nil
}

// UnmarshalJSON implements [json.Unmarshaler].
func (r *Rotary) UnmarshalJSON(data []byte) error {
	var b bytes.Buffer
	if err := json.Compact(&b, data); err != nil {
		return err
	}
	if *r = Rotary(b.String()); *r == "0" || *r == "null" || *r == "{}" {
		*r = ""
	}
	return nil
}

// Options returns the options for heads that have size columns. theta is the base that a config.json has outside of
// r, or 0; if r has a base too, the two must be equal. standard is the family's base if neither is given; 0
// stands for 10,000. Rotating only some of the columns is an error, because some families of transformers do
// so and others ignore the key.
func (r Rotary) Options(theta, standard float64, size int) (ops.RotaryOptions, error) {
	all := map[string]any{}
	if r != "" {
		if err := json.Unmarshal([]byte(r), &all); err != nil {
			return ops.RotaryOptions{}, fmt.Errorf("rope_parameters: want an object, got %s", short(string(r)))
		}
	}
	// Releases of transformers differ in which of the two bases they use.
	if own, given := all["rope_theta"].(float64); given && theta != 0 && own != theta {
		return ops.RotaryOptions{}, fmt.Errorf("rope_theta is %v, and in rope_parameters %v: want the same base", theta, own)
	}
	if base := cmp.Or(theta, standard); base != 0 && all["rope_theta"] == nil {
		all["rope_theta"] = base
	}
	text, err := json.Marshal(all)
	if err != nil {
		return ops.RotaryOptions{}, fmt.Errorf("rope_parameters: %w", err)
	}
	o, err := ops.ParseRotary(text, size)
	if err == nil && o.Columns != 0 {
		err = fmt.Errorf("rope_parameters: partial_rotary_factor rotates %d of %d columns, want all", o.Columns, size)
	}
	return o, err
}
