// Package plainjson says what is wrong with JSON in the words of JSON, not of Go's types.
package plainjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// Unmarshal is json.Unmarshal with errors such as "key label: want a number, got a list" and
// "invalid character '}' after object key (byte 7)". They wrap those of encoding/json. A wrong
// type is found by its key: its offset counts from within where a key is decoded on its own.
func Unmarshal(data []byte, v any) error {
	err := json.Unmarshal(data, v)
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &kind):
		key := ""
		if kind.Field != "" {
			key = "key " + keyOf(kind.Field) + ": "
		}
		return &plain{fmt.Sprintf("%swant %s, got %s", key, want(kind.Type), got(kind.Value)), err}
	case errors.As(err, &syntax) && syntax.Error() != "unexpected end of JSON input":
		return fmt.Errorf("%w (byte %d)", err, syntax.Offset)
	}
	return err
}

// keyOf is a path of fields as the file has it. Those without a tag have the names of Go's
// fields there, which begin with a capital.
func keyOf(fields string) string {
	names := strings.Split(fields, ".")
	for i, name := range names {
		names[i] = strings.ToLower(name[:min(1, len(name))]) + name[min(1, len(name)):]
	}
	return strings.Join(names, ".")
}

// plain is an error with a text of its own.
type plain struct {
	text string
	err  error
}

func (p *plain) Error() string { return p.text }
func (p *plain) Unwrap() error { return p.err }

func want(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	}
	return "a whole number"
}

func got(value string) string {
	switch value {
	case "string":
		return "a text"
	case "array":
		return "a list"
	case "object":
		return "an object"
	case "bool":
		return "true or false"
	case "number":
		return "a number"
	}
	return strings.TrimPrefix(value, "number ") // as in "number 1.5"
}
