// Package plan tells, before a training run begins, what it takes: parameters, operations, memory, bytes between
// machines, days, and what loss the published laws expect. A plan declares the model's graphs and counts; no
// weight is made, so that models of any size are answered.
//
//	p, err := plan.Of(m, plan.Options{Batch: 1, Context: 1024, Tokens: 2.5e9, Solver: "adamw"})
//	err = p.Print(os.Stdout)
package plan
