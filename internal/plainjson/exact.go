package plainjson

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// exact returns data with every key replaced by spaces that encoding/json would accept for a field of v only
// because it ignores case. The length is the same, so offsets remain valid. The key of a field is the name in its
// tag, or its Go name with a lower-case first letter. Data that is not JSON is returned unchanged.
func exact(data []byte, v any) []byte {
	t := reflect.TypeOf(v)
	if t == nil || !holdsFields(t) {
		return data
	}
	s := scanner{data: data}
	s.value(t)
	return s.data
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// holdsFields reports whether keys within a value of a type can name fields of structs.
func holdsFields(t reflect.Type) bool {
	for {
		if t.Implements(unmarshaler) || reflect.PointerTo(t).Implements(unmarshaler) {
			return false // it handles its own keys
		}
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			t = t.Elem()
		default:
			return t.Kind() == reflect.Struct
		}
	}
}

// keysOf maps a struct's keys to the types of their values.
func keysOf(t reflect.Type) map[string]reflect.Type {
	if known, ok := structs.Load(t); ok {
		return known.(map[string]reflect.Type)
	}
	keys := make(map[string]reflect.Type)
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			name = keyOf(f.Name)
		}
		if f.IsExported() && f.Tag.Get("json") != "-" && (!f.Anonymous || name != keyOf(f.Name)) {
			keys[name] = f.Type
		}
	}
	structs.Store(t, keys)
	return keys
}

var structs sync.Map // from types to keys

// scanner walks JSON along with the type that it is decoded into. It stops at a syntax error.
type scanner struct {
	data   []byte
	at     int
	depth  int
	copied bool
}

// maxDepth is the limit of encoding/json, which rejects deeper nesting.
const maxDepth = 10000

// next skips white space and returns the byte after it, or 0 at the end.
func (s *scanner) next() byte {
	for ; s.at < len(s.data); s.at++ {
		switch c := s.data[s.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// text skips a string and returns what is between its quotes.
func (s *scanner) text() ([]byte, bool) {
	start := s.at + 1
	for i := start; i < len(s.data); i++ {
		switch s.data[i] {
		case '\\':
			i++
		case '"':
			s.at = i + 1
			return s.data[start:i], true
		}
	}
	return nil, false
}

// value skips a value that is decoded into type t, which is nil if the type has no fields.
func (s *scanner) value(t reflect.Type) bool {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t != nil && !holdsFields(t) {
		t = nil
	}
	switch s.next() {
	case '{':
		return s.items('}', func() bool { return s.member(t) })
	case '[':
		if t != nil && t.Kind() != reflect.Slice && t.Kind() != reflect.Array {
			t = nil
		}
		if t != nil {
			t = t.Elem()
		}
		return s.items(']', func() bool { return s.value(t) })
	case '"':
		_, ok := s.text()
		return ok
	}
	n := bytes.IndexAny(s.data[s.at:], ",]} \t\r\n")
	if n < 0 {
		n = len(s.data) - s.at
	}
	s.at += n
	return n > 0
}

// items skips a list or an object.
func (s *scanner) items(end byte, item func() bool) bool {
	if s.depth++; s.depth > maxDepth {
		return false
	}
	defer func() { s.depth-- }()
	s.at++
	if s.next() == end {
		s.at++
		return true
	}
	for item() {
		switch c := s.next(); c {
		case ',', end:
			s.at++
			if c == end {
				return true
			}
		default:
			return false
		}
	}
	return false
}

// member skips a key and its value within an object that is decoded into type t.
func (s *scanner) member(t reflect.Type) bool {
	if s.next() != '"' {
		return false
	}
	start := s.at + 1
	key, ok := s.text()
	if !ok || s.next() != ':' {
		return false
	}
	s.at++
	switch {
	case t == nil:
	case t.Kind() == reflect.Map:
		t = t.Elem()
	case t.Kind() == reflect.Struct:
		name, ok := unescaped(key)
		if !ok {
			return false
		}
		if t, ok = keysOf(t)[name]; !ok {
			s.blank(start, start+len(key))
		}
	default:
		t = nil
	}
	return s.value(t)
}

// blank replaces a key with spaces, which are not the name of any field.
func (s *scanner) blank(start, end int) {
	if !s.copied {
		s.data, s.copied = bytes.Clone(s.data), true
	}
	for i := start; i < end; i++ {
		s.data[i] = ' '
	}
}

// unescaped returns a key without its escapes, or false if the key is not valid JSON.
func unescaped(key []byte) (string, bool) {
	if !bytes.ContainsFunc(key, func(r rune) bool { return r < ' ' || r == '\\' }) {
		return string(key), true
	}
	var text string
	err := json.Unmarshal(slices.Concat([]byte{'"'}, key, []byte{'"'}), &text)
	return text, err == nil
}
