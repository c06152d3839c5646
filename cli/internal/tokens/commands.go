// Package tokens makes tokens of text: tokenize, pack.
package tokens

import "github.com/spf13/cobra"

// Commands are the subcommands.
func Commands() []*cobra.Command { return []*cobra.Command{newTokenize(), newPack()} }
