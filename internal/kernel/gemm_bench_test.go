package kernel

import (
	"math/rand/v2"
	"testing"
)

// BenchmarkGemm multiplies matrices of GPT-2 124M. In the forward pass (NN; NT for the tied head) and for the
// gradient of the input (NT), m is 256 or 1024 tokens; for the gradient of the weights (TN), k is. Then it
// multiplies the matrices of one attention head, and those of a single token.
func BenchmarkGemm(b *testing.B) {
	for _, c := range []struct {
		trans   string
		m, n, k int
	}{
		{"NN", 256, 768, 768},
		{"NN", 256, 2304, 768},
		{"NN", 256, 3072, 768},
		{"NN", 256, 768, 3072},
		{"NT", 256, 768, 3072},
		{"TN", 768, 3072, 256},
		{"NN", 1024, 3072, 768},
		{"NT", 1024, 768, 3072},
		{"TN", 768, 3072, 1024},
		{"NT", 64, 50257, 768},
		{"TN", 50257, 768, 256},
		{"NN", 768, 128, 128},
		{"NN", 768, 512, 128},
		{"NT", 64, 64, 32},
		{"NN", 64, 32, 64},
		{"NN", 1, 3072, 768},
		{"NT", 1, 50257, 768},
	} {
		rng := rand.New(rand.NewPCG(1, 2))
		g := newGemmCase(rng, c.trans[0] == 'T', c.trans[1] == 'T', c.m, c.n, c.k, 0)
		if g.transA {
			g.beta = 1 // gradients of weights add up
		}
		b.Run(g.String(), func(b *testing.B) {
			for b.Loop() {
				Gemm(g.transA, g.transB, g.m, g.n, g.k, g.alpha, g.a, g.lda, g.b, g.ldb, g.beta, g.c, g.ldc)
			}
			reportFLOPs(b, g.m, g.n, g.k)
		})
	}
}

// BenchmarkGemmISA compares the instruction sets on one product.
func BenchmarkGemmISA(b *testing.B) {
	before := active
	defer func() { active = before }()
	g := newGemmCase(rand.New(rand.NewPCG(1, 2)), false, false, 256, 768, 768, 0)
	for _, s := range supported {
		b.Run(s.name, func(b *testing.B) {
			active = s
			for b.Loop() {
				Gemm(false, false, g.m, g.n, g.k, 1, g.a, g.lda, g.b, g.ldb, 0, g.c, g.ldc)
			}
			reportFLOPs(b, g.m, g.n, g.k)
		})
	}
}

// BenchmarkGemmConcurrent multiplies small matrices inside For, as attention does.
func BenchmarkGemmConcurrent(b *testing.B) {
	const heads, size = 48, 64
	g := newGemmCase(rand.New(rand.NewPCG(1, 2)), false, true, size, size, size, 0)
	c := make([]float32, heads*size*size)
	f := func(lo, hi int) {
		for i := lo; i < hi; i++ {
			Gemm(false, true, size, size, size, 1, g.a, size, g.b, size, 0, c[i*size*size:], size)
		}
	}
	for b.Loop() {
		For(heads, 1, f)
	}
	reportFLOPs(b, heads*size, size, size)
}

func reportFLOPs(b *testing.B, m, n, k int) {
	flops := 2 * float64(m) * float64(n) * float64(k) * float64(b.N)
	b.ReportMetric(flops/b.Elapsed().Seconds()/1e9, "GFLOP/s")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkGemmFewRows multiplies some rows, as from sequences that are generated together, by the weights of
// blocks, one after another as in a model, and by the head. The weights should be read from memory as fast as
// with a single row.
func BenchmarkGemmFewRows(b *testing.B) {
	for _, c := range []struct {
		trans    string
		n, k     int
		matrices int
	}{
		{"NN", 2304, 768, 12},
		{"NN", 3072, 768, 12},
		{"NN", 768, 3072, 12},
		{"NT", 1536, 576, 30},
		{"NT", 50257, 768, 1},
	} {
		for _, m := range []int{1, 2, 4, 8, 12, 16, 24, 32} {
			rng := rand.New(rand.NewPCG(1, 2))
			g := newGemmCase(rng, false, c.trans[1] == 'T', m, c.n, c.k, 0)
			others := make([][]float32, c.matrices)
			for i := range others {
				others[i] = append([]float32(nil), g.b...)
			}
			b.Run(g.String(), func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					GemmLike(Float32, 1, false, g.transB, m, g.n, g.k, 1, g.a, g.lda, others[i%len(others)], g.ldb, 0, g.c, g.ldc)
				}
				b.ReportMetric(float64(b.N)*4*float64(g.n)*float64(g.k)/1e9/b.Elapsed().Seconds(), "GB/s")
				reportFLOPs(b, m, g.n, g.k)
			})
		}
	}
}
