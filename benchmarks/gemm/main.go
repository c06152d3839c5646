// Command gemm times internal/kernel's matrix product for benchmarks/openblas.py. It reads one line per case from
// standard input: the case ("NN", "NT" or "TN"), m, n, k and the number of runs. It answers with the seconds of
// the fastest run and of the median run.
package main

import (
	"bufio"
	"fmt"
	"log"
	"os"
	"slices"
	"time"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("gemm: ")
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var c string
		var m, n, k, runs int
		if _, err := fmt.Sscan(in.Text(), &c, &m, &n, &k, &runs); err != nil || len(c) != 2 || min(m, n, k, runs) < 1 {
			log.Fatalf("line %q: want NN, NT or TN and four numbers above 0", in.Text())
		}
		a, b, out := make([]float32, m*k), make([]float32, k*n), make([]float32, m*n)
		kernel.Normal(a, 1, 1, 0, 1)
		kernel.Normal(b, 1, 2, 0, 1)
		transA, transB := c[0] == 'T', c[1] == 'T'
		lda, ldb := k, n
		if transA {
			lda = m
		}
		if transB {
			ldb = k
		}
		var took []float64
		for range runs + 1 {
			start := time.Now()
			kernel.Gemm(transA, transB, m, n, k, 1, a, lda, b, ldb, 0, out, n)
			took = append(took, time.Since(start).Seconds())
		}
		took = took[1:] // the first run allocates buffers and faults in pages
		slices.Sort(took)
		fmt.Println(took[0], took[len(took)/2])
	}
}
