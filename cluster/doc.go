// Package cluster joins processes that a launcher of MPI has started, mpirun, mpiexec or srun, to
// fit one model together: its [World] is [github.com/gorgpt/gorgpt/train.Peers].
//
// A process that was started plainly is a world of one and loads nothing. Another loads, at run time,
// the MPI library that belongs to its launcher: one binary, built with or without cgo, serves Open MPI
// and MPICH with their kin. A binary that is to have no dynamic libraries, as for Alpine, is built with
// the tag nompi.
//
// Sums go over a fixed tree, in the order in which one process adds up its micro-batches, so that
// the bits do not depend on the number of ranks. Before each call the ranks compare which it is: what
// differs, and a rank that has left, is an error on all of them that says so.
//
//	w, err := cluster.Open(cluster.Options{})
//	…
//	trainer.Peers = w
//	err = trainer.Run(ctx)
//	…
//	err = errors.Join(err, w.Close())
//
// A rank is a process of a job, numbered from 0; a world is all of them; a collective is a call that
// every rank makes.
package cluster
