// Package model contains the subcommands that show, measure and convert models: models, graph, bench, plan, convert.
package model

import "github.com/spf13/cobra"

// Commands returns the subcommands.
func Commands() []*cobra.Command {
	return []*cobra.Command{newModels(), newGraph(), newBench(), newPlan(), newConvert()}
}
