package command

import (
	"math"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gorgpt/gorgpt/internal/usage"
)

// EmptyIsText is the annotation of a flag whose values are texts, which may be empty, or of a command
// whose arguments are.
const EmptyIsText = "empty is a text"

// CheckValues refuses values that no flag or argument accepts: empty ones, as an unset shell variable
// leaves behind, which would start something else than was meant; and numbers that are not finite.
func CheckValues(cmd *cobra.Command, args []string) error {
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
		if arg == "" && cmd.Annotations[EmptyIsText] == "" {
			return usage.Errorf("argument %d is empty; see %s -h", i+1, cmd.CommandPath())
		}
	}
	return nil
}

// checkValue refuses an invalid value of a flag.
func checkValue(cmd *cobra.Command, f *pflag.Flag) error {
	values := []string{f.Value.String()}
	if list, ok := f.Value.(pflag.SliceValue); ok {
		values = list.GetSlice()
	}
	for _, value := range values {
		if value == "" && f.Annotations[EmptyIsText] == nil {
			return usage.Errorf("--%s is empty; see %s -h", f.Name, cmd.CommandPath())
		}
		if f.Value.Type() != "float64" {
			continue
		}
		if x, err := strconv.ParseFloat(value, 64); err == nil && (math.IsNaN(x) || math.IsInf(x, 0)) {
			return usage.Errorf("--%s %s: want a finite number; see %s -h", f.Name, value, cmd.CommandPath())
		}
	}
	return nil
}

// TakesEmpty marks flags that accept an empty text.
func TakesEmpty(f *pflag.FlagSet, flags ...string) {
	for _, flag := range flags {
		if err := f.SetAnnotation(flag, EmptyIsText, []string{"true"}); err != nil {
			panic(err) // the flag has just been declared
		}
	}
}
