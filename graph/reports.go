package graph

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Reported is a number, or a vector, that a layer reports about itself; see [Scope.Report].
type Reported struct {
	Name  string    // with the path of the layer's scope
	Value []float32 // from the last run
	Node  *G.Node
	// Update, if not nil, changes a parameter, given the mean of the value over an update of the weights; see
	// [Scope.ReportTo].
	Update func(mean []float64)
}

// Report makes programs with a gradient compute a scalar or a vector that describes how the layer is doing,
// such as how many tokens went to each expert. [Program.Reports] returns it under the scope's path and the
// name, and training writes the means over each update.
func (s *Scope) Report(name string, value *G.Node) { s.report(name, value, nil) }

// ReportTo is Report for a value that controls a parameter of [Scope.Buffer]: after each update of the weights
// that is not skipped, update is called with the parameter's numbers, for it to change, and the mean of the
// value over the whole update, in distributed training over all ranks. A parameter that [Params.Freeze] has
// frozen is not changed.
func (s *Scope) ReportTo(name string, value, buffer *G.Node, update func(data []float32, mean []float64)) {
	buffer = s.Require("ReportTo", "the buffer", buffer)
	p := s.params.Get(buffer.Name())
	switch {
	case s.err != nil:
		return
	case p == nil || !p.buffer:
		s.Fail("ReportTo", buffer.Shape(), "%s is not a parameter made by Scope.Buffer", buffer.Name())
		return
	case update == nil:
		s.Fail("ReportTo", buffer.Shape(), "update is nil; want a function")
		return
	}
	s.report(name, value, func(mean []float64) {
		if !p.frozen {
			update(p.Data(), mean)
		}
	})
}

func (s *Scope) report(name string, value *G.Node, update func([]float64)) {
	value = s.Require("Report", name, value)
	switch {
	case s.err != nil:
	case value.Dims() > 1 || value.Dtype() != tensor.Float32:
		s.Fail("Report", value.Shape(), "%s is %v of %v, want a scalar or a vector", name, value.Shape(), value.Dtype())
	default:
		s.reports = append(s.reports, Reported{Name: s.told("Report", name, value), Node: value, Update: update})
	}
}

// Reports returns what layers report, in the order of their declaration, with the values from the last run. A
// program without a loss has no reports.
func (p *Program) Reports() (all []Reported) {
	if p.loss == nil {
		return nil
	}
	for _, r := range p.declared.reports {
		r.Value = p.Value(r.Node)
		all = append(all, r)
	}
	return all
}
