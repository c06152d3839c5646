// Package plainjson decodes JSON with errors in terms of JSON rather than of Go types.
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

// Unmarshal is json.Unmarshal with errors such as "key label: want a number, got a list" and "invalid character
// '}' after object key (byte 7)". They wrap the errors of encoding/json. A value of the wrong type is located by
// its key rather than by its offset, since offsets are relative if the value of a key is decoded separately.
//
// A key counts for a field only if it is spelled like the name in the field's tag, or like its Go name with a
// lower-case first letter; encoding/json would accept "Label" for label.
//
// Text that is not UTF-8, and half of a surrogate pair (\ud800), are errors; encoding/json would replace them
// with U+FFFD. Values that are left raw are not checked.
func Unmarshal(data []byte, v any) error { return unmarshal(data, exact(data, v), v) }

// UnmarshalOwn is Unmarshal for the output of json.Marshal for a caller's type, whose fields may have no tags:
// keys count as in encoding/json.
func UnmarshalOwn(data []byte, v any) error { return unmarshal(data, data, v) }

// unmarshal decodes counts, which is data with only the keys that count.
func unmarshal(data, counts []byte, v any) error {
	if err := plaintext.Check(data); err != nil {
		return err
	}
	err := json.Unmarshal(counts, v)
	if _, raw := v.(*map[string]json.RawMessage); err == nil && !raw { // raw values are decoded later
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

// CheckText returns an error if data is not UTF-8 or if a string in it contains half of a surrogate pair.
func CheckText(data []byte) error {
	if err := plaintext.Check(data); err != nil {
		return err
	}
	return checkEscapes(data)
}

func checkEscapes(data []byte) error {
	for at := 0; at < len(data); {
		i := bytes.IndexByte(data[at:], '\\') // a backslash always begins an escape
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

// unit returns the number of the \u escape at the beginning of data, or 0 if there is none.
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

// keyIn returns a path of fields as it appears in the file, where structs embedded in type of have no names.
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

// keyOf returns a path of fields as it appears in the file. Fields without a tag are given by their Go names,
// which begin with an upper-case letter.
func keyOf(fields string) string {
	names := strings.Split(fields, ".")
	for i, name := range names {
		names[i] = strings.ToLower(name[:min(1, len(name))]) + name[min(1, len(name)):]
	}
	return strings.Join(names, ".")
}

// plain is an error with its own text.
type plain struct {
	text string
	err  error
}

func (p *plain) Error() string { return p.text }
func (p *plain) Unwrap() error { return p.err }

func want(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
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
		return "a string"
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
