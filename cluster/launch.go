package cluster

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// Families of MPI libraries. The libraries of a family share launchers and a binary interface.
const (
	OpenMPI = "Open MPI"
	MPICH   = "MPICH" // including Intel MPI, MVAPICH and Cray MPICH
)

// Launch is what the environment says about how a process was started.
type Launch struct {
	By         string // the launcher; "" means none
	Family     string // of libraries that work with the launcher; "" means none
	Rank, Size int    // that the launcher gives the process, -1 and 0 if it does not say
}

// slurm is the variable that Slurm sets for a step, whichever way it starts MPI.
const slurm = "SLURM_STEP_NUM_TASKS"

// launchers are recognized by a variable, in this order: under mpirun inside Slurm, those of both
// are set.
var launchers = []struct {
	by, family, told string
	rank, size       string
}{
	{"mpirun of Open MPI", OpenMPI, "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
	{"a launcher with PMI, such as MPICH's mpiexec or srun --mpi=pmi2", MPICH, "PMI_RANK", "PMI_RANK", "PMI_SIZE"},
	{"a launcher with PMIx, such as srun --mpi=pmix", OpenMPI, "PMIX_RANK", "PMIX_RANK", slurm},
}

// Detect determines the launcher of a process from its environment, given by a function like
// os.LookupEnv.
func Detect(lookup func(string) (string, bool)) Launch {
	number := func(name string, otherwise int) int {
		if text, ok := lookup(name); ok {
			if n, err := strconv.Atoi(text); err == nil {
				return n
			}
		}
		return otherwise
	}
	for _, l := range launchers {
		if _, ok := lookup(l.told); ok {
			return Launch{l.by, l.family, number(l.rank, -1), number(l.size, number(slurm, 0))}
		}
	}
	if n := number(slurm, 0); n > 1 {
		return Launch{"srun without MPI", "", number("SLURM_PROCID", -1), n}
	}
	return Launch{Rank: -1}
}

// Alone reports whether the process is the only one.
func (l Launch) Alone() bool { return l.By == "" || l.Size == 1 }

// Launched reports whether a launcher started this process together with others.
func Launched() bool { return !Detect(os.LookupEnv).Alone() }

// StopSignal is the signal that launchers pass on to all processes, which then stop in a state from
// which they can be resumed: SIGUSR1 of Linux, the only system where MPI is supported.
const StopSignal = syscall.Signal(10)

// fits refuses a library that does not find the launcher: with it, every process would be a world
// of its own.
func (l Launch) fits(family, library string) error {
	if l.Family == "" {
		return fmt.Errorf("cluster: %s started %d processes, which cannot find one another: use srun --mpi=pmix with Open MPI, or --mpi=pmi2 with MPICH (srun --mpi=list shows what is available)", l.By, l.Size)
	}
	if family != l.Family {
		return fmt.Errorf("cluster: started by %s, which needs %s, but the library is %s: %s", l.By, l.Family, family, library)
	}
	return nil
}

// agrees refuses a rank and size given by the library, if the launcher gives others.
func (l Launch) agrees(rank, size int) error {
	if l.Size > 0 && size != l.Size || l.Rank >= 0 && rank != l.Rank {
		return fmt.Errorf("cluster: rank %d of %d according to %s, but %d of %d according to the MPI library: they do not match", l.Rank, l.Size, l.By, rank, size)
	}
	return nil
}

// prefixes are the prefixes of variables by which a process would take itself for a rank of the
// job.
var prefixes = []string{"OMPI_", "PMIX_", "PMI_", "SLURM_STEP_"}
