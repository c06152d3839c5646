// Package layers holds the constructors from which a model is built. Each takes a scope, declares its
// parameters there under Hugging Face's names (a linear layer in scope h.0.attn.c_attn has
// h.0.attn.c_attn.weight and .bias), adds its nodes and returns the last one. A layer is a function: to change
// a layer, write another function like it.
//
// Settings are structs whose zero values mean what GPT-2 does, but for ResidualInit, which GPT-2 sets. Each
// layer takes only the settings that it uses: [Weights], [BranchWeights], [Norm], [RMS], [AttentionConfig].
//
// Activations are matrices (B·T, C) with a row for every position of every sequence. [Embedding] tells the
// graph B and T; see [graph.Scope.Sequence].
package layers
