// Package setting declares what can be set, once: a name, a default, what it is for and which
// values it may have make a flag of a command, a key of a recipe file, and the check of both.
//
//	var c Config
//	settings := setting.List{
//		setting.New("steps", &c.Steps, 3000, "updates of the weights", setting.AtLeast(1)),
//		setting.New("solver", &c.Solver, "adamw", "adamw or lion", setting.OneOf("solver", "adamw", "lion")),
//	}
//
// A name is a flag's, as in "weight-decay"; the key of a recipe has _ for -.
package setting

import (
	"math"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/internal/usage"
)

// Value is what a setting may be.
type Value interface {
	bool | int | uint64 | float64 | string | []string
}

// Setting is one of a [List].
type Setting struct {
	Name, Help string

	value any  // pointer to a Value
	count bool // a string that a file may give as a number
	reset func()
	check func() error
}

// A Check tells what is wrong with a value of the setting of a name.
type Check[T Value] func(name string, value T) error

// New is a setting whose value is at a pointer. The default is put there by [List.Reset] and
// by [List.Flags], and by nothing else.
func New[T Value](name string, at *T, otherwise T, help string, checks ...Check[T]) Setting {
	return Setting{
		Name: name, Help: help, value: at,
		reset: func() { *at = otherwise },
		check: func() error {
			for _, check := range checks {
				if err := check(name, *at); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// Where accepts what a function does, and says what is wanted in place of others.
func Where[T Value](ok func(T) bool, want string) Check[T] {
	return func(name string, value T) error {
		if ok(value) {
			return nil
		}
		return usage.Errorf("--%s %v: want %s", name, value, want)
	}
}

// AtLeast accepts whole numbers from the least on.
func AtLeast(least int) Check[int] {
	return func(name string, n int) error {
		if n < least {
			return usage.Errorf("--%s %d: want %d or more", name, n, least)
		}
		return nil
	}
}

// NotNegative accepts numbers from 0 on.
func NotNegative(name string, x float64) error {
	return Where(func(x float64) bool { return x >= 0 }, "0 or more")(name, x)
}

// OneOf accepts names, and offers the nearest in place of others. What is what they name.
func OneOf(what string, known ...string) Check[string] {
	return func(_, value string) error {
		if slices.Contains(known, value) {
			return nil
		}
		return usage.Unknown(what, value, known)
	}
}

// Seed accepts seeds that a recipe can hold.
func Seed(name string, seed uint64) error {
	if seed > math.MaxInt64 {
		return usage.Errorf("--%s %d: want at most %d, the largest integer of TOML", name, seed, int64(math.MaxInt64))
	}
	return nil
}

// List is settings in the order in which they are shown and written.
type List []Setting

// Reset gives each its default.
func (l List) Reset() {
	for _, s := range l {
		s.reset()
	}
}

// Validate returns the first error of a check.
func (l List) Validate() error {
	for _, s := range l {
		if err := s.check(); err != nil {
			return err
		}
	}
	return nil
}

// key is the name in a recipe.
func (s Setting) key() string { return strings.ReplaceAll(s.Name, "-", "_") }

// Idle are settings that have no meaning where something else holds.
type Idle struct {
	Holds    bool
	Settings []string
	With     string // what holds, and why they have none
}

// NoneIdle refuses settings that were given and have no meaning.
func NoneIdle(given func(name string) bool, rules ...Idle) error {
	for _, r := range rules {
		for _, name := range r.Settings {
			if r.Holds && given(name) {
				return usage.Errorf("--%s has no meaning with %s", name, r.With)
			}
		}
	}
	return nil
}
