package graph

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/internal/kernel"
	"github.com/gorgpt/gorgpt/internal/scopepath"
)

// Precision is what the operands of products are rounded to; see [Compute].
type Precision = kernel.Precision

// The precisions. In bfloat16, the upper half of a float32, numbers have 8 bits of precision and float32's range.
const (
	Float32  = kernel.Float32
	BFloat16 = kernel.BFloat16
)

// Precisions are the names that [ParsePrecision] takes.
var Precisions = []string{"float32", "bf16", "auto"}

// ParsePrecision returns the precision of a name, if this machine has it: "float32", "bf16", or "auto", which stands for
// bf16 where the processor has it and for float32 elsewhere, also where plain Go was asked for it.
func ParsePrecision(name string) (Precision, error) {
	switch name {
	case "float32":
		return Float32, nil
	case "auto":
		if BFloat16.Check() != nil || BFloat16.ISA() == "generic" {
			return Float32, nil
		}
		return BFloat16, nil
	case "bf16":
		return BFloat16, BFloat16.Check()
	}
	return Float32, fmt.Errorf("no precision is called %q; want %s", name, strings.Join(Precisions, ", "))
}

// Compute sets the precision of products: those of linear layers, of attention and of the head, forward and for the gradient.
// Their operands are rounded on the way into the processor's registers; they are summed in float32, and weights, results,
// gradients and everything else stay float32. With patterns, as [Recompute] has them, it holds for scopes that match one:
// Compute(BFloat16) and then Compute(Float32, "lm_head") leaves the head as it is. Products of Gorgonia's own operations are
// always of float32.
//
// The same run has the same bits for any number of processors, but others than float32's, and others on AMD's
// instructions (AVX512_BF16) than on Intel's (AMX). A graph does not compile if this machine has neither.
func Compute(p Precision, patterns ...string) Option {
	return func(b *builder) {
		if err := p.Check(); err != nil && b.err == nil {
			b.err = fmt.Errorf("graph: Compute: %w", err)
			return
		}
		c := computing{precision: p}
		for _, pattern := range patterns {
			c.patterns = append(c.patterns, strings.Split(pattern, "."))
		}
		b.computing = append(b.computing, c)
	}
}

// Instructions names the instruction sets that the kernels of graphs with some options run on, such as "avx512, avx512bf16": with others, the same
// run has other bits.
func Instructions(options ...Option) string {
	names := []string{kernel.ISA()}
	for _, c := range New(NewParams(0), options...).computing {
		if name := c.precision.ISA(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// computing is one use of Compute.
type computing struct {
	precision Precision
	patterns  [][]string // none stands for everywhere
}

// InFloat32 is this scope as a place whose products are of float32 whatever [Compute] says, as choices want them that a
// rounding would change: those of a router among experts (Fedus et al. 2021, "Switch Transformers", §2.4).
func (s *Scope) InFloat32() *Scope {
	exact := *s
	exact.exact = true
	return &exact
}

// Precision is that of products in this scope; see [Compute].
func (s *Scope) Precision() Precision {
	if s.exact {
		return Float32
	}
	precision := Float32
	names := strings.Split(s.path, ".")
	for _, c := range s.computing {
		holds := len(c.patterns) == 0
		for _, pattern := range c.patterns {
			holds = holds || scopepath.Inside(pattern, names)
		}
		if holds {
			precision = c.precision
		}
	}
	return precision
}

// checkComputing fails if a pattern of Compute matches no scope that has ops of ours.
func (b *builder) checkComputing() error {
	for _, c := range b.computing {
		for _, pattern := range c.patterns {
			if !b.hasOps(pattern) {
				return fmt.Errorf("graph: Compute(%v, %s): no scope matches", c.precision, strings.Join(pattern, "."))
			}
		}
	}
	return nil
}

// Precision is that of the products of the op's scope; [Args.Gemm] has it.
func (a *Args) Precision() Precision { return a.op.precision }
