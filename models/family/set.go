package family

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/internal/nearest"
)

// Set returns a model with other values for some keys of its config.json, each given as "key=value". The
// value is JSON, but a string needs no quotes. It is an error to set a value that a config.json may not have,
// or a key that does not affect the results.
func (f Family) Set(m Model, pairs []string) (Model, error) {
	into := reflect.New(reflect.TypeOf(m))
	into.Elem().Set(reflect.ValueOf(m))
	unshare(into.Elem())
	types := make(map[string]reflect.Type)
	for _, k := range fields(reflect.TypeOf(m)) {
		types[k.key] = reflect.TypeOf(m).FieldByIndex(k.index).Type
	}
	known := slices.Sorted(maps.Keys(types))
	config := map[string]any{"model_type": f.Type}
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if target, alias := f.Aliases[key]; alias {
			key = target
		}
		switch of, isField := types[key]; {
		case !ok || key == "":
			return nil, fmt.Errorf("%q: want key=value", pair)
		case !isField:
			return nil, nearest.Unknown("key", key, known)
		case config[key] != nil:
			return nil, fmt.Errorf("%s: the key %s is given twice", pair, key)
		default:
			config[key] = valueOf(value, of)
		}
	}
	text, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	if _, err := f.read(text, into.Interface()); err != nil {
		return nil, fmt.Errorf("%s: %w", Name(m), err)
	}
	m = into.Elem().Interface().(Model)
	if err := Validate(m); err != nil {
		return nil, err
	}
	return m, nil
}

// valueOf returns the value of a key of the given type: as JSON, or as a string.
func valueOf(value string, of reflect.Type) any {
	text := of.Kind() == reflect.String && !reflect.PointerTo(of).Implements(reflect.TypeFor[json.Unmarshaler]())
	if json.Valid([]byte(value)) && (!text || strings.HasPrefix(value, `"`)) {
		return json.RawMessage(value)
	}
	return value
}
