package layers

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// HeadConfig are the settings of a head, whose zero value is GPT-2's.
type HeadConfig struct {
	SoftCap   float64 // keeps logits within ±SoftCap, as [ops.SoftCap] has it; 0 is none
	ZLoss     float64 // in training, that of [ops.LossOptions]
	Smoothing float64 // in training, that of [ops.LossOptions]
}

// Logits returns the logits (N, V) of x (N, C) on w (V, C).
func (c HeadConfig) Logits(s *graph.Scope, x, w *G.Node) *G.Node {
	x, w = s.Require("Logits", "x", x), s.Require("Logits", "w", w)
	return c.logits(s, x, words(s, w), func(*graph.Scope, int) *G.Node { return w })
}

// Loss is the mean cross-entropy of Logits' logits against targets, or with weights (N), which may be nil, the sum of
// what they multiply, without holding the logits of more than a few rows; with what c adds in training.
func (c HeadConfig) Loss(s *graph.Scope, x, w, targets, weights *G.Node) *G.Node {
	x, w = s.Require("Loss", "x", x), s.Require("Loss", "w", w)
	return c.loss(s, x, targets, weights, func(*graph.Scope, int) *G.Node { return w })
}

// options are those of the op.
func (c HeadConfig) options(weights *G.Node) ops.LossOptions {
	return ops.LossOptions{Weights: weights, SoftCap: c.SoftCap, ZLoss: c.ZLoss, Smoothing: c.Smoothing}
}

// TiedHead returns the logits (B·T, V) of x (B·T, C) on the token embedding (V, C).
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

// TiedWeightedLoss is TiedLoss with the sum of what weights (B·T), one for each target,
// multiply instead of the mean.
func TiedWeightedLoss(s *graph.Scope, x, embedding, targets, weights *G.Node) *G.Node {
	x, embedding = s.Require("TiedWeightedLoss", "x", x), s.Require("TiedWeightedLoss", "embedding", embedding)
	return HeadConfig{}.Loss(s, x, embedding, targets, weights)
}

// Classifier scores classes from states x (N·K, C), in which K rows one after the other belong
// together: (N·K, classes). Before, it drops elements of x with the given probability, the
// same of rows that belong together.
func Classifier(s *graph.Scope, x *G.Node, classes, together int, dropout float64, w Weights) *G.Node {
	return Linear(s, ops.DropoutShared(s, x, dropout, together), classes, w)
}

// Head is TiedHead with a weight (V, C) of its own, which starts as that of [Embedding].
func Head(s *graph.Scope, x *G.Node, vocab int, init graph.Init) *G.Node {
	x = s.Require("Head", "x", x)
	return HeadConfig{}.logits(s, x, vocab, headWeight(vocab, init))
}

// HeadLoss is TiedLoss with a weight (V, C) of its own, as of [Head].
func HeadLoss(s *graph.Scope, x, targets *G.Node, vocab int, init graph.Init) *G.Node {
	x = s.Require("HeadLoss", "x", x)
	return HeadConfig{}.loss(s, x, targets, nil, headWeight(vocab, init))
}

// logits and loss are the heads as layers; weight returns what x, of the given width, is
// projected on.
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

// headWeight declares a head's own weight.
func headWeight(vocab int, init graph.Init) func(s *graph.Scope, width int) *G.Node {
	return func(s *graph.Scope, width int) *G.Node {
		return s.CutParam("weight", first(init), graph.Cut(0, vocab), vocab, width) // (V, C)
	}
}

// words is how many rows w (V, C) has on all ranks.
func words(s *graph.Scope, w *G.Node) int {
	if l := s.Layout(w); l.Sections != nil && l.Axis == 0 {
		return l.Total()
	}
	return dim(w, 0)
}

// dim is the i-th dimension of x, or 1 if it has none such.
func dim(x *G.Node, i int) int {
	if shape := x.Shape(); i < len(shape) {
		return shape[i]
	}
	return 1
}
