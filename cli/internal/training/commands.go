// Package training trains models and compares runs: train, finetune, runs, launch.
package training

import "github.com/spf13/cobra"

// Commands are the subcommands.
func Commands() []*cobra.Command {
	return []*cobra.Command{newTrain(), newFinetune(), newRuns(), newLaunch()}
}
