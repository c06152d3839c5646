// Package training contains the subcommands that train models and compare runs: train, finetune, runs, launch.
package training

import "github.com/spf13/cobra"

// Commands returns the subcommands.
func Commands() []*cobra.Command {
	return []*cobra.Command{newTrain(), newFinetune(), newRuns(), newLaunch()}
}
