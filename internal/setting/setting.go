// Package setting declares settings in one place: from a name, a default, a description and the allowed values
// come a flag of a command, a key of a recipe file, and the check of both.
//
//	var c Config
//	settings := setting.List{
//		setting.New("steps", &c.Steps, 3000, "updates of the weights", setting.AtLeast(1)),
//		setting.New("solver", &c.Solver, "adamw", "adamw or lion", setting.OneOf("solver", "adamw", "lion")),
//	}
//
// A setting has the name of its flag, as in "weight-decay"; its key in a recipe has _ instead of -.
package setting

import (
	"math"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/internal/usage"
)

// Value is the type of a setting's value.
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

// A Check returns an error that says what is wrong with a value; name is the name of the setting.
type Check[T Value] func(name string, value T) error

// New returns a setting whose value is stored at a pointer. Only [List.Reset] and [List.Flags] store the default
// there.
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

// Where accepts the values for which ok returns true. Otherwise, the error says what is wanted.
func Where[T Value](ok func(T) bool, want string) Check[T] {
	return func(name string, value T) error {
		if ok(value) {
			return nil
		}
		return usage.Errorf("--%s %v: want %s", name, value, want)
	}
}

// AtLeast accepts integers from least upwards.
func AtLeast(least int) Check[int] {
	return func(name string, n int) error {
		if n < least {
			return usage.Errorf("--%s %d: want %d or more", name, n, least)
		}
		return nil
	}
}

// NotNegative accepts numbers that are 0 or more.
func NotNegative(name string, x float64) error {
	return Where(func(x float64) bool { return x >= 0 }, "0 or more")(name, x)
}

// OneOf accepts the known names, and suggests the nearest one in place of others. what says what they name.
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

// List is a list of settings, in the order in which they are shown and written.
type List []Setting

// Reset sets each setting to its default.
func (l List) Reset() {
	for _, s := range l {
		s.reset()
	}
}

// Validate returns the first error of the checks.
func (l List) Validate() error {
	for _, s := range l {
		if err := s.check(); err != nil {
			return err
		}
	}
	return nil
}

// key returns the setting's name in a recipe.
func (s Setting) key() string { return strings.ReplaceAll(s.Name, "-", "_") }

// Idle lists settings that have no effect if Holds is true.
type Idle struct {
	Holds    bool
	Settings []string
	With     string // what holds, and why the settings have no effect
}

// NoneIdle returns an error if a setting was given that has no effect.
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
