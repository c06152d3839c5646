package graph

import "slices"

// Ready makes each [Program.RunGrad] call f once for every parameter that the program has a gradient for, as
// soon as that gradient is complete, from the goroutine that runs the ops: the gradient can be sent while
// others are computed. Nil ends this. The order of the parameters depends on the program; see
// [Program.ReadyOrder].
func (p *Program) Ready(f func(*Param)) { p.run.ready = f }

// ReadyOrder lists the parameters in the order in which their gradients are complete.
func (p *Program) ReadyOrder() (params []*Param) {
	last := make(map[*Param]int)
	for _, o := range p.finishers {
		for _, param := range o.finishes {
			last[param] = o.order
		}
	}
	for _, g := range p.gradients {
		if g.added != nil {
			last[g.param] = p.ops + 1 // after the run
		}
		params = append(params, g.param)
	}
	slices.SortStableFunc(params, func(a, b *Param) int { return last[a] - last[b] })
	return params
}

// finish notes which op is the last to add to each parameter's gradient.
func (p *Program) finish(ops []*nodeOp) {
	last := make(map[*Param]*nodeOp)
	for _, o := range ops {
		for _, r := range o.results {
			if r.sink != nil {
				last[r.sink] = o
			}
		}
	}
	for _, g := range p.gradients {
		if o := last[g.param]; o != nil && g.added == nil {
			if o.finishes == nil {
				p.finishers = append(p.finishers, o)
			}
			o.finishes = append(o.finishes, g.param)
		}
	}
}
