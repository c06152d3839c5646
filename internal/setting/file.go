package setting

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"

	"github.com/gorgpt/gorgpt/internal/usage"
)

// Text writes the settings as TOML after a comment. Lists that are nil are omitted.
func (l List) Text(comment string) []byte {
	b := bytes.NewBufferString("# " + comment + "\n")
	e := toml.NewEncoder(b)
	for _, s := range l {
		if list, ok := s.value.(*[]string); ok && *list == nil {
			continue
		}
		if err := e.Encode(map[string]any{s.key(): s.value}); err != nil {
			panic(err) // numbers and strings
		}
	}
	return b.Bytes()
}

// Recordable returns an error if a value cannot be stored in a recipe: TOML is UTF-8, whereas paths on Linux can
// contain any bytes.
func (l List) Recordable() error {
	for _, s := range l {
		texts := []string{}
		switch at := s.value.(type) {
		case *string:
			texts = append(texts, *at)
		case *[]string:
			texts = *at
		}
		for _, text := range texts {
			if !utf8.ValidString(text) {
				return usage.Errorf("--%s %q: not UTF-8, so the run's recipe cannot hold it", s.Name, text)
			}
		}
	}
	return nil
}

// Read sets the values given in a recipe, a TOML file whose keys are settings, except for those that keep
// selects, which are left unchanged. It returns the names of all settings in the file. An unknown setting, or a
// value of the wrong type, is an error with its line; the library's own errors mention Go types.
func (l List) Read(path string, keep func(name string) bool) (names []string, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var given map[string]any
	if _, err := toml.Decode(string(data), &given); err != nil {
		if parse, ok := errors.AsType[toml.ParseError](err); ok {
			return nil, usage.Errorf("%s:%d: %s", path, parse.Position.Line, parse.Message)
		}
		return nil, usage.Errorf("%s: %w", path, err)
	}
	known := make(map[string]Setting)
	for _, s := range l {
		known[s.key()] = s
	}
	keys := slices.Sorted(maps.Keys(given))
	for _, key := range keys {
		s, ok := known[key]
		if !ok {
			return nil, usage.Errorf("%s:%d: %w", path, lineOf(data, key), usage.Unknown("key", key, slices.Sorted(maps.Keys(known))))
		}
		if want := s.take(given[key], false); want != "" {
			return nil, usage.Errorf("%s:%d: %s: want %s, got %s", path, lineOf(data, key), key, want, shown(given[key]))
		}
	}
	for _, key := range keys { // now that all of them are valid
		s := known[key]
		if names = append(names, s.Name); keep == nil || !keep(s.Name) {
			s.take(given[key], true)
		}
	}
	return names, nil
}

// take sets a setting to a value from a file, or only checks it if set is false. If the value has the wrong type,
// take returns a description of what is wanted.
func (s Setting) take(value any, set bool) (want string) {
	switch at := s.value.(type) {
	case *int:
		n, ok := value.(int64)
		return assign(at, int(n), ok, set, "an integer")
	case *uint64:
		n, ok := value.(int64)
		return assign(at, uint64(n), ok && n >= 0, set, "an integer from 0")
	case *float64:
		x, ok := value.(float64)
		if n, integer := value.(int64); integer {
			x, ok = float64(n), true
		}
		if ok && (math.IsNaN(x) || math.IsInf(x, 0)) {
			return "a finite number"
		}
		return assign(at, x, ok, set, "a number")
	case *bool:
		on, ok := value.(bool)
		return assign(at, on, ok, set, "true or false")
	case *string:
		text, ok := value.(string)
		if n, integer := value.(int64); s.count {
			if integer {
				text, ok = strconv.FormatInt(n, 10), n >= 0
			}
			return assign(at, text, ok, set, `a count, as in 300000 or "300B"`)
		}
		return assign(at, text, ok, set, "a string")
	case *[]string:
		list, ok := value.([]any)
		texts := []string{}
		for _, one := range list {
			text, is := one.(string)
			texts, ok = append(texts, text), ok && is
		}
		return assign(at, texts, ok, set, `a list of strings, as in ["a", "b"]`)
	}
	return ""
}

func assign[T any](at *T, value T, ok, set bool, want string) string {
	if !ok {
		return want
	}
	if set {
		*at = value
	}
	return ""
}

// shown formats a value from a recipe file for an error.
func shown(value any) string {
	switch v := value.(type) {
	case string:
		if short := []rune(v); len(short) > 40 {
			return fmt.Sprintf("%q…", string(short[:40]))
		}
		return fmt.Sprintf("%q", v)
	case int64, float64, bool:
		return fmt.Sprint(v)
	case []any:
		return "a list"
	case map[string]any, []map[string]any:
		return "a table"
	}
	return "a time"
}

// lineOf finds the line that sets key, or begins a table of that name.
func lineOf(data []byte, key string) int {
	for i, line := range bytes.Split(data, []byte("\n")) {
		text := strings.Trim(string(line), " \t\r")
		name, _, _ := strings.Cut(text, "=")
		name = strings.Trim(name, " \t\"'[]")
		if name == key || strings.HasPrefix(name, key+".") {
			return i + 1
		}
	}
	return 1
}
