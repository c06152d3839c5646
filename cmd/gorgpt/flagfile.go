package main

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/spf13/pflag"
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
			if n, err := strconv.ParseInt(text, 10, 64); err == nil { // TOML has no larger
				value = n
			}
		case "float64":
			value, _ = strconv.ParseFloat(text, 64)
		}
		errs = append(errs, e.Encode(map[string]any{strings.ReplaceAll(f.Name, "-", "_"): value}))
	})
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o666)
}

// readFlags sets the flags that a file gives and the command line does not.
func readFlags(path string, f *pflag.FlagSet, leaveOut ...string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var values map[string]any
	if _, err := toml.Decode(string(data), &values); err != nil {
		var parse toml.ParseError
		if errors.As(err, &parse) {
			return usagef("%s:%d: %s", path, parse.Position.Line, parse.Message)
		}
		return usagef("%s: %w", path, err)
	}
	var known []string
	f.VisitAll(func(f *pflag.Flag) {
		if !slices.Contains(leaveOut, f.Name) && f.Name != "help" {
			known = append(known, strings.ReplaceAll(f.Name, "-", "_"))
		}
	})
	for _, key := range slices.Sorted(maps.Keys(values)) {
		flag := f.Lookup(strings.ReplaceAll(key, "_", "-"))
		if flag == nil || !slices.Contains(known, key) {
			return usagef("%s:%d: %w", path, lineOf(data, key), unknown("key", key, known))
		}
		if flag.Changed {
			continue
		}
		text, err := scalar(values[key])
		if err == nil {
			err = flag.Value.Set(text)
		}
		if err != nil {
			return usagef("%s:%d: %s: %v is no %s", path, lineOf(data, key), key, values[key], flag.Value.Type())
		}
	}
	return nil
}

// scalar is a value of TOML as a flag is given it.
func scalar(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	}
	return "", errors.New("neither a string, a number nor a truth value")
}
