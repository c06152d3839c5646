package training

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/cluster"
	"github.com/gorgpt/gorgpt/internal/setting"
	"github.com/gorgpt/gorgpt/internal/usage"
)

func newLaunch() *cobra.Command {
	s := cluster.Start{}
	settings := setting.List{
		setting.New("print", &s.How, "mpirun", "what to print: "+strings.Join(cluster.Hows(), ", "), setting.OneOf("way to start", cluster.Hows()...)),
		setting.New("family", &s.Family, "openmpi", "family of the MPI library: openmpi or mpich", setting.OneOf("family", "openmpi", "mpich")),
		setting.New("ranks", &s.Ranks, 2, "number of processes", setting.AtLeast(1)),
		setting.New("cores", &s.Cores, 1, "cores per process", setting.AtLeast(1)),
		setting.New("image", &s.Image, "", "mpijob: container image of the pods, with gorgpt and Open MPI in it"),
		setting.New("name", &s.Name, "gorgpt", "srun, mpijob: name of the job"),
	}
	cmd := &cobra.Command{
		Use:   "launch [flags] -- train …",
		Short: "Print what starts a run on many processes: a command, a Slurm script or a Kubernetes manifest",
		Long: `Print what starts a run on many processes: an mpirun command, a script for sbatch, or an MPIJob for
Kubernetes, with the options that bind cores, notice lost machines, and stop the run in time where it
can be resumed. Nothing is started. The arguments of gorgpt follow after --: train or finetune.`,
		Example: `  gorgpt launch --ranks 4 -- train recipes/gpt2-124m.toml --out runs/four
  gorgpt launch --print srun --ranks 16 --cores 8 --limit 24h -- train --resume runs/four > job.sh
  gorgpt launch --print mpijob --ranks 4 --image registry.example/gorgpt:1 -- train recipes/gpt2-124m.toml --out /shared/four`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := settings.Validate(); err != nil {
				return err
			}
			if err := setting.NoneIdle(cmd.Flags().Changed,
				setting.Idle{Holds: s.How != "mpijob", Settings: []string{"image"}, With: "--print " + s.How + ": it is for mpijob"},
				setting.Idle{Holds: s.How == "mpirun", Settings: []string{"name"}, With: "--print mpirun: it is for srun and mpijob"},
			); err != nil {
				return err
			}
			if len(args) == 0 || args[0] != "train" && args[0] != "finetune" {
				return usage.Errorf("want the command to start after --, as in -- train … or -- finetune …")
			}
			s.Command = append([]string{"gorgpt"}, args...)
			text, err := s.Text()
			if err != nil {
				return usage.Of(err)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), strings.TrimSuffix(text, "\n"))
			return err
		},
	}
	cmd.Flags().SortFlags = false
	settings.Flags(cmd.Flags())
	cmd.Flags().DurationVar(&s.Limit, "limit", 24*time.Hour, "time limit of the job")
	return cmd
}
