package gguf

import (
	"fmt"
	"math"
	"reflect"
	"strings"
)

// Value is a metadata entry: a key, and a uint8, int8, uint16, int16, uint32, int32, uint64, int64, float32,
// float64, bool or string, or a slice of one of these.
type Value struct {
	Key   string
	Value any
}

// Meta is the metadata of a file, in order. Methods that look up a value return the argument or if there is
// none, and an error if there is a value of another kind.
type Meta []Value

// Get returns a value, or nil if there is none.
func (m Meta) Get(key string) any {
	for _, v := range m {
		if v.Key == key {
			return v.Value
		}
	}
	return nil
}

// Int returns an integer.
func (m Meta) Int(key string, or int) (int, error) {
	v := reflect.ValueOf(m.Get(key))
	switch {
	case !v.IsValid():
		return or, nil
	case v.CanInt():
		return int(v.Int()), nil
	case v.CanUint() && v.Uint() <= math.MaxInt:
		return int(v.Uint()), nil
	}
	return 0, m.wants(key, "a whole number")
}

// Float returns a floating-point number. A float32 is converted to the shortest decimal that rounds to it:
// 1e-05, not 9.99999974e-06.
func (m Meta) Float(key string, or float64) (float64, error) {
	switch v := m.Get(key).(type) {
	case nil:
		return or, nil
	case float32:
		return decimal(v), nil
	case float64:
		return v, nil
	}
	return 0, m.wants(key, "a floating-point number")
}

// Text returns a string.
func (m Meta) Text(key, or string) (string, error) { return value(m, key, or, "a string") }

// Bool returns a boolean.
func (m Meta) Bool(key string, or bool) (bool, error) { return value(m, key, or, "true or false") }

// Texts returns an array of strings, or nil if there is none.
func (m Meta) Texts(key string) ([]string, error) {
	return value[[]string](m, key, nil, "an array of strings")
}

// Floats returns an array of float32, or nil if there is none.
func (m Meta) Floats(key string) ([]float32, error) {
	return value[[]float32](m, key, nil, "an array of float32")
}

// Ints returns an array of 32-bit integers, or nil if there is none.
func (m Meta) Ints(key string) ([]int, error) {
	switch v := m.Get(key).(type) {
	case nil:
		return nil, nil
	case []int32:
		return ints(v), nil
	case []uint32:
		return ints(v), nil
	}
	return nil, m.wants(key, "an array of 32-bit integers")
}

func ints[N int32 | uint32](v []N) []int {
	all := make([]int, len(v))
	for i, n := range v {
		all[i] = int(n)
	}
	return all
}

func value[T any](m Meta, key string, or T, kind string) (T, error) {
	found := m.Get(key)
	if v, ok := found.(T); ok {
		return v, nil
	}
	if found == nil {
		return or, nil
	}
	return or, m.wants(key, kind)
}

// wants returns the error for a value of another kind.
func (m Meta) wants(key, kind string) error {
	t := reflect.TypeOf(m.Get(key))
	return fmt.Errorf("%s is %s, want %s", key, strings.Replace(t.String(), "[]", "an array of ", 1), kind)
}
