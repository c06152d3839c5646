// Package bench measures a model on this machine: a training step, and generation, each compared
// with what the machine can do: the rate of its matrix product, and the rate at which it reads
// memory.
//
//	r, err := bench.Train(ctx, model, 12, 64, 10)
//	err = r.Print(os.Stdout)
package bench
