package graph_test

import (
	"errors"
	"hash"
	"strings"
	"testing"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
)

// unable is a Gorgonia op on float32 vectors that fails with and without preallocated memory.
type unable struct{}

func (unable) Arity() int { return 1 }
func (unable) Type() hm.Type {
	v := G.TensorType{Dims: 1, Of: tensor.Float32}
	return hm.NewFnType(v, v)
}
func (unable) InferShape(in ...G.DimSizer) (tensor.Shape, error) { return in[0].(tensor.Shape), nil }
func (unable) Do(...G.Value) (G.Value, error)                    { return nil, errors.New("no value") }
func (unable) UsePreallocDo(G.Value, ...G.Value) (G.Value, error) {
	return nil, errors.New("not here")
}
func (unable) ReturnsPtr() bool      { return true }
func (unable) CallsExtern() bool     { return true } // so that memory is preallocated for it
func (unable) OverwritesInput() int  { return -1 }
func (unable) WriteHash(h hash.Hash) { h.Write([]byte("unable")) }
func (unable) Hashcode() uint32      { return 1 }
func (unable) String() string        { return "unable" }

// TestFailsTwice: an op that fails with preallocated memory, and then again with new memory, has its
// path in the error only once.
func TestFailsTwice(t *testing.T) {
	s := graph.New(graph.NewParams(1))
	x := s.Floats("x", 2)
	y := s.At("h.0").Node(G.ApplyOp(unable{}, x))
	p, err := s.Compile(y)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.SetFloats("x", []float32{1, 2}); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err == nil || strings.Count(err.Error(), "h.0") != 1 {
		t.Errorf("error %v", err)
	}
}

// TestRepairedLoss: the value of a loss is available even if it was not passed to Scope.Node and is replaced
// by an op of this module.
func TestRepairedLoss(t *testing.T) {
	s := graph.New(graph.NewParams(1))
	loss := G.Must(G.Sum(G.Must(G.InverseSqrt(s.Param("w", graph.Ones(), 2, 3)))))
	p, err := s.CompileGrad(loss)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.RunGrad(1); err != nil {
		t.Fatal(err)
	}
	if got := p.Loss(); got != 6 {
		t.Errorf("the loss is %v, want 6", got)
	}
	if got := p.Value(loss); len(got) != 1 || got[0] != 6 {
		t.Errorf("the value of the loss is %v, want 6", got)
	}
}
