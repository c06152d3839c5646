package layers

import "github.com/gorgpt/gorgpt/graph"

// Weights are the settings of a linear layer. Their zero value is GPT-2's.
type Weights struct {
	Init   graph.Init // of the matrix; N(0, 0.02) if not given
	NoBias bool
}

// BranchWeights are the settings of the linear layers of one branch of a block, as attention
// and the MLP are. Their zero value is that of GPT-1, whose layers all begin alike.
type BranchWeights struct {
	Init         graph.Init // of the matrices; N(0, 0.02) if not given
	ResidualInit graph.Init // of the projection that ends the branch; Init if not given
	NoBias       bool
}

// inner are the settings of the branch's first layers.
func (w BranchWeights) inner() Weights { return Weights{w.Init, w.NoBias} }

// last are those of the projection that ends it.
func (w BranchWeights) last() Weights { return Weights{w.ResidualInit.Or(w.Init), w.NoBias} }

// first is what a matrix starts from.
func first(i graph.Init) graph.Init { return i.Or(graph.Normal(0.02)) }
