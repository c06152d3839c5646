package graph

import (
	"fmt"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"
)

// TestTwins: nodes with the same Gorgonia hash are still all computed: two of this module's ops, two of
// Gorgonia's, and two leaves.
func TestTwins(t *testing.T) {
	s := New(NewParams(1))
	x := s.Floats("x", 4)
	named := func(s *Scope, x *G.Node) *G.Node {
		return s.Apply(Op{Name: fmt.Sprint("op ", s.ops), Out: x.Shape(), Run: func(a *Args) error {
			copy(a.Out(0), a.Floats(0))
			return nil
		}}, x)
	}
	ids := make(map[uint32]uint64)
	var a, b uint64 // ids of two ops whose nodes have the same hash
	for i := uint64(0); i < 400_000 && a == 0; i++ {
		n := named(s, x)
		a, b = ids[n.Hashcode()], n.Op().(*nodeOp).id
		ids[n.Hashcode()] = b
	}
	if a == 0 {
		t.Fatal("no two hashes are alike")
	}

	s = New(NewParams(1))
	x = s.Floats("x", 4)
	s.ops = a - 1
	first := named(s, x)
	s.ops = b - 1
	second := named(s, x)
	if first.Hashcode() != second.Hashcode() {
		t.Fatalf("the nodes have hashes %x and %x", first.Hashcode(), second.Hashcode())
	}
	p, err := s.Compile(G.Must(G.HadamardProd(first, second)))
	if err != nil {
		t.Fatal(err)
	}
	if st := p.machine.stages[0]; st.twin() != nil || p.ops != 2 {
		t.Errorf("%d ops run, twin %v", p.ops, st.twin())
	}
	if err := p.SetFloats("x", []float32{1, 2, 3, 4}); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// TestSalts: a salt changes the hash of any kind of node.
func TestSalts(t *testing.T) {
	s := New(NewParams(1))
	x := s.Floats("x", 4)
	y := double(s, G.Must(G.Add(G.Must(G.Tanh(x)), G.NewConstant(float32(2)))))
	m, err := s.newMachine(G.Nodes{y})
	if err != nil {
		t.Fatal(err)
	}
	part := m.stages[0].order
	for _, n := range part {
		m.salts[n]++
		st, err := m.newStage(s.builder, part)
		if err != nil {
			t.Fatal(err)
		}
		if o, ours := n.Op().(*nodeOp); ours {
			before := st.nodes[n].Hashcode()
			o.resalt()
			if st, err = m.newStage(s.builder, part); err != nil || st.nodes[n].Hashcode() == before {
				t.Errorf("%v: the same hash, error %v", n, err)
			}
			continue
		}
		if st.nodes[n].Hashcode() == m.stages[0].nodes[n].Hashcode() {
			t.Errorf("%v: the same hash", n)
		}
		if !slices.Equal(st.nodes[n].Shape(), n.Shape()) {
			t.Errorf("%v has shape %v", n, st.nodes[n].Shape())
		}
	}
}
