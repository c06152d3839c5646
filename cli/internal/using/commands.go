// Package using uses models: generate, classify, eval, serve.
package using

import "github.com/spf13/cobra"

// Commands are the subcommands.
func Commands() []*cobra.Command {
	return []*cobra.Command{newGenerate(), newClassify(), newEval(), newServe()}
}
