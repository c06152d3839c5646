// Package train fits weights to a task. It knows programs of a graph,
// batches and Gorgonia's solvers, but no model, layer, tokenizer or file of
// weights: those are handed to it.
//
//	t := &train.Trainer{
//		Task:   &train.NextToken{Model: models.Graphs(m), Train: stream, Validation: open, Batch: 12, Context: 64},
//		Params: params, Solver: train.NewAdamW(), Schedule: train.Cosine(1e-3, 1e-4, 100, 2000),
//		Steps:  2000, EvalEvery: 250,
//		Observers: []train.Observer{metrics, plot, train.NewProgress(os.Stderr, 2000, train.Machine{})},
//	}
//	err := t.Run(ctx)
//
// Words: a [Task] declares inputs and loss, and hands out batches; [NextToken] is
// pre-training. A micro-batch is one run of the program; an
// update, or step, is one change of the weights, from the gradient of one
// or more micro-batches. Losses of text are natural logarithms, per token.
//
// An [Optimizer] changes the weights by a [Rule] for each of them, [AdamW], [Lion], [SGD] or
// [Muon], with a [Group] for those that want settings of their own; Gorgonia's solvers do too.
// [RegisterRule] gives a rule a name for recipes. A [Guard] skips updates that stand out, a [Hook]
// sees each before it is made, an [Observer] is told of each afterwards: metrics, plots and
// progress are observers. [Peers] train together.
//
// The same seed, data and settings give the same losses to the bit, whether or
// not the run was interrupted and resumed in between; see [Trainer.State].
package train
