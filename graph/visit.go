package graph

// Visit is [Program.Run], and passes the result of each op made by [Scope.Apply] to f as soon as it is
// computed: the ID of its node in [Program.Nodes], and the elements, which are valid only during the call. So
// all values of a run can be inspected in the memory that the run takes anyway, which they share. Results of
// Gorgonia's own ops are not passed to f.
func (p *Program) Visit(f func(id int, value []float32)) error {
	ids := make(map[*nodeOp]int)
	for id, n := range p.declared.listed() {
		if o, ours := n.Op().(*nodeOp); ours && o.Run != nil {
			ids[o] = id
		}
	}
	p.run.check = func(o *nodeOp) {
		if id, listed := ids[o]; listed && o.results[0].sink == nil {
			f(id, o.results[0].buffer())
		}
	}
	defer func() { p.run.check = nil }()
	return p.Run()
}
