package layers

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// HeadConfig holds the settings of a head. Its zero value is GPT-2's.
type HeadConfig struct {
	SoftCap   float64 // bounds logits to ±SoftCap, see [ops.SoftCap]; 0 means no bound
	ZLoss     float64 // in training, see [ops.LossOptions]
	Smoothing float64 // in training, see [ops.LossOptions]
}

// Logits returns the logits (N, V) of x (N, C) with the weight w (V, C).
func (c HeadConfig) Logits(s *graph.Scope, x, w *G.Node) *G.Node {
	x, w = s.Require("Logits", "x", x), s.Require("Logits", "w", w)
	return c.logits(s, x, words(s, w), func(*graph.Scope, int) *G.Node { return w })
}

// Loss is the mean cross-entropy of the logits of Logits against targets or, if weights (N) is not nil, the sum
// of the cross-entropies times weights. It includes what c adds to the loss in training, and never holds the
// logits of more than a few rows.
func (c HeadConfig) Loss(s *graph.Scope, x, w, targets, weights *G.Node) *G.Node {
	x, w = s.Require("Loss", "x", x), s.Require("Loss", "w", w)
	return c.loss(s, x, targets, weights, func(*graph.Scope, int) *G.Node { return w })
}

// options returns the options of the op.
func (c HeadConfig) options(weights *G.Node) ops.LossOptions {
	return ops.LossOptions{Weights: weights, SoftCap: c.SoftCap, ZLoss: c.ZLoss, Smoothing: c.Smoothing}
}

// TiedHead returns the logits (B·T, V) of x (B·T, C) with the token embedding (V, C) as weight.
func TiedHead(s *graph.Scope, x, embedding *G.Node) *G.Node {
	x, embedding = s.Require("TiedHead", "x", x), s.Require("TiedHead", "embedding", embedding)
	return HeadConfig{}.Logits(s, x, embedding)
}

// TiedLoss is the mean cross-entropy of TiedHead's logits against targets, without
// holding the logits of more than a few rows.
func TiedLoss(s *graph.Scope, x, embedding, targets *G.Node) *G.Node {
	x, embedding = s.Require("TiedLoss", "x", x), s.Require("TiedLoss", "embedding", embedding)
	return HeadConfig{}.Loss(s, x, embedding, targets, nil)
}

// TiedWeightedLoss is TiedLoss with a weighted sum in place of the mean; weights (B·T) holds one weight for
// each target.
func TiedWeightedLoss(s *graph.Scope, x, embedding, targets, weights *G.Node) *G.Node {
	x, embedding = s.Require("TiedWeightedLoss", "x", x), s.Require("TiedWeightedLoss", "embedding", embedding)
	return HeadConfig{}.Loss(s, x, embedding, targets, weights)
}

// Classifier returns scores (N·K, classes) of states x (N·K, C), of which K consecutive rows belong together.
// It first drops elements of x with the given probability, the same elements in rows that belong together.
func Classifier(s *graph.Scope, x *G.Node, classes, together int, dropout float64, w Weights) *G.Node {
	return Linear(s, ops.DropoutShared(s, x, dropout, together), classes, w)
}

// Head is TiedHead with its own weight (V, C), which starts like that of [Embedding].
func Head(s *graph.Scope, x *G.Node, vocab int, init graph.Init) *G.Node {
	x = s.Require("Head", "x", x)
	return HeadConfig{}.logits(s, x, vocab, headWeight(vocab, init))
}

// HeadLoss is TiedLoss with its own weight (V, C), as in [Head].
func HeadLoss(s *graph.Scope, x, targets *G.Node, vocab int, init graph.Init) *G.Node {
	x = s.Require("HeadLoss", "x", x)
	return HeadConfig{}.loss(s, x, targets, nil, headWeight(vocab, init))
}

// logits and loss declare the heads as layers; weight returns the matrix that x, of the given width, is
// projected with.
func (c HeadConfig) logits(s *graph.Scope, x *G.Node, vocab int, weight func(s *graph.Scope, width int) *G.Node) *G.Node {
	c = graph.Settings(s, c)
	return s.Layer(x, tensor.Shape{dim(x, 0), vocab}, func(s *graph.Scope, x *G.Node) *G.Node {
		y := ops.Project(s, x, weight(s, dim(x, 1))) // (N, V)
		if c.SoftCap == 0 {
			return y
		}
		return ops.SoftCap(s, y, c.SoftCap) // (N, V)
	})
}

func (c HeadConfig) loss(s *graph.Scope, x, targets, weights *G.Node, weight func(s *graph.Scope, width int) *G.Node) *G.Node {
	c = graph.Settings(s, c)
	return s.Layer(x, tensor.ScalarShape(), func(s *graph.Scope, x *G.Node) *G.Node {
		return ops.HeadLoss(s, x, weight(s, dim(x, 1)), targets, c.options(weights)) // scalar
	})
}

// headWeight returns a function that declares a head's own weight.
func headWeight(vocab int, init graph.Init) func(s *graph.Scope, width int) *G.Node {
	return func(s *graph.Scope, width int) *G.Node {
		return s.CutParam("weight", first(init), graph.Cut(0, vocab), vocab, width) // (V, C)
	}
}

// words returns how many rows w (V, C) has on all ranks together.
func words(s *graph.Scope, w *G.Node) int {
	if l := s.Layout(w); l.Sections != nil && l.Axis == 0 {
		return l.Total()
	}
	return dim(w, 0)
}

// dim returns the i-th dimension of x, or 1 if x has fewer dimensions.
func dim(x *G.Node, i int) int {
	if shape := x.Shape(); i < len(shape) {
		return shape[i]
	}
	return 1
}
