// Package train fits a model to a stream of tokens. It knows programs of a graph,
// batches and Gorgonia's solvers, but no model, layer, tokenizer or file of
// weights: those are handed to it.
//
//	adam := train.NewAdamW()
//	t := &train.Trainer{
//		Model: model, Params: params, Train: stream, Validation: open,
//		Solver: adam, Schedule: train.Cosine(1e-3, 1e-4, 100, 2000),
//		Steps: 2000, Batch: 12, Context: 64, EvalEvery: 250,
//		Observers: []train.Observer{metrics, plot, train.NewProgress(os.Stderr, 2000, train.Machine{})},
//	}
//	err := t.Run(ctx)
//
// Words: a micro-batch is one run of the program, B sequences of T tokens; an
// update, or step, is one change of the weights, from the mean gradient of one
// or more micro-batches. Losses are natural logarithms, per token.
//
// An [Optimizer] changes the weights by a [Rule] for each of them, [AdamW], [Lion], [SGD] or
// [Muon], with a [Group] for those that want settings of their own; Gorgonia's solvers do too.
// A [Guard] skips updates
// that stand out, a [Hook] sees each before it is made, an [Observer] is told of each
// afterwards: metrics, plots and progress are observers.
//
// The same seed, data and settings give the same losses to the bit, whether or
// not the run was interrupted and resumed in between; see [Trainer.State].
package train
