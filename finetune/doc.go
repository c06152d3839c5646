// Package finetune puts a task's head on a language model and trains both, as GPT-1 did
// (Radford et al. 2018, §3.2 and §3.3).
//
// An [Encoder] turns labelled texts into token sequences, with a start and a classify token
// around and a delimiter between two texts. A [Classifier] declares the graph: the model,
// the scores that a linear layer gives the state at the classify token, and the joint loss,
// the task's and λ times the language model's. [Run] trains it and measures it after each
// epoch, a task of train.Trainer; [Predictor] uses it, and [Trained] saves and opens it.
//
//	enc, err := finetune.NewEncoder(tok, context)
//	c := finetune.Classifier{Base: models.WithDropout(m, 0.1), Kind: tasks.Entailment, Outputs: 2, Dropout: 0.1, Auxiliary: 0.5}
//	epochs, err := finetune.Run(ctx, c, params, task, train, dev, finetune.Defaults())
//
// What OpenAI's code does differently from the paper, and this package does not follow: its
// language-model logits range over positions too, it drops elements of the embedding matrix
// instead of those that were looked up, and Adam's ε is added before the bias correction.
package finetune
