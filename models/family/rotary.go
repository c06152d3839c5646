package family

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/gorgpt/gorgpt/ops"
)

// Rotary is what a config.json has under rope_parameters, or under rope_scaling in older ones, as a JSON text without
// spaces; "" is null. The field of one has the tag `config:"null"`.
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
	if *r = Rotary(b.String()); *r == "0" || *r == "null" {
		*r = ""
	}
	return nil
}

// Options are those of heads of so many columns. theta is the base that a config.json has beside the text, 0 if it has none, and must be
// the text's if that has one too; standard is the family's where neither has, 0 for 10,000. A part of the columns is refused: which families of
// transformers turn one, and which ignore the key, differs.
func (r Rotary) Options(theta, standard float64, size int) (ops.RotaryOptions, error) {
	all := map[string]any{}
	if r != "" {
		if err := json.Unmarshal([]byte(r), &all); err != nil {
			return ops.RotaryOptions{}, fmt.Errorf("rope_parameters: want an object, got %s", short(string(r)))
		}
	}
	// Releases of transformers differ in which of two bases they take.
	if own, given := all["rope_theta"].(float64); given && theta != 0 && own != theta {
		return ops.RotaryOptions{}, fmt.Errorf("rope_theta is %v, and in rope_parameters %v: want one base", theta, own)
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
		err = fmt.Errorf("rope_parameters: partial_rotary_factor has %d of %d columns turned, want all", o.Columns, size)
	}
	return o, err
}
