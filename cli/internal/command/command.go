// Package command contains what all subcommands share: checks of their arguments, reading standard
// input line by line, and interrupts.
package command

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/internal/usage"
)

// Args turns the error of an argument check into a usage error, which shows the command's first
// example.
func Args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if check(cmd, args) == nil {
			return nil
		}
		got := plural.Of(len(args), "argument")
		if len(args) == 1 {
			got = fmt.Sprintf("the argument %q", args[0])
		}
		return usage.Errorf("want %s, got %s%s", cmd.UseLine(), got, asIn(cmd))
	}
}

// asIn returns the first example of a command, without the comment behind it, for the end of an
// error.
func asIn(cmd *cobra.Command) string {
	line, _, _ := strings.Cut(cmd.Example, "\n")
	line, _, _ = strings.Cut(line, "  #")
	if line = strings.TrimSpace(line); line == "" {
		return ""
	}
	return "; as in: " + line
}
