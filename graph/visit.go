package graph

// Visit is [Program.Run] that hands the result of each op of ours to f as soon as it is there: the ID of its node in
// [Program.Nodes], and the elements, valid during the call alone. So all values of a run can be looked at in the memory
// that it takes anyway, in which they take turns. What Gorgonia's own ops compute is not handed out.
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
