package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkGemmRow multiplies one row with matrices that together are larger than any cache, one after another
// like the layers of a model, and reports how fast they are read.
func BenchmarkGemmRow(b *testing.B) {
	const all = 1 << 27 // elements
	for _, c := range []struct {
		trans string
		n, k  int
	}{{"NN", 2304, 768}, {"NN", 768, 768}, {"NN", 3072, 768}, {"NN", 768, 3072}, {"NT", 768, 3072}, {"NT", 3072, 768}, {"NT", 50257, 768}} {
		b.Run(fmt.Sprintf("%s_%dx%d", c.trans, c.n, c.k), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 2))
			g := newGemmCase(rng, false, c.trans == "NT", 1, c.n, c.k, 0)
			size := c.n * c.k
			weights := Floats(all / size * size)
			for i := range weights {
				weights[i] = g.b[i%size]
			}
			for b.Loop() {
				for at := 0; at < len(weights); at += size {
					Gemm(false, g.transB, 1, c.n, c.k, 1, g.a, g.lda, weights[at:at+size], g.ldb, 0, g.c, g.ldc)
				}
			}
			b.ReportMetric(float64(4*len(weights))*float64(b.N)/b.Elapsed().Seconds()/1e9, "GB/s")
		})
	}
}
