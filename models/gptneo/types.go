package gptneo

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The kinds of layers.
const (
	global = "global"
	local  = "local"
)

// Types are the kinds of all layers, global or local: those in Period, separated by commas, repeated Times
// times. In a file they are [[["global", "local"], 12]], or several such runs.
type Types struct {
	Period string
	Times  int
}

// NewTypes returns the Types of layers that are listed one by one. It finds the shortest period.
func NewTypes(kinds []string) Types {
	for n := 1; n <= len(kinds)/2; n++ {
		if len(kinds)%n == 0 && slices.Equal(kinds[n:], kinds[:len(kinds)-n]) {
			return Types{strings.Join(kinds[:n], ","), len(kinds) / n}
		}
	}
	return Types{strings.Join(kinds, ","), 1}
}

// period returns the kinds that are repeated.
func (t Types) period() []string { return strings.Split(t.Period, ",") }

// count is the number of layers.
func (t Types) count() int { return len(t.period()) * t.Times }

// each returns the kinds of the layers one by one.
func (t Types) each() []string { return slices.Repeat(t.period(), max(0, t.Times)) }

// MarshalJSON implements [json.Marshaler].
func (t Types) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{[]any{t.period(), t.Times}})
}

// maxLayers bounds what a file may ask for, as for the number of layers.
const maxLayers = 1000

// UnmarshalJSON implements [json.Unmarshaler].
func (t *Types) UnmarshalJSON(data []byte) error {
	malformed := errors.New(`attention_types: want runs of layers, as in [[["global", "local"], 12]]`)
	var runs [][]json.RawMessage
	if json.Unmarshal(data, &runs) != nil || len(runs) == 0 {
		return malformed
	}
	var all []string
	for _, run := range runs {
		var kinds []string
		var times int
		if len(run) != 2 || json.Unmarshal(run[0], &kinds) != nil || json.Unmarshal(run[1], &times) != nil || len(kinds) == 0 || times < 1 {
			return malformed
		}
		if err := checkKinds("attention_types", kinds); err != nil {
			return err
		}
		if times > maxLayers || len(all)+len(kinds)*times > maxLayers {
			return fmt.Errorf("attention_types: more than %d layers", maxLayers)
		}
		all = append(all, slices.Repeat(kinds, times)...)
	}
	*t = NewTypes(all)
	return nil
}

// Kinds are kinds of layers separated by commas. In a file they are a list.
type Kinds string

// each returns the kinds one by one.
func (k Kinds) each() []string { return strings.Split(string(k), ",") }

// MarshalJSON implements [json.Marshaler].
func (k Kinds) MarshalJSON() ([]byte, error) { return json.Marshal(k.each()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (k *Kinds) UnmarshalJSON(data []byte) error {
	var list []string
	if json.Unmarshal(data, &list) != nil || len(list) == 0 {
		return errors.New("attention_layers: want a list of global and local")
	}
	*k = Kinds(strings.Join(list, ","))
	return checkKinds("attention_layers", list)
}

// checkKinds returns an error for anything but a kind of layer.
func checkKinds(key string, kinds []string) error {
	for _, kind := range kinds {
		if kind != global && kind != local {
			return fmt.Errorf("%s: a kind of layer is %q, want global or local", key, kind)
		}
	}
	return nil
}
