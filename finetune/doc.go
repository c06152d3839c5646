// Package finetune puts a task's head on a language model and trains both, as GPT-1 did (Radford et
// al. 2018, §3.2 and §3.3).
//
// An [Encoder] turns labeled texts into token sequences, with a start and a classify token around
// them, and a delimiter between two texts. A [Classifier] declares the graph: the model; the scores
// that a linear layer computes from the state at the classify token; and the joint loss, which is
// the task's plus λ times the language model's. [Run] trains it with a train.Trainer, and evaluates
// it after each epoch. [Predictor] uses it, and [Trained] saves and loads it.
//
//	enc, err := finetune.NewEncoder(tok, context)
//	c := finetune.Classifier{Base: models.WithDropout(m, 0.1), Kind: tasks.Entailment, Outputs: 2, Dropout: 0.1, Auxiliary: 0.5}
//	epochs, err := finetune.Run(ctx, c, params, task, train, dev, finetune.Defaults())
//
// In three points OpenAI's code differs from the paper, and this package does not follow it: its
// language-model logits include positions, it drops elements of the embedding matrix instead of
// those that were looked up, and it adds Adam's ε before the bias correction.
package finetune
