package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// LinearCrossEntropy is CrossEntropy(Project(x, w), targets) without the logits: it works on chunks of rows, so
// that the logits of the whole batch never exist at once. If the graph is differentiated, the forward run
// computes the gradients of x and w along with the loss, while a chunk's logits exist. Targets of −1 do not
// count.
func LinearCrossEntropy(s *graph.Scope, x, w, targets *G.Node) *G.Node {
	return HeadLoss(s, x, w, targets, LossOptions{})
}

// LossOptions are the variants of [HeadLoss].
type LossOptions struct {
	// Weights (N), one for each target, multiply the losses, whose sum is taken instead of the mean. nil means
	// the mean over the rows with a target.
	Weights *G.Node
	// SoftCap bounds the logits to ±SoftCap, see [SoftCap]; 0 means no bound.
	SoftCap float64
	// ZLoss times the square of the log Σ exp of a row's logits is added to the row's loss, to keep it near 0
	// (Chowdhery et al. 2022, PaLM, §5: 1e-4).
	ZLoss float64
	// Smoothing is the part of the target's probability that is spread evenly over the whole vocabulary
	// (Szegedy et al. 2016, §7; PyTorch's label_smoothing), in [0, 1).
	Smoothing float64
}

// HeadLoss is [LinearCrossEntropy] with the variants of o. ZLoss and Smoothing apply to training only: in other
// graphs, such as those of an evaluation, they are left out, and the loss is the cross-entropy.
func HeadLoss(s *graph.Scope, x, w, targets *G.Node, o LossOptions) *G.Node {
	bad := func(v float64) bool { return !finite(v) || v < 0 }
	switch {
	case o.SoftCap != 0 && !isCap(o.SoftCap):
		return s.Fail("HeadLoss", tensor.ScalarShape(), "a soft-cap of %v; want one above 0, or 0 for none", o.SoftCap)
	case bad(o.ZLoss):
		return s.Fail("HeadLoss", tensor.ScalarShape(), "a z-loss of %v; want 0 or more", o.ZLoss)
	case bad(o.Smoothing) || o.Smoothing >= 1:
		return s.Fail("HeadLoss", tensor.ScalarShape(), "label smoothing of %v; want 0 or more, and below 1", o.Smoothing)
	case o.Weights != nil:
		if failed := checkWeights(s, x, o.Weights); failed != nil {
			return failed
		}
	}
	terms := kernel.LossTerms{SoftCap: float32(o.SoftCap)}
	if s.Training() {
		terms.ZLoss, terms.Smoothing = float32(o.ZLoss), float32(o.Smoothing)
	}
	return linearCrossEntropy(s, x, w, targets, o.Weights, terms)
}

// WeightedLinearCrossEntropy is LinearCrossEntropy with a weighted sum in place of the mean; weights (N) holds
// one weight for each target.
func WeightedLinearCrossEntropy(s *graph.Scope, x, w, targets, weights *G.Node) *G.Node {
	weights = s.Require("WeightedLinearCrossEntropy", "weights", weights)
	return HeadLoss(s, x, w, targets, LossOptions{Weights: weights})
}

// checkWeights returns a placeholder for the loss if the weights do not fit x.
func checkWeights(s *graph.Scope, x, weights *G.Node) *G.Node {
	x, weights = s.Require("WeightedLinearCrossEntropy", "x", x), s.Require("WeightedLinearCrossEntropy", "weights", weights)
	if !isMatrix(x) || !isVector(weights, x.Shape()[0]) {
		return s.Fail("WeightedLinearCrossEntropy", tensor.ScalarShape(), "x is %v, weights %v; want (N, C) and (N)", x.Shape(), weights.Shape())
	}
	if weights.Op() != nil {
		return s.Fail("WeightedLinearCrossEntropy", tensor.ScalarShape(), "the weights are computed by the graph; want an input, since they get no gradient")
	}
	return nil
}

func linearCrossEntropy(s *graph.Scope, x, w, targets, weights *G.Node, terms kernel.LossTerms) *G.Node {
	x, w, targets = s.Require("LinearCrossEntropy", "x", x), s.Require("LinearCrossEntropy", "w", w), s.Require("LinearCrossEntropy", "targets", targets)
	if !isMatrix(x) || !isMatrix(w) || x.Shape()[1] != w.Shape()[1] || !isIDs(targets) || targets.Shape().TotalSize() != x.Shape()[0] {
		return s.Fail("LinearCrossEntropy", tensor.ScalarShape(), "x is %v, w %v, targets %v of %v; want (N, C), (V, C) and N integers", x.Shape(), w.Shape(), targets.Shape(), targets.Dtype())
	}
	head := kernel.Head{Rows: x.Shape()[0], Width: x.Shape()[1], Vocab: w.Shape()[0], Precision: s.Precision(), LossTerms: terms}
	if s.Layout(w).Sections != nil {
		return headOfRanks(s, Enter(s, x), w, targets, weights, head)
	}
	products := 2 * int64(head.Rows) * int64(head.Width) * int64(head.Vocab)
	return s.Apply(graph.Op{
		Name:    "LinearCrossEntropy",
		FLOPs:   products,
		Reads:   []graph.Reading{0, graph.AsTable},
		Scratch: []tensor.Shape{{head.Logits()}, {head.Rows}}, // a chunk's logits, the rows' losses
		Run: func(a *graph.Args) error {
			if err := checkTargets(a.Ints(2), head.Vocab); err != nil {
				return err
			}
			var factors []float32
			if weights != nil {
				factors = a.Floats(3)
			}
			var g kernel.HeadGrad
			if a.Results() > 1 {
				g.DX = a.Out(1)
				g.DW, g.Alpha, g.Beta = a.Accumulate(2)
			}
			w := kernel.HeadWeight{Packed: a.Packed(1, graph.AsTable)}
			if w.Packed == nil {
				w.Numbers = a.Floats(1)
			}
			a.Out(0)[0] = head.Loss(a.Floats(0), w, a.Ints(2), factors, g, a.Scratch(0), a.Scratch(1))
			return nil
		},
		Grad: headGrad(s, x, w, weights, products),
	}, some(x, w, targets, weights)...)
}

// headGrad returns the gradient function of a head's loss. The forward run fills the extra results with the
// gradients of the loss; these are scaled if the loss is not the root of differentiation.
func headGrad(s *graph.Scope, x, w, weights *G.Node, products int64) func(_ G.Nodes, out, grad *G.Node) G.Nodes {
	return func(_ G.Nodes, out, grad *G.Node) G.Nodes {
		dx, dw := s.AddExtra(out, x.Shape(), false, products), s.AddExtra(out, w.Shape(), true, products)
		if !isOne(grad) {
			dx, dw = scaleBy(s, dx, grad), scaleBy(s, dw, grad)
		}
		grads := G.Nodes{dx, dw, nil}
		if weights != nil {
			grads = append(grads, zerosLike(s, weights)) // an input without a gradient
		}
		return grads
	}
}

// headOfRanks declares the op with this rank's part of the vocabulary, w. Ranks exchange three numbers for each
// row, and in the gradient a row's states, instead of logits over the whole vocabulary.
func headOfRanks(s *graph.Scope, x, w, targets, weights *G.Node, head kernel.Head) *G.Node {
	r, l := s.Ranks(), s.Layout(w)
	if l.Axis != 0 || len(l.Sections) != 1 {
		return s.Fail("LinearCrossEntropy", tensor.ScalarShape(), "w, %v, is %v; want a part of the vocabulary, or all of it", w.Shape(), l)
	}
	own := l.Spans(r.Rank(), r.Size())[0]
	part := kernel.HeadPart{Head: head, From: own.From, Whole: l.Total(), Max: r.Max, Sum: func(x []float32) error { return r.Sum(x) }}
	products := 2 * int64(head.Rows) * int64(head.Width) * int64(head.Vocab)
	return s.Apply(graph.Op{
		Name:    "LinearCrossEntropy",
		FLOPs:   products,
		Layout:  new(graph.Layout),
		Scratch: []tensor.Shape{{part.Logits()}, {part.Slopes()}, {part.Rows}, {part.Told()}},
		Run: func(a *graph.Args) error {
			if err := checkTargets(a.Ints(2), part.Whole); err != nil {
				return err
			}
			var factors []float32
			if weights != nil {
				factors = a.Floats(3)
			}
			var g kernel.HeadGrad
			if a.Results() > 1 {
				g.DX = a.Out(1)
				g.DW, g.Alpha, g.Beta = a.Accumulate(2)
			}
			loss, err := part.Loss(a.Floats(0), a.Floats(1), a.Ints(2), factors, g, a.Scratch(0), a.Scratch(1), a.Scratch(2), a.Scratch(3))
			a.Out(0)[0] = loss
			return err
		},
		Grad: headGrad(s, x, w, weights, products),
	}, some(x, w, targets, weights)...)
}

// isOne reports whether n is the constant 1, from which differentiation starts.
func isOne(n *G.Node) bool {
	if n.Op() == nil || n.Value() == nil { // an input, or a result
		return false
	}
	one, ok := n.Value().Data().(float32)
	return ok && one == 1 && len(n.Shape()) == 0 && n.Graph().From(n.ID()).Len() == 0
}

// zerosLike returns the gradient of an input that is not differentiated.
func zerosLike(s *graph.Scope, x *G.Node) *G.Node {
	return s.Apply(graph.Op{
		Name: "Zeros",
		Out:  x.Shape(),
		Run: func(a *graph.Args) error {
			clear(a.Out(0))
			return nil
		},
	}, x)
}

// scaleBy multiplies x by a scalar node.
func scaleBy(s *graph.Scope, x, factor *G.Node) *G.Node {
	return s.Apply(graph.Op{
		Name:        "ScaleBy",
		Out:         x.Shape(),
		FLOPs:       size(x.Shape()),
		Accumulates: true,
		Run: func(a *graph.Args) error {
			out, alpha, beta := a.Accumulate(0)
			if beta == 0 {
				clear(out)
			}
			if out != nil {
				kernel.Axpy(out, alpha*a.Floats(1)[0], a.Floats(0))
			}
			return nil
		},
	}, x, factor)
}

// CrossEntropy is the mean over the rows of logits (N, V) of −log softmax at the row's target. Rows whose
// target is −1 count neither in the mean nor in its gradient. If no row counts, both are 0.
func CrossEntropy(s *graph.Scope, logits, targets *G.Node) *G.Node {
	logits, targets = s.Require("CrossEntropy", "logits", logits), s.Require("CrossEntropy", "targets", targets)
	if !isMatrix(logits) || !isIDs(targets) || targets.Shape().TotalSize() != logits.Shape()[0] {
		return s.Fail("CrossEntropy", tensor.ScalarShape(), "logits are %v, targets %v of %v; want (N, V) and N integers", logits.Shape(), targets.Shape(), targets.Dtype())
	}
	vocab := logits.Shape()[1]
	return s.Apply(graph.Op{
		Name:  "CrossEntropy",
		FLOPs: 4 * size(logits.Shape()),
		Run: func(a *graph.Args) error {
			if err := checkTargets(a.Ints(1), vocab); err != nil {
				return err
			}
			a.Out(0)[0] = kernel.MeanCrossEntropy(a.Floats(0), a.Ints(1), vocab)
			return nil
		},
		Grad: func(in G.Nodes, _, grad *G.Node) G.Nodes {
			return G.Nodes{s.Apply(graph.Op{
				Name:  "CrossEntropyGrad",
				Out:   logits.Shape(),
				FLOPs: 5 * size(logits.Shape()),
				Run: func(a *graph.Args) error {
					copy(a.Out(0), a.Floats(0))
					kernel.MeanCrossEntropyGrad(a.Out(0), a.Ints(1), vocab, a.Floats(2)[0])
					return nil
				},
			}, in[0], in[1], grad), nil}
		},
	}, logits, targets)
}
