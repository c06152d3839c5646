package graph

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	G "gorgonia.org/gorgonia"
)

// machine is what a program runs: the needed part of the declared graph, in which Gorgonia's own ops are
// guarded, and constants are inputs. A large graph runs in stages, one after the other, since Gorgonia's time
// to compile a graph grows with the square of the number of its nodes (codegenerator.insertFree in v0.9.18).
type machine struct {
	stages  []*stage
	home    map[*G.Node]*G.Node // from nodes of the declared graph to those that compute them
	outputs map[*G.Node]*output // by the nodes that compute them
	salts   map[*G.Node]uint64  // of declared nodes whose hash collided
	own     G.Nodes             // inputs of the declared graph that no scope has declared
	started bool
}

// A graph of more than mostNodes runs in stages of stageNodes. Gorgonia compiles 4,096 nodes
// in 0.2 to 0.4 s, and four times 1,024 in a quarter of that.
var mostNodes, stageNodes = 4096, 1024 // fewer in tests

// newMachine copies what roots need, in the order of declaration, which determines the order of the run.
func (b *builder) newMachine(roots G.Nodes) (*machine, error) {
	m := &machine{home: make(map[*G.Node]*G.Node), outputs: make(map[*G.Node]*output), salts: make(map[*G.Node]uint64)}
	order, size := declared(roots), stageNodes
	if len(order) <= mostNodes {
		size = mostNodes
	}
	for part := range slices.Chunk(order, size) {
		st, err := m.newStage(b, part)
		if err != nil {
			return nil, err
		}
		m.stages = append(m.stages, st)
		for _, n := range part {
			m.home[n] = st.nodes[n]
			if n.Op() == nil && b.inputs[n.Name()] != n {
				m.own = append(m.own, n)
			}
		}
	}
	return m, nil
}

// declared lists what roots are computed from, in the order of declaration.
func declared(roots G.Nodes) G.Nodes {
	return slices.SortedFunc(maps.Keys(ancestors(roots...)), func(x, y *G.Node) int { return int(x.ID() - y.ID()) })
}

// output returns the output that reads a node of the declared graph after its stage has run.
func (m *machine) output(n *G.Node) *output {
	home := m.home[n]
	if m.outputs[home] == nil {
		m.outputs[home] = newOutput(home)
	}
	return m.outputs[home]
}

// let gives a leaf its value. A leaf that nothing needs is not in any stage.
func (m *machine) let(n *G.Node, v G.Value) error {
	for _, st := range m.stages {
		if c := st.nodes[n]; c != nil {
			if err := G.Let(c, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// letOwn gives the inputs that were declared by Gorgonia's own functions the values that are currently bound to
// them.
func (m *machine) letOwn() error {
	for _, n := range m.own {
		if n.Value() == nil {
			return fmt.Errorf("graph: Gorgonia's input %v has no value", n)
		}
		if err := m.let(n, n.Value()); err != nil {
			return fmt.Errorf("graph: Gorgonia's input %v: %w", n, err)
		}
	}
	return nil
}

// order returns the order in which the nodes run, over all stages.
func (m *machine) order() (all G.Nodes, err error) {
	for _, st := range m.stages {
		part, err := G.Sort(st.graph)
		if err != nil {
			return nil, fmt.Errorf("graph: %w", err)
		}
		slices.Reverse(part)
		all = append(all, part...)
	}
	return all, nil
}

// sources returns the nodes whose values leaves hold.
func (m *machine) sources() map[*G.Node]*G.Node {
	all := make(map[*G.Node]*G.Node)
	for _, st := range m.stages {
		for _, v := range st.imports {
			all[v.leaf] = v.node
		}
	}
	return all
}

// start compiles the stages.
func (m *machine) start() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("graph: compile: %s", oneLine(r))
		}
	}()
	for _, st := range m.stages {
		prog, locations, err := G.Compile(st.graph)
		if err != nil {
			return fmt.Errorf("graph: compile: %w", err)
		}
		st.vm = G.NewTapeMachine(st.graph, G.WithPrecompiled(prog, locations))
	}
	m.started = true
	machines.Add(1)
	return nil
}

// run runs the stages.
func (m *machine) run() error {
	for _, st := range m.stages {
		for _, v := range st.imports {
			if err := G.Let(v.leaf, v.from.raw()); err != nil {
				return err
			}
		}
		err := st.vm.RunAll()
		st.vm.Reset() // also after an error, or the next run would do nothing
		if err != nil {
			return err
		}
	}
	return nil
}

// close closes the machine; another run would start it again.
func (m *machine) close() error {
	if !m.started {
		return nil
	}
	m.started = false
	machines.Add(-1)
	var errs []error
	for _, st := range m.stages {
		errs = append(errs, st.vm.Close())
	}
	return errors.Join(errs...)
}

// machines is the number of machines that are started and not closed.
var machines atomic.Int64

// Running returns the number of programs that have run and are not closed. It is for tests of code that runs
// programs: all must be closed in the end, also after an error.
func Running() int { return int(machines.Load()) }
