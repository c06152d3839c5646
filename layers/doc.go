// Package layers holds the constructors that a model file is written with. Each takes
// a scope, declares its parameters there under Hugging Face's names (a linear layer
// in scope h.0.attn.c_attn has h.0.attn.c_attn.weight and .bias), adds its nodes and
// returns the last. A layer is a function: to change one, write another like it.
//
// Settings are structs, whose zero values mean what GPT-2 has. Each layer takes only those that it
// uses: [Weights], [BranchWeights], [Norm], [RMS], [AttentionConfig].
//
// Activations are matrices (B·T, C), a row for every position of every sequence. [Embedding] tells the
// graph B and T; see [graph.Scope.Sequence].
package layers
