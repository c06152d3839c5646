// Package cluster lets processes started by an MPI launcher (mpirun, mpiexec or srun) train one
// model together: its [World] implements [github.com/gorgpt/gorgpt/train.Peers].
//
// A process started without a launcher is a world of one and loads nothing. Any other loads, at run
// time, the MPI library that belongs to its launcher: the same binary, built with or without cgo,
// works with Open MPI and with MPICH and its relatives. A binary that must not load dynamic
// libraries, as for Alpine, is built with the tag nompi.
//
// Sums are taken over a fixed tree, in the order in which one process adds up its micro-batches, so
// that the bits do not depend on the number of ranks. Before each call, the ranks compare which
// call it is: if they differ, or a rank has left, all of them return an error that says so.
//
//	w, err := cluster.Open(cluster.Options{})
//	…
//	trainer.Peers = w
//	err = trainer.Run(ctx)
//	…
//	err = errors.Join(err, w.Close())
//
// A rank is a process of a job, numbered from 0. A world is all ranks of a job. A collective is a
// call that every rank makes.
package cluster
