// Package plainjson says what is wrong with JSON in the words of JSON, not of Go's types.
package plainjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/gorgpt/gorgpt/internal/plaintext"
)

// Unmarshal is json.Unmarshal with errors such as "key label: want a number, got a list" and
// "invalid character '}' after object key (byte 7)". They wrap those of encoding/json. A wrong
// type is found by its key: its offset counts from within where a key is decoded on its own.
//
// A key counts for a field only if it is spelled as the field's tag, or as its Go name with a
// small first letter: encoding/json would take "Label" for label.
//
// Text that is not UTF-8, and half of a surrogate pair (\ud800), are errors, where encoding/json
// puts U+FFFD in their place. Values that are left raw are not looked at.
func Unmarshal(data []byte, v any) error { return unmarshal(data, exact(data, v), v) }

// UnmarshalOwn is Unmarshal for what json.Marshal made of a caller's type, whose fields may be
// without tags: keys count as for encoding/json.
func UnmarshalOwn(data []byte, v any) error { return unmarshal(data, data, v) }

// unmarshal decodes data with the keys that count.
func unmarshal(data, counts []byte, v any) error {
	if err := plaintext.Check(data); err != nil {
		return err
	}
	err := json.Unmarshal(counts, v)
	if _, raw := v.(*map[string]json.RawMessage); err == nil && !raw { // raw values come here again
		err = checkEscapes(data)
	}
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &kind):
		key := ""
		if kind.Field != "" {
			key = "key " + keyIn(kind.Field, reflect.TypeOf(v)) + ": "
		}
		return &plain{fmt.Sprintf("%swant %s, got %s", key, want(kind.Type), got(kind.Value)), err}
	case errors.As(err, &syntax) && syntax.Error() != "unexpected end of JSON input":
		return fmt.Errorf("%w (byte %d)", err, syntax.Offset)
	}
	return err
}

// CheckText is an error if JSON is not UTF-8 or a string in it has half of a surrogate pair.
func CheckText(data []byte) error {
	if err := plaintext.Check(data); err != nil {
		return err
	}
	return checkEscapes(data)
}

func checkEscapes(data []byte) error {
	for at := 0; at < len(data); {
		i := bytes.IndexByte(data[at:], '\\') // which begins an escape, and stands nowhere else
		if i < 0 {
			return nil
		}
		if at += i; at+6 > len(data) || data[at+1] != 'u' {
			at += 2
			continue
		}
		switch high := unit(data[at:]); {
		case !utf16.IsSurrogate(high):
			at += 6
		case utf16.DecodeRune(high, unit(data[at+6:])) != utf8.RuneError:
			at += 12
		default:
			return fmt.Errorf("half of a surrogate pair, %s (byte %d)", data[at:at+6], at+1)
		}
	}
	return nil
}

// unit is the number of an escape that data begins with, else 0.
func unit(data []byte) rune {
	if len(data) < 6 || data[0] != '\\' || data[1] != 'u' {
		return 0
	}
	n, err := strconv.ParseUint(string(data[2:6]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(n)
}

// keyIn is a path of fields of a type as the file has it, where structs embedded in the
// type have no names.
func keyIn(fields string, of reflect.Type) string {
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if first, rest, inner := strings.Cut(fields, "."); inner && of.Kind() == reflect.Struct {
		if f, ok := of.FieldByName(first); ok && f.Anonymous {
			return keyIn(rest, f.Type)
		}
	}
	return keyOf(fields)
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
