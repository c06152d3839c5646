// Package tokens contains the subcommands that turn text into tokens: tokenize, pack.
package tokens

import "github.com/spf13/cobra"

// Commands returns the subcommands.
func Commands() []*cobra.Command { return []*cobra.Command{newTokenize(), newPack()} }
