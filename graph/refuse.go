package graph

import (
	"fmt"
	"strings"
)

// wrong are the types of Gorgonia's ops that give wrong values or gradients in v0.9.18,
// and what to use instead.
var wrong = map[string]string{
	"softmaxOp": "it overflows where a row's largest element leads the tensor's first by 88; use ops.Softmax or ops.LogSoftmax",
	"dropoutOp": "its gradient is wrong; use ops.Dropout",
	"reshapeOp": "its result shares memory with its input, which later ops then change (gorgonia#511); ops.SplitHeads and ops.MergeHeads copy",
}

// refuse fails if the graph has an op that would train something else than declared.
func (s *Scope) refuse() error {
	for _, n := range s.graph.AllNodes() {
		kind := fmt.Sprintf("%T", n.Op())
		kind = kind[strings.LastIndex(kind, ".")+1:]
		if why, ok := wrong[kind]; ok {
			return fmt.Errorf("graph: Gorgonia's %s cannot be used: %s", kind, why)
		}
	}
	return nil
}
