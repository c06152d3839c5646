//go:build unix

// Command experts times a training step of one experts layer, forward and backward, for benchmarks/experts.py. It
// reads one line per case from standard input: the rows, the width, the inner width, the number of experts, the
// experts per token, and the number of runs. It answers with the seconds of the fastest run, and with those of
// multiplying all rows with the weights of one expert, which is the same number of operations. With GOMAXPROCS=1,
// it measures processor time, which does not depend on what else the machine does.
package main

import (
	"bufio"
	"fmt"
	"log"
	"math"
	"os"
	"runtime"
	"syscall"
	"time"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
	"gorgonia.org/gorgonia"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("experts: ")
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var rows, width, inner, experts, k, runs int
		if _, err := fmt.Sscan(in.Text(), &rows, &width, &inner, &experts, &k, &runs); err != nil || min(rows, width, inner, experts, k, runs) < 1 {
			log.Fatalf("line %q: want six numbers above 0", in.Text())
		}
		step, err := layer(rows, width, inner, experts, k)
		if err != nil {
			log.Fatal(err)
		}
		product := products(rows*k, width, inner)
		fastest := [2]float64{math.Inf(1), math.Inf(1)}
		for range runs + 1 {
			start := clock()
			if err := step(); err != nil {
				log.Fatal(err)
			}
			middle := clock()
			product()
			fastest[0], fastest[1] = min(fastest[0], middle-start), min(fastest[1], clock()-middle)
		}
		fmt.Println(fastest[0], fastest[1])
	}
}

// clock returns the seconds since some moment: processor time if only one goroutine runs at a time, and otherwise
// wall-clock time.
func clock() float64 {
	var u syscall.Rusage
	if runtime.GOMAXPROCS(0) > 1 || syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return time.Since(began).Seconds()
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

var began = time.Now()

// layer returns a function that runs the layer with its gradients: SwiGLU experts like Mixtral's.
func layer(rows, width, inner, experts, k int) (func() error, error) {
	params := graph.NewParams(1)
	s := graph.New(params, graph.Training())
	x := s.Floats("x", rows, width)
	y := layers.Experts(layers.ExpertsConfig{Count: experts, PerToken: k}, func(s *graph.Scope, x *gorgonia.Node) *gorgonia.Node {
		return layers.GatedMLP(s, x, inner, ops.SiLU, layers.BranchWeights{NoBias: true})
	})(s.At("mlp"), x)
	s.RetainGrad(x)
	p, err := s.CompileGrad(s.Node(gorgonia.Sum(y)))
	if err != nil {
		return nil, err
	}
	data := make([]float32, rows*width)
	kernel.Normal(data, 1, 1, 0, 1)
	if err := p.SetFloats("x", data); err != nil {
		return nil, err
	}
	return func() error {
		params.ZeroGrad()
		return p.RunGrad(1)
	}, nil
}

// products returns a function that computes the products of a dense SwiGLU with the same rows, forward and
// backward: the time that the layer would take if nothing had to be done but the products of one expert.
func products(rows, width, inner int) func() {
	x, w, h := make([]float32, rows*width), make([]float32, width*inner), make([]float32, rows*inner)
	out := make([]float32, max(rows, width)*inner)
	kernel.Normal(x, 1, 1, 0, 1)
	kernel.Normal(w, 1, 2, 0, 1)
	kernel.Normal(h, 1, 3, 0, 1)
	return func() {
		for range 3 {
			kernel.Gemm(false, true, rows, inner, width, 1, x, width, w, width, 0, out, inner)
			kernel.Gemm(false, false, rows, width, inner, 1, h, inner, w, width, 0, out, width)
			kernel.Gemm(true, false, inner, width, rows, 1, h, inner, x, width, 0, out, width)
		}
	}
}
