//go:build linux || darwin

package graph_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	memory "github.com/gorgpt/gorgpt/internal/mapped"
)

// TestCutParameter: weights in a mapped file that is truncated give an error of the run, whichever op reads
// them: one of Gorgonia's, one that overwrites its input, or one of this module.
func TestCutParameter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weights")
	page := os.Getpagesize()
	if err := os.WriteFile(path, make([]byte, 2*page), 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := unix.Mmap(int(f.Fd()), 0, 2*page, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(data)
	memory.Add(data, "weights")
	defer memory.Remove(data)
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	n := 2 * page / 4
	for name, read := range map[string]func(s *graph.Scope, w *G.Node) *G.Node{
		"Do":            func(s *graph.Scope, w *G.Node) *G.Node { return s.Node(G.Tanh(w)) },
		"UsePreallocDo": func(s *graph.Scope, w *G.Node) *G.Node { return s.Node(G.Add(s.Node(G.Tanh(s.Floats("x", n))), w)) },
		"UnsafeDo": func(s *graph.Scope, w *G.Node) *G.Node {
			return s.Node(G.HadamardProd(s.Node(G.Exp(s.Floats("x", n))), w))
		},
		"an op of ours": func(s *graph.Scope, w *G.Node) *G.Node { return s.Node(G.InverseSqrt(w)) },
	} {
		params := graph.NewParams(1)
		s := graph.New(params)
		w := s.Param("w", graph.Zeros(), n)
		if err := params.Get("w").Adopt(unsafe.Slice((*float32)(unsafe.Pointer(&data[0])), n)); err != nil {
			t.Fatal(err)
		}
		p, err := s.Compile(read(s, w))
		if err != nil {
			t.Fatal(name, err)
		}
		_ = p.SetFloats("x", make([]float32, n)) // not all have an input x
		if err := p.Run(); err == nil || !strings.Contains(err.Error(), "weights: byte ") || !strings.HasSuffix(err.Error(), "cannot be read: the file was cut short while it was in use") {
			t.Errorf("%s: %v", name, err)
		}
		p.Close()
	}
}
