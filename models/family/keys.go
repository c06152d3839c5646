package family

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/internal/nearest"
	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// Only is a key of which only some values, given as JSON, are accepted.
type Only struct {
	Key    string
	Values []string
	Why    string // what holds instead, for the error
}

// Parse returns the model that a config.json describes. Keys that it lacks have the values of Default. An
// unknown key is an error, since it may change the arithmetic, unless its value is null.
func (f Family) Parse(data []byte) (Model, error) {
	into := reflect.New(reflect.TypeOf(f.Default))
	into.Elem().Set(reflect.ValueOf(f.Default))
	unshare(into.Elem())
	kind, err := f.read(data, into.Interface())
	if err != nil {
		return nil, fmt.Errorf("%s: config.json: %w", Name(f.Default), err)
	}
	m := into.Elem().Interface().(Model)
	if err := Validate(m); err != nil {
		return nil, err
	}
	if err := f.checkAs(kind, m); err != nil {
		return nil, fmt.Errorf("%s: config.json: %w", Name(m), err)
	}
	return m, nil
}

// read decodes a config.json into a struct that holds the defaults.
func (f Family) read(data []byte, into any) (kind kindOf, err error) {
	var all map[string]json.RawMessage
	if err := plainjson.Unmarshal(data, &all); err != nil {
		return kind, err
	}
	if err := plainjson.Unmarshal(data, &kind); err != nil || cmp.Or(kind.Own, kind.Type) != f.Type {
		return kind, fmt.Errorf("model_type is %s, want %q", text(all["model_type"]), f.Type)
	}
	delete(all, "model_type")
	delete(all, familyKey)
	return kind, f.readKeys(data, all, into)
}

// readKeys decodes everything in a config.json but its family.
func (f Family) readKeys(data []byte, all map[string]json.RawMessage, into any) error {
	known := make(map[string]keyed)
	for _, k := range fields(reflect.TypeOf(into).Elem()) {
		known[k.key] = k
	}
	read := make(map[string]json.RawMessage)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		value := all[key]
		target, isAlias := f.Aliases[key]
		if !isAlias {
			target = key
		}
		k, isField := known[target]
		number, notOne := strconv.ParseFloat(text(value), 64)
		switch null := text(value) == "null"; {
		case !isField:
			if err := f.checkKey(key, text(value), known); err != nil {
				return err
			}
			continue
		case (null || text(value) == "{}") && isAlias && all[target] != nil:
			continue
		case null && !k.null:
			return fmt.Errorf("key %s: it is null, want a value", key)
		case null:
			value = json.RawMessage("0")
		case k.null && notOne == nil && number == 0:
			return fmt.Errorf("%s is %s, want more than 0, or null", key, text(value))
		}
		if err := checkObject(key, value, reflect.TypeOf(into).Elem().FieldByIndex(k.index).Type); err != nil {
			return err
		}
		if _, both := read[target]; !both || isAlias {
			read[target] = value
		}
	}
	kept, err := json.Marshal(read)
	if err != nil {
		return err
	}
	if err := plainjson.Unmarshal(kept, into); err != nil {
		return err
	}
	var others struct {
		Ends Ends `json:"eos_token_id"`
	}
	return plainjson.Unmarshal(data, &others)
}

// isObject reports whether a type is a struct that is read key by key.
func isObject(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]())
}

// checkObject returns an error for a key in an object for which its struct has no field.
func checkObject(at string, value json.RawMessage, t reflect.Type) error {
	var all map[string]json.RawMessage
	if !isObject(t) || json.Unmarshal(value, &all) != nil {
		return nil // or not an object, which the decoder will report
	}
	known := make(map[string]reflect.Type)
	for _, k := range fields(t) {
		known[k.key] = t.FieldByIndex(k.index).Type
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		in, ok := known[key]
		if !ok {
			return unknownKey(at+"."+key, "")
		}
		if err := checkObject(at+"."+key, all[key], in); err != nil {
			return err
		}
	}
	return nil
}

// unshare copies the slices of a configuration, since decoding would write to them.
func unshare(v reflect.Value) {
	switch v.Kind() {
	case reflect.Slice:
		if v.CanSet() && !v.IsNil() {
			own := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
			reflect.Copy(own, v)
			v.Set(own)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			unshare(v.Field(i))
		}
	}
}

// checkKey returns an error for a key that is not read, unless nothing depends on it.
func (f Family) checkKey(key, value string, fields map[string]keyed) error {
	known := slices.Concat(slices.Collect(maps.Keys(fields)), slices.Collect(maps.Keys(f.Aliases)))
	for _, only := range slices.Concat(f.Only, commonOnly) {
		if only.Key == key {
			if slices.Contains(only.Values, value) {
				return nil
			}
			return fmt.Errorf("%s is %s, want %s: %s", key, short(value), strings.Join(only.Values, " or "), only.Why)
		}
		known = append(known, only.Key)
	}
	if value == "null" || matches(commonHarmless, key) || matches(f.Harmless, key) {
		return nil
	}
	slices.Sort(known) // so that ties are always resolved the same way
	meant := ""
	if near := nearest.Of(key, known); near != "" {
		meant = fmt.Sprintf("; did you mean %q?", near)
	}
	return unknownKey(key, meant)
}

// unknownKey is the error for a key that is not read; meant suggests another.
func unknownKey(key, meant string) error {
	return fmt.Errorf("unknown key %s%s It may change what the model computes; if not, remove it from the file", strconv.Quote(short(key)), cmp.Or(meant, "."))
}

// matches reports whether a list contains a key, or a prefix of it followed by a star.
func matches(list []string, key string) bool {
	return slices.ContainsFunc(list, func(pattern string) bool {
		start, open := strings.CutSuffix(pattern, "*")
		return key == pattern || open && strings.HasPrefix(key, start)
	})
}

// text returns a JSON value without spaces.
func text(value json.RawMessage) string {
	var b bytes.Buffer
	if value == nil || json.Compact(&b, value) != nil {
		return `""`
	}
	return b.String()
}

// short truncates a value for an error.
func short(value string) string {
	const most = 60
	if len(value) > most {
		return strings.ToValidUTF8(value[:most], "") + "…"
	}
	return value
}
