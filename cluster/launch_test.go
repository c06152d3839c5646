package cluster

import (
	"strings"
	"testing"
)

// TestDetect: the launcher is recognized by its variables; those of the MPI families take precedence.
func TestDetect(t *testing.T) {
	for _, c := range []struct {
		environment string
		want        Launch
	}{
		{"", Launch{"", "", -1, 0}},
		{"OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_RANK=3 PMIX_RANK=3", Launch{launchers[0].by, OpenMPI, 3, 4}},
		{"OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_RANK=3 SLURM_STEP_NUM_TASKS=2 PMIX_RANK=0", Launch{launchers[0].by, OpenMPI, 3, 4}},
		{"PMI_RANK=1 PMI_SIZE=2", Launch{launchers[1].by, MPICH, 1, 2}},
		{"PMI_RANK=1 PMI_SIZE=2 SLURM_STEP_NUM_TASKS=2 SLURM_PROCID=1", Launch{launchers[1].by, MPICH, 1, 2}},
		{"PMI_RANK=1 SLURM_STEP_NUM_TASKS=2", Launch{launchers[1].by, MPICH, 1, 2}},
		{"PMIX_RANK=1 SLURM_STEP_NUM_TASKS=2 SLURM_PROCID=1", Launch{launchers[2].by, OpenMPI, 1, 2}},
		{"PMIX_RANK=0", Launch{launchers[2].by, OpenMPI, 0, 0}}, // prterun
		{"PMI_RANK=x PMI_SIZE=", Launch{launchers[1].by, MPICH, -1, 0}},
		{"SLURM_STEP_NUM_TASKS=2 SLURM_PROCID=1", Launch{"srun without MPI", "", 1, 2}},
		{"SLURM_STEP_NUM_TASKS=1 SLURM_PROCID=0", Launch{"", "", -1, 0}},
		{"SLURM_NTASKS=8 SLURM_JOB_ID=7", Launch{"", "", -1, 0}}, // in an sbatch script
	} {
		got := Detect(func(name string) (string, bool) {
			for kv := range strings.FieldsSeq(c.environment) {
				if k, v, _ := strings.Cut(kv, "="); k == name {
					return v, true
				}
			}
			return "", false
		})
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.environment, got, c.want)
		}
	}
	if !(Launch{Rank: -1}).Alone() || !(Launch{By: "x", Size: 1}).Alone() || (Launch{By: "x"}).Alone() || (Launch{By: "x", Size: 2}).Alone() {
		t.Error("a process alone, or with others, is taken for the other")
	}
}

// TestRefusals: an MPI library of another family is an error, and so is one that did not connect to the launcher.
func TestRefusals(t *testing.T) {
	l := Launch{"a launcher", OpenMPI, 1, 2}
	for _, c := range []struct {
		err  error
		want string
	}{
		{l.fits(OpenMPI, ""), ""},
		{l.agrees(1, 2), ""},
		{Launch{By: "a launcher", Family: OpenMPI, Rank: -1}.agrees(0, 3), ""}, // a launcher that does not tell its ranks
		{l.fits(MPICH, "libmpich.so.12"), "cluster: started by a launcher, which needs Open MPI, but the library is MPICH: libmpich.so.12"},
		{l.agrees(0, 1), "cluster: rank 1 of 2 according to a launcher, but 0 of 1 according to the MPI library: they do not match"},
		{l.agrees(0, 2), "cluster: rank 1 of 2 according to a launcher, but 0 of 2 according to the MPI library: they do not match"},
		{l.agrees(1, 4), "cluster: rank 1 of 2 according to a launcher, but 1 of 4 according to the MPI library: they do not match"},
		{Launch{By: "srun without MPI", Rank: 1, Size: 2}.fits(OpenMPI, ""), "cluster: srun without MPI started 2 processes, which cannot find one another: use srun --mpi=pmix with Open MPI, or --mpi=pmi2 with MPICH (srun --mpi=list shows what is available)"},
	} {
		if got := ""; c.err != nil {
			if got = c.err.Error(); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		} else if c.want != "" {
			t.Errorf("no error, want %s", c.want)
		}
	}
}
