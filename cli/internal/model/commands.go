// Package model shows, measures and converts models: models, graph, bench, plan, convert.
package model

import "github.com/spf13/cobra"

// Commands are the subcommands.
func Commands() []*cobra.Command {
	return []*cobra.Command{newModels(), newGraph(), newBench(), newPlan(), newConvert()}
}
