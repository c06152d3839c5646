// Package plan estimates, before a training run begins, what it takes: parameters, operations,
// memory, bytes between machines, days, and the loss that published scaling laws predict. A plan
// declares the model's graphs and counts. No weight is allocated, so models of any size can be
// planned.
//
//	p, err := plan.Of(m, plan.Options{Batch: 1, Context: 1024, Tokens: 2.5e9, Solver: "adamw"})
//	err = p.Print(os.Stdout)
package plan
