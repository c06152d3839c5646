package layers

import "github.com/gorgpt/gorgpt/graph"

// Weights holds the settings of a linear layer. Its zero value, N(0, 0.02) and a bias, is GPT-2's.
type Weights struct {
	Init   graph.Init // of the matrix; N(0, 0.02) if not given
	NoBias bool
}

// BranchWeights holds the settings of the linear layers of one branch of a block, attention or MLP. Its zero
// value is GPT-1's, in which all layers start alike; GPT-2 sets ResidualInit.
type BranchWeights struct {
	Init         graph.Init // of the matrices; N(0, 0.02) if not given
	ResidualInit graph.Init // of the projection that ends the branch; Init if not given
	NoBias       bool
}

// inner returns the settings of the branch's first layers.
func (w BranchWeights) inner() Weights { return Weights{w.Init, w.NoBias} }

// last returns the settings of the projection that ends the branch.
func (w BranchWeights) last() Weights { return Weights{w.ResidualInit.Or(w.Init), w.NoBias} }

// first returns the distribution that a matrix starts from.
func first(i graph.Init) graph.Init { return i.Or(graph.Normal(0.02)) }
