package cluster

import (
	"strings"
	"testing"
	"time"
)

var aStart = Start{How: "mpirun", Family: "openmpi", Ranks: 4, Cores: 8, Limit: 90 * time.Minute, Name: "a-run", Image: "registry/gorgpt:1", Command: []string{"gorgpt", "train", "--data", "it's *.txt"}}

// TestStart: what the text for each way of starting a job must contain.
func TestStart(t *testing.T) {
	for _, c := range []struct {
		how, family string
		want        []string
	}{
		{"mpirun", "openmpi", []string{"timeout -s USR1 -k 600 5400 mpirun -n 4 --map-by slot:PE=8 --bind-to core", "--mca oob_tcp_keepalive_time 30", `gorgpt train --data 'it'\''s *.txt'` + "\n"}},
		{"mpirun", "mpich", []string{"timeout -s USR1 -k 600 5400 mpiexec -n 4 -bind-to core:8 -env GOMAXPROCS 8", `'it'\''s *.txt'`}},
		{"srun", "openmpi", []string{"#!/bin/sh\n", "#SBATCH --ntasks=4\n#SBATCH --cpus-per-task=8\n#SBATCH --time=1:30:00\n#SBATCH --signal=USR1@300\n", "srun --mpi=pmix --kill-on-bad-exit=1 --cpus-per-task=8 gorgpt"}},
		{"srun", "mpich", []string{"srun --mpi=pmi2 "}},
		{"mpijob", "openmpi", []string{"kind: MPIJob\n", "activeDeadlineSeconds: 5400\n", `"-x", "GOMAXPROCS=8", "gorgpt", "train", "--data", "it's *.txt"]`, "replicas: 4\n", `image: "registry/gorgpt:1"`, "pkill -USR1 -x mpirun"}},
	} {
		s := aStart
		s.How, s.Family = c.how, c.family
		text, err := s.Text()
		if err != nil {
			t.Errorf("%s: %v", c.how, err)
		}
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s of %s: no %q in\n%s", c.how, c.family, want, text)
			}
		}
	}
}

// TestStartErrors: jobs that cannot be started are errors.
func TestStartErrors(t *testing.T) {
	for want, change := range map[string]func(*Start){
		"cluster: 0 ranks of 8 cores, want 1 or more of each":                                             func(s *Start) { s.Ranks = 0 },
		"cluster: a limit of 1s, want a minute or more":                                                   func(s *Start) { s.Limit = time.Second },
		`cluster: "A run" is not a valid job name: want lower-case letters, digits and -, a letter first`: func(s *Start) { s.Name = "A run" },
		"cluster: no command to start":                                                                    func(s *Start) { s.Command = nil },
		"cluster: a job on Kubernetes needs an image, with gorgpt and MPI in it":                          func(s *Start) { s.How, s.Image = "mpijob", "" },
		"cluster: cannot start mpich with mpijob":                                                         func(s *Start) { s.How, s.Family = "mpijob", "mpich" },
		"cluster: cannot start openmpi with ssh":                                                          func(s *Start) { s.How = "ssh" },
	} {
		s := aStart
		change(&s)
		if _, err := s.Text(); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
