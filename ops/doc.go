// Package ops holds the differentiable operations that GPT models are made of, each a Gorgonia SDOp: a forward
// computation and a SymDiff that declares the gradient as further nodes. Gorgonia's Grad differentiates graphs
// of them, mixed with any of Gorgonia's own operations.
//
// Every function takes its scope first, checks its inputs, and records an error in the scope if they do not
// fit. Activations are matrices of shape (B·T, C), with a row for every position of every sequence.
//
// Ops that relate positions to each other ([Attention], [Rotary], [AddPositions]) ask the scope which sequences
// the rows are, and, in an incremental graph, what the past of each is.
//
// The fused operations ([LayerNorm], [RMSNorm], [Linear], [Attention], [LinearCrossEntropy]) are what the
// layers use. The smaller ones ([Softmax], [CausalMask], [SplitHeads], …) are for composing something new where
// Gorgonia's own are missing or wrong.
package ops
