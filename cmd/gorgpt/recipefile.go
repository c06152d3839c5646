package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/spf13/pflag"
)

// read sets what a recipe file gives.
func (r *recipe) read(path string) error {
	_, err := r.readFile(path)
	return err
}

// readWhole is read of a file that [recipe.text] wrote, as that of a run. One without the
// settings that make a run what it is was emptied, or is another file: its run would go on
// with defaults, on another text.
func (r *recipe) readWhole(path string) error {
	given, err := r.readFile(path)
	if err != nil {
		return err
	}
	for _, key := range []string{"model", "data", "tokenizer", "steps", "batch", "context", "seed"} {
		if _, ok := given[key]; !ok {
			return fmt.Errorf("%s: %s is missing: not the recipe of a run, which has every setting", path, key)
		}
	}
	return nil
}

// readFile is read; it returns the values by their keys.
func (r *recipe) readFile(path string) (map[string]any, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	given := make(map[string]any)
	if _, err := toml.Decode(string(data), &given); err != nil {
		var parse toml.ParseError
		if errors.As(err, &parse) {
			return nil, usagef("%s:%d: %s", path, parse.Position.Line, parse.Message)
		}
		return nil, usagef("%s: %w", path, err)
	}
	// The library's own errors of types speak of Go's.
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	r.flags(own)
	for key, value := range given {
		setting := own.Lookup(strings.ReplaceAll(key, "_", "-"))
		if setting == nil || strings.Contains(key, "-") {
			return nil, usagef("%s:%d: %w", path, lineOf(data, key), unknown("key", key, keys()))
		}
		if want := wanted(setting.Value.Type(), value); want != "" {
			return nil, usagef("%s:%d: %s: want %s, got %s", path, lineOf(data, key), key, want, shown(value))
		}
	}
	if _, err := toml.Decode(string(data), r); err != nil {
		return nil, usagef("%s: %w", path, err)
	}
	return given, nil
}

// wanted says what a setting of a type takes, if that is not the value.
func wanted(setting string, value any) string {
	n, integer := value.(int64)
	switch setting {
	case "int":
		if !integer {
			return "an integer"
		}
	case "uint64":
		if !integer || n < 0 {
			return "an integer from 0"
		}
	case "float64":
		if _, ok := value.(float64); !ok && !integer {
			return "a number"
		}
	case "bool":
		if _, ok := value.(bool); !ok {
			return "true or false"
		}
	case "string":
		if _, ok := value.(string); !ok {
			return "a string"
		}
	case "stringArray":
		list, ok := value.([]any)
		for _, one := range list {
			_, text := one.(string)
			ok = ok && text
		}
		if !ok {
			return `a list of strings, as in ["a", "b"]`
		}
	}
	return ""
}

// shown is a value of a recipe file in an error.
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

// keys are the names a recipe file may set.
func keys() []string {
	r, f := defaults(), pflag.NewFlagSet("", pflag.ContinueOnError)
	r.flags(f)
	var names []string
	f.VisitAll(func(f *pflag.Flag) { names = append(names, strings.ReplaceAll(f.Name, "-", "_")) })
	return names
}

// text is the recipe as a file.
func (r recipe) text() []byte {
	var b bytes.Buffer
	b.WriteString("# Every setting of this run. gorgpt train RECIPE repeats it.\n")
	e := toml.NewEncoder(&b)
	if err := e.Encode(r); err != nil {
		panic(err) // a flat struct of strings and numbers
	}
	return b.Bytes()
}
