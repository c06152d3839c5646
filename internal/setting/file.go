package cli

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

	"github.com/BurntSushi/toml"
	"github.com/spf13/pflag"

	"github.com/gorgpt/gorgpt/internal/wholefile"
)

// writeFlags writes the flags of a command as TOML, but for those left out, under a comment.
func writeFlags(path, comment string, f *pflag.FlagSet, leaveOut ...string) error {
	var b bytes.Buffer
	b.WriteString("# " + comment + "\n")
	e := toml.NewEncoder(&b)
	var errs []error
	f.VisitAll(func(f *pflag.Flag) {
		if slices.Contains(leaveOut, f.Name) || f.Name == "help" {
			return
		}
		var value any = f.Value.String()
		switch text := f.Value.String(); f.Value.Type() {
		case "bool":
			value = text == "true"
		case "int", "uint64":
			value, _ = strconv.ParseInt(text, 10, 64) // see checkSeed
		case "float64":
			value, _ = strconv.ParseFloat(text, 64)
		}
		errs = append(errs, e.Encode(map[string]any{strings.ReplaceAll(f.Name, "-", "_"): value}))
	})
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return wholefile.Write(path, b.Bytes())
}

// checkSeed refuses seeds that a recipe cannot hold.
func checkSeed(seed uint64) error {
	if seed > math.MaxInt64 {
		return usagef("--seed %d: want at most %d, the largest integer of TOML", seed, int64(math.MaxInt64))
	}
	return nil
}

// readFlags sets the flags that a file gives and the command line does not.
func readFlags(path string, f *pflag.FlagSet, leaveOut ...string) error {
	data, given, err := settings(path, f, leaveOut...)
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		flag := f.Lookup(strings.ReplaceAll(key, "_", "-"))
		if flag.Changed {
			continue
		}
		if err := flag.Value.Set(fmt.Sprint(given[key])); err != nil {
			return usagef("%s:%d: %s: %s is out of range", path, lineOf(data, key), key, shown(given[key]))
		}
	}
	return nil
}

// settings reads a TOML file whose keys are flags, with _ for -. What is not, or has another
// type, is an error with its line: the library's own speak of Go's types.
func settings(path string, f *pflag.FlagSet, leaveOut ...string) (data []byte, given map[string]any, err error) {
	if data, err = os.ReadFile(path); err != nil {
		return nil, nil, err
	}
	if _, err := toml.Decode(string(data), &given); err != nil {
		var parse toml.ParseError
		if errors.As(err, &parse) {
			return nil, nil, usagef("%s:%d: %s", path, parse.Position.Line, parse.Message)
		}
		return nil, nil, usagef("%s: %w", path, err)
	}
	known := make(map[string]*pflag.Flag)
	f.VisitAll(func(f *pflag.Flag) {
		if !slices.Contains(leaveOut, f.Name) && f.Name != "help" {
			known[strings.ReplaceAll(f.Name, "-", "_")] = f
		}
	})
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if known[key] == nil {
			return nil, nil, usagef("%s:%d: %w", path, lineOf(data, key), unknown("key", key, slices.Sorted(maps.Keys(known))))
		}
		if want := wanted(known[key].Value.Type(), given[key]); want != "" {
			return nil, nil, usagef("%s:%d: %s: want %s, got %s", path, lineOf(data, key), key, want, shown(given[key]))
		}
	}
	return data, given, nil
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
		if x, ok := value.(float64); !ok && !integer {
			return "a number"
		} else if !finiteNumber(x) {
			return "a finite number"
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
