package graph

import (
	"fmt"
	"strings"

	G "gorgonia.org/gorgonia"
)

// wrong holds the types of Gorgonia's ops that have wrong values or gradients in v0.9.18, or values that cannot
// be reproduced, and that are not repaired, with what to use instead.
var wrong = map[string]string{
	"softmaxOp": "along an axis other than the last, it overflows where an element exceeds the tensor's first by 88; transpose x for ops.Softmax or ops.LogSoftmax",
	"avgPoolOp": "it divides by a number other than the window's size, or takes the maximum; use G.Conv2d with equal weights",
	"dtConvOp":  "a program's numbers are float32",
	"ctcLossOp": "its gradient has not been checked",
	"yoloOp":    "its gradient has not been checked",
	"dropoutOp": "its gradient is wrong; use ops.Dropout",
	"randomOp":  "it is seeded from the clock, so runs cannot be repeated; use an input of Scope.Floats",
}

// refuse returns an error if the nodes that roots need include an op that would train something other than what
// was declared.
func (b *builder) refuse(roots G.Nodes) error {
	for n, times := range b.uses {
		if times > 1 {
			return fmt.Errorf("graph: %s cannot be used: it is used more than once, and Gorgonia treats SoftMax and LogSoftMax of the same input as one; use ops.Softmax and ops.LogSoftmax", b.placeOf(n))
		}
	}
	for _, n := range declared(roots) {
		if n.Op() == nil {
			continue
		}
		why := wrong[opType(n.Op())]
		for _, p := range wrongPatterns {
			if why == "" && p.is(n) {
				why = p.why
			}
		}
		if why != "" {
			return fmt.Errorf("graph: %s cannot be used: %s", b.placeOf(n), why)
		}
	}
	return nil
}

// wrongPatterns are functions of Gorgonia that combine correct ops in a wrong way, recognized by their last op,
// and wrong uses of an op.
var wrongPatterns = []struct {
	is  func(n *G.Node) bool
	why string
}{
	{isLogSumExp, "LogSumExp adds the maximum inside the logarithm; use ops.LogSumExp"},
	{isNorm, "Norm with a p other than 2 takes no absolute values; apply G.Abs to x first, or take the square root of the sum of squares"},
	{isRowPool, "G.AveragePool1D takes the maximum and cannot be told from G.MaxPool1D; reshape the rows to (B, C, T, 1) for G.MaxPool2D, or average with G.Conv2d with equal weights"},
	{isVectorByIndices, "the gradient of a vector is permuted; use ops.Embed on a matrix (N, 1)"},
	{isLongConstant, "a constant tensor is identified by its printed form, which omits elements; use an input of Scope.Floats"},
}

// child returns the i-th input of n if the name of n's op begins with name, or nil.
func child(n *G.Node, name string, i int) *G.Node {
	if n == nil || n.Op() == nil || !strings.HasPrefix(opName(n.Op()), name) || i >= len(inputs(n)) {
		return nil
	}
	return inputs(n)[i]
}

// isLogSumExp recognizes log(Σ exp(x − max x) + max x).
func isLogSumExp(n *G.Node) bool {
	sum := child(n, "ln", 0)
	most := child(sum, "+", 1)
	return child(most, "MaxAlong", 0) != nil && child(child(child(child(sum, "+", 0), "Σ", 0), "exp", 0), "-", 1) == most
}

// isNorm recognizes (Σ xᵖ)^(1/p), where x may be negative.
func isNorm(n *G.Node) bool {
	powers := child(child(n, "^", 0), "Σ", 0)
	p, root := constant(child(powers, "^", 1)), constant(child(n, "^", 1))
	x := child(powers, "^", 0)
	return p != 0 && root == 1/p && child(x, "abs", 0) == nil && child(x, "square", 0) == nil
}

// constant returns the value of a scalar constant, or 0.
func constant(n *G.Node) float32 {
	if n == nil || n.Op() == nil || n.Dims() > 0 || n.Value() == nil || len(inputs(n)) > 0 {
		return 0
	}
	v, _ := n.Value().Data().(float32)
	return v
}

// isRowPool recognizes a maximum over a part of a row. The op's string begins with the shape of the image,
// followed by the window.
func isRowPool(n *G.Node) bool {
	if opType(n.Op()) != "maxPoolOp" {
		return false
	}
	var b, c, h, w, rows, columns int
	_, err := fmt.Sscanf(n.Op().String(), "MaxPool{%d, %d, %d, %d}(kernel: (%d, %d)", &b, &c, &h, &w, &rows, &columns)
	return err != nil || rows == 1
}

func isVectorByIndices(n *G.Node) bool {
	return opType(n.Op()) == "byIndicesOp" && inputs(n)[0].Dims() == 1
}

// isLongConstant recognizes a constant that does not print all its elements.
func isLongConstant(n *G.Node) bool {
	if opType(n.Op()) != "constantTensor" {
		return false
	}
	text := fmt.Sprint(n.Value())
	return strings.Contains(text, "...") || strings.ContainsAny(text, "⋮…")
}
