// Package command contains what all subcommands share: checks of their arguments, reading standard
// input line by line, and interrupts.
package command

import (
	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/internal/usage"
)

// Args turns the error of an argument check into a usage error.
func Args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if check(cmd, args) != nil {
			return usage.Errorf("want %s, got %s", cmd.UseLine(), plural.Of(len(args), "argument"))
		}
		return nil
	}
}
