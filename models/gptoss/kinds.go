package gptoss

import (
	"encoding/json"
	"fmt"
	"strings"
)

// The kinds of layers.
const (
	sliding = "sliding_attention"
	full    = "full_attention"
)

// Kinds are the kinds of a model's layers, "sliding_attention" or "full_attention", separated by commas.
type Kinds string

// NewKinds returns the Kinds of a list.
func NewKinds(list []string) Kinds { return Kinds(strings.Join(list, ",")) }

// list returns the kinds one by one.
func (k Kinds) list() []string { return strings.Split(string(k), ",") }

// MarshalJSON implements [json.Marshaler]: a list, as transformers writes it.
func (k Kinds) MarshalJSON() ([]byte, error) { return json.Marshal(k.list()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (k *Kinds) UnmarshalJSON(data []byte) error {
	var list []string
	if err := json.Unmarshal(data, &list); err != nil || len(list) == 0 {
		return fmt.Errorf("layer_types: want a list of %s and %s", sliding, full)
	}
	*k = NewKinds(list)
	return k.check(len(list))
}

// check returns what is wrong with the kinds of a model of the given number of layers, or nil.
func (k Kinds) check(layers int) error {
	if k == "" {
		return nil
	}
	list := k.list()
	if len(list) != layers {
		return fmt.Errorf("layer_types has %d entries, want one for each of the %d layers", len(list), layers)
	}
	for i, kind := range list {
		if kind != sliding && kind != full {
			return fmt.Errorf("layer_types[%d] is %q, want %s or %s", i, kind, sliding, full)
		}
	}
	return nil
}
