// Package using contains the subcommands that use models: generate, classify, eval, serve.
package using

import "github.com/spf13/cobra"

// Commands returns the subcommands.
func Commands() []*cobra.Command {
	return []*cobra.Command{newGenerate(), newClassify(), newEval(), newServe()}
}
