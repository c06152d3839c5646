// Package train fits weights to a task. It works with graph programs, batches and Gorgonia's
// solvers, but knows nothing of models, layers, tokenizers or weight files: the caller supplies
// them.
//
//	t := &train.Trainer{
//		Task:   &train.NextToken{Model: models.Graphs(m), Train: stream, Validation: open, Batch: 12, Context: 64},
//		Params: params, Solver: train.NewAdamW(), Schedule: train.Cosine(1e-3, 1e-4, 100, 2000),
//		Steps:  2000, EvalEvery: 250,
//		Observers: []train.Observer{metrics, plot, train.NewProgress(os.Stderr, 2000, train.Machine{})},
//	}
//	err := t.Run(ctx)
//
// Terms: a [Task] declares inputs and loss, and supplies batches; [NextToken] is pre-training. A
// micro-batch is one run of the program. An update, or step, is one change of the weights, made
// from the gradient of one or more micro-batches. Losses of text are in nats per token.
//
// An [Optimizer] changes each parameter by a [Rule], such as [AdamW], [Lion], [SGD] or [Muon]; a
// [Group] gives some parameters settings of their own. Gorgonia's solvers can be used instead.
// [RegisterRule] makes a rule available to recipes by name. A [Guard] skips updates that stand out,
// a [Hook] sees each update before it is made, and an [Observer] is told of it afterwards: metrics,
// plots and progress are observers. With [Peers], several processes train together.
//
// The same seed, data and settings give bit-identical losses, whether or not the run was
// interrupted and resumed in between; see [Trainer.State].
package train
