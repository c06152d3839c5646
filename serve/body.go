package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gorgpt/gorgpt/internal/nearest"
)

// Body is a JSON object whose fields are read one by one. Its error is that of the first invalid field, and names the
// parameter; a field that is never read is an error too. A field that is null counts as absent.
type Body struct {
	prefix string // of the names of parameters within others: "stream_options."
	fields map[string]json.RawMessage
	known  []string
	err    *Error
	ctx    context.Context // the request's
}

// ReadBody reads the JSON object in the body of a request.
func ReadBody(r *http.Request) (*Body, *Error) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, &Error{Status: http.StatusBadRequest, Message: "the body ends early"}
	}
	b, failed := parseBody(data, "")
	if failed == nil {
		b.ctx = r.Context()
	}
	return b, failed
}

// parseBody reads an object. Invalid JSON is an error of the field that it is in.
func parseBody(data []byte, prefix string) (*Body, *Error) {
	b := &Body{prefix: prefix, fields: make(map[string]json.RawMessage)}
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, &Error{Status: http.StatusBadRequest, Param: strings.TrimSuffix(prefix, "."), Message: "want a JSON object as the body" + because(err)}
	}
	broken := func(after string, err error) *Error {
		return &Error{Status: http.StatusBadRequest, Param: after, Message: "the body is not valid JSON" + because(err)}
	}
	last := ""
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, broken(last, err)
		}
		name := t.(string) // a key: d.More was true within an object
		if !utf8.ValidString(name) || strings.ContainsRune(name, utf8.RuneError) {
			return nil, &Error{Status: http.StatusBadRequest, Param: name, Message: fmt.Sprintf("the body has a parameter %q, which is not valid Unicode", name)}
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, invalid(prefix+name, "not valid JSON%s", because(err))
		}
		if why := notText(value); why != "" {
			return nil, invalid(prefix+name, "%s", why)
		}
		if _, again := b.fields[name]; again {
			return nil, invalid(prefix+name, "given twice")
		}
		b.fields[name], last = value, prefix+name
	}
	if _, err := d.Token(); err != nil {
		return nil, broken(last, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, &Error{Status: http.StatusBadRequest, Message: "the body has more data after its JSON object"}
	}
	return b, nil
}

// because returns an error as a suffix for the message about what it made fail.
func because(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ": it ends early"
	}
	return ": " + strings.TrimPrefix(err.Error(), "json: ")
}

// notText returns why JSON holds invalid text, or "": bytes that are not UTF-8, or half of a surrogate pair in
// escapes, which Go would replace by U+FFFD.
func notText(data []byte) string {
	if !utf8.Valid(data) {
		return "not UTF-8"
	}
	for i := 0; i+1 < len(data); i++ {
		if data[i] != '\\' {
			continue
		}
		i++
		if data[i] != 'u' || i+5 > len(data) {
			continue
		}
		code, _ := strconv.ParseUint(string(data[i+1:i+5]), 16, 32) // valid JSON has four digits here
		i += 4
		switch {
		case code < 0xd800 || code > 0xdfff:
		case code < 0xdc00 && i+6 < len(data) && data[i+1] == '\\' && data[i+2] == 'u' && low(data[i+3:i+7]):
			i += 6
		default:
			return fmt.Sprintf(`\u%04x is half of a surrogate pair`, code)
		}
	}
	return ""
}

// low reports whether four hexadecimal digits are the second half of a surrogate pair.
func low(digits []byte) bool {
	code, err := strconv.ParseUint(string(digits), 16, 32)
	return err == nil && code >= 0xdc00 && code <= 0xdfff
}

// fail sets the error, unless there is one already.
func (b *Body) fail(name, format string, args ...any) {
	if b.err == nil {
		b.err = invalid(b.prefix+name, format, args...)
	}
}

// take returns a field, and whether it is present and not null.
func (b *Body) take(name string) (json.RawMessage, bool) {
	b.known = append(b.known, name)
	value, there := b.fields[name]
	return value, there && string(value) != "null"
}

// Float returns a field that is a number from least to most, or otherwise if it is absent.
func (b *Body) Float(name string, otherwise, least, most float64) float64 {
	value, there := b.take(name)
	if !there {
		return otherwise
	}
	x, err := numberOf(value)
	if err != nil || x < least || x > most {
		b.fail(name, "%s is not a number from %v to %v", short(value), least, most)
		return otherwise
	}
	return x
}

// numberOf reads a JSON number.
func numberOf(value json.RawMessage) (float64, error) {
	if len(value) == 0 || value[0] != '-' && (value[0] < '0' || value[0] > '9') {
		return 0, errors.New("no number")
	}
	return strconv.ParseFloat(string(value), 64)
}

// Int returns a field that is a whole number from least to most, or otherwise if it is absent. The number may be
// written as 16.0 or 1e2.
func (b *Body) Int(name string, otherwise, least, most int) int {
	value, there := b.take(name)
	if !there {
		return otherwise
	}
	n, ok := wholeOf(value)
	if !ok || n < int64(least) || n > int64(most) {
		b.fail(name, "%s is not a whole number from %d to %d", short(value), least, most)
		return otherwise
	}
	return int(n)
}

// wholeOf reads a whole JSON number.
func wholeOf(value json.RawMessage) (int64, bool) {
	if n, err := strconv.ParseInt(string(value), 10, 64); err == nil {
		return n, true
	}
	x, err := numberOf(value)
	return int64(x), err == nil && x == math.Trunc(x) && math.Abs(x) < 1<<53
}

// Bool returns a field that is true or false, or otherwise if it is absent.
func (b *Body) Bool(name string, otherwise bool) bool {
	value, there := b.take(name)
	switch {
	case !there:
		return otherwise
	case string(value) == "true":
		return true
	case string(value) != "false":
		b.fail(name, "%s is not true or false", short(value))
	}
	return false
}

// Text returns a field that is a string, or otherwise if it is absent.
func (b *Body) Text(name, otherwise string) string {
	value, there := b.take(name)
	if !there {
		return otherwise
	}
	var text string
	if json.Unmarshal(value, &text) != nil {
		b.fail(name, "%s is not a string", short(value))
	}
	return text
}

// Texts returns a field that is a string, or a list of up to most strings.
func (b *Body) Texts(name string, most int) []string {
	value, there := b.take(name)
	if !there {
		return nil
	}
	var text string
	if json.Unmarshal(value, &text) == nil {
		return []string{text}
	}
	var list []*string
	if json.Unmarshal(value, &list) != nil || slices.Contains(list, nil) {
		b.fail(name, "%s is not a string or a list of strings", short(value))
		return nil
	}
	if len(list) > most {
		b.fail(name, "%d strings, want at most %d", len(list), most)
		return nil
	}
	texts := make([]string, len(list))
	for i, text := range list {
		texts[i] = *text
	}
	return texts
}

// Within returns the object in a field, and whether there is one.
func (b *Body) Within(name string) (*Body, bool) {
	value, there := b.take(name)
	if !there || b.err != nil {
		return nil, false
	}
	in, err := parseBody(value, b.prefix+name+".")
	if err != nil {
		if err.Param == b.prefix+name {
			err = invalid(b.prefix+name, "%s is not an object", short(value))
		}
		b.err = err
		return nil, false
	}
	return in, true
}

// Ignore accepts fields with any values, which do not affect the answer.
func (b *Body) Ignore(names ...string) { b.known = append(b.known, names...) }

// Refuse makes fields an error that ask for something the server does not do. Values that ask for nothing are accepted:
// false, [], {} and "".
func (b *Body) Refuse(why string, names ...string) {
	for _, name := range names {
		if value, there := b.take(name); there && !slices.Contains([]string{"false", "[]", "{}", `""`}, string(value)) {
			b.fail(name, "%s", why)
		}
	}
}

// Unless is Refuse for one field, but also accepts strings, alone or in a list of one, that ask for what the server does
// anyway.
func (b *Body) Unless(name, why string, done ...string) {
	value, _ := b.take(name)
	var list []string
	for _, d := range done {
		if json.Unmarshal(value, &list) == nil && len(list) == 1 && list[0] == d || string(value) == strconv.Quote(d) {
			return
		}
	}
	b.Refuse(why, name)
}

// Err returns the first error, or an error for a field that is not known.
func (b *Body) Err() *Error {
	if b.err != nil {
		return b.err
	}
	for _, name := range slices.Sorted(maps.Keys(b.fields)) {
		if slices.Contains(b.known, name) {
			continue
		}
		message := "unknown parameter"
		if near := nearest.Of(name, b.known); near != "" {
			message += "; did you mean " + near + "?"
		}
		return invalid(b.prefix+name, "%s", message)
	}
	return nil
}

// short returns a value for an error message, cut if it is long.
func short(value json.RawMessage) string {
	const most = 60
	if len(value) <= most {
		return string(value)
	}
	end := most
	for !utf8.RuneStart(value[end]) {
		end--
	}
	return string(value[:end]) + "…"
}
