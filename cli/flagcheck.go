package cli

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// emptyIsText marks a flag, or a command for its arguments, whose values are texts: none is
// a text too.
const emptyIsText = "empty is a text"

// checkValues refuses values that no flag and no argument takes: the empty one, which a
// variable of a shell that is not set leaves, and would start something else; and numbers
// that are none.
func checkValues(cmd *cobra.Command, args []string) error {
	var err error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if err == nil {
			err = checkValue(cmd, f)
		}
	})
	if err != nil {
		return err
	}
	for i, arg := range args {
		if arg == "" && cmd.Annotations[emptyIsText] == "" {
			return usagef("argument %d is empty; see %s -h", i+1, cmd.CommandPath())
		}
	}
	return nil
}

// checkValue refuses what a flag was given, if that is no value.
func checkValue(cmd *cobra.Command, f *pflag.Flag) error {
	values := []string{f.Value.String()}
	if list, ok := f.Value.(pflag.SliceValue); ok {
		values = list.GetSlice()
	}
	for _, value := range values {
		if value == "" && f.Annotations[emptyIsText] == nil {
			return usagef("--%s is empty; see %s -h", f.Name, cmd.CommandPath())
		}
		if f.Value.Type() != "float64" {
			continue
		}
		if x, err := strconv.ParseFloat(value, 64); err == nil && !finiteNumber(x) {
			return usagef("--%s %s: want a finite number; see %s -h", f.Name, value, cmd.CommandPath())
		}
	}
	return nil
}

func finiteNumber(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// takesEmpty marks flags whose empty value is a text.
func takesEmpty(f *pflag.FlagSet, flags ...string) {
	for _, flag := range flags {
		if err := f.SetAnnotation(flag, emptyIsText, []string{"true"}); err != nil {
			panic(err) // the flag is declared in the line above
		}
	}
}

// idle are flags that have no meaning where something else holds.
type idle struct {
	holds bool
	flags []string
	with  string // what holds, and why they have none
}

// noneIdle refuses flags that were given and have no meaning.
func noneIdle(given func(flag string) bool, rules []idle) error {
	for _, r := range rules {
		for _, flag := range r.flags {
			if r.holds && given(flag) {
				return usagef("--%s has no meaning with %s", flag, r.with)
			}
		}
	}
	return nil
}

// recordable refuses values that the recipe of a run cannot hold: TOML is UTF-8, and paths on
// Linux are any bytes. Those left out are in no recipe.
func recordable(f *pflag.FlagSet, leaveOut ...string) error {
	var err error
	f.Visit(func(f *pflag.Flag) {
		if value := f.Value.String(); err == nil && !utf8.ValidString(value) && !slices.Contains(leaveOut, f.Name) {
			err = usageError{fmt.Errorf("--%s %q: not UTF-8, which the recipe of the run could not hold", f.Name, value)}
		}
	})
	return err
}
