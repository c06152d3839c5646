package config

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

// Keys says what becomes of the keys of a family's config.json. Those that the family reads
// are the fields, by their json tags, of what [Keys.Read] decodes into.
type Keys struct {
	Family string // the package, for errors
	Type   string // model_type
	// Aliases are other names of keys that are read. Where a file has both, the alias counts,
	// as in transformers.
	Aliases map[string]string
	// Only are keys that can ask for arithmetic that the family does not have.
	Only []Only
	// Harmless are keys that the results do not depend on, beside those of all families. One
	// that ends in * is any key that begins so.
	Harmless []string
}

// Only is a key of which only some values, as JSON texts, are taken.
type Only struct {
	Key    string
	Values []string
	Why    string // what is the case instead, for the error
}

// Read decodes a config.json into a struct that holds the defaults. Fields with the tag
// `config:"write"` are left as they are. A key that is not known is refused, since it may
// change the arithmetic; with the value null it asks for nothing.
func (k Keys) Read(data []byte, into any) error {
	if err := k.read(data, into); err != nil {
		return fmt.Errorf("%s: config.json: %w", k.Family, err)
	}
	return nil
}

func (k Keys) read(data []byte, into any) error {
	var all map[string]json.RawMessage
	if err := plainjson.Unmarshal(data, &all); err != nil {
		return err
	}
	var kind string
	if err := json.Unmarshal(all["model_type"], &kind); err != nil || kind != k.Type {
		return fmt.Errorf("model_type is %s, want %q", text(all["model_type"]), k.Type)
	}
	delete(all, "model_type")

	fields := readable(into)
	read := make(map[string]json.RawMessage)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		value := all[key]
		target, isAlias := k.Aliases[key]
		if !isAlias {
			target = key
		}
		null, isField := fields[target]
		switch {
		case isField:
			if !null && text(value) == "null" {
				return fmt.Errorf("key %s: it is null, want a value", key)
			}
			if _, both := read[target]; !both || isAlias {
				read[target] = value
			}
		default:
			if err := k.check(key, text(value), fields); err != nil {
				return err
			}
		}
	}
	kept, err := json.Marshal(read)
	if err != nil {
		return err
	}
	return plainjson.Unmarshal(kept, into)
}

// check refuses a key that is not read unless nothing depends on it.
func (k Keys) check(key, value string, fields map[string]bool) error {
	known := slices.Concat(slices.Collect(maps.Keys(fields)), slices.Collect(maps.Keys(k.Aliases)))
	for _, only := range slices.Concat(k.Only, commonOnly) {
		if only.Key == key {
			if slices.Contains(only.Values, value) {
				return nil
			}
			return fmt.Errorf("%s is %s, want %s: %s", key, short(value), strings.Join(only.Values, " or "), only.Why)
		}
		known = append(known, only.Key)
	}
	if value == "null" || matches(commonHarmless, key) || matches(k.Harmless, key) {
		return nil
	}
	slices.Sort(known) // of two that are as near, always the same
	meant := ""
	if near := nearest.Of(key, known); near != "" {
		meant = fmt.Sprintf("; did you mean %q?", near)
	}
	return fmt.Errorf("unknown key %s%s It may change what the model computes; if not, take it out of the file", strconv.Quote(short(key)), cmp.Or(meant, "."))
}

// readable maps the keys that into reads to whether they may be null.
func readable(into any) map[string]bool {
	fields := make(map[string]bool)
	for _, f := range reflect.VisibleFields(reflect.TypeOf(into).Elem()) {
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if key != "" && f.Tag.Get("config") != "write" {
			_, reads := reflect.New(f.Type).Interface().(json.Unmarshaler)
			fields[key] = reads || f.Type.Kind() == reflect.Pointer
		}
	}
	return fields
}

// matches reports whether a list has a key, or its beginning with a star.
func matches(list []string, key string) bool {
	return slices.ContainsFunc(list, func(pattern string) bool {
		start, open := strings.CutSuffix(pattern, "*")
		return key == pattern || open && strings.HasPrefix(key, start)
	})
}

// text is a JSON value without spaces.
func text(value json.RawMessage) string {
	var b bytes.Buffer
	if value == nil || json.Compact(&b, value) != nil {
		return `""`
	}
	return b.String()
}

// short cuts a value for an error.
func short(value string) string {
	const most = 60
	if len(value) > most {
		return strings.ToValidUTF8(value[:most], "") + "…"
	}
	return value
}
