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

// The precisions. Numbers in bfloat16, the upper half of a float32, have 8 bits of precision and the range of
// float32.
const (
	Float32  = kernel.Float32
	BFloat16 = kernel.BFloat16
)

// Precisions lists the names that [ParsePrecision] accepts.
var Precisions = []string{"float32", "bf16", "auto"}

// ParsePrecision returns the precision of a name, if this machine has it: "float32", "bf16", or "auto", which
// means bf16 if the processor supports it, and float32 otherwise, or if plain Go was requested.
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
	return Float32, fmt.Errorf("unknown precision %q; want one of %s", name, strings.Join(Precisions, ", "))
}

// Compute sets the precision of products: those of linear layers, of attention and of the head, in the forward
// run and in the gradient. Operands are rounded as they are loaded into registers. Sums are in float32, and
// weights, results, gradients and everything else stay float32. With patterns, as in [Recompute], it applies to
// scopes that match one: Compute(BFloat16) followed by Compute(Float32, "lm_head") keeps the head in float32.
// Products of Gorgonia's own operations are always in float32.
//
// A run has the same bits for any number of processors, but they differ from those of float32, and between
// AMD's instructions (AVX512_BF16) and Intel's (AMX). A graph does not compile on a machine that has neither;
// with GORGPT_ISA=generic it compiles everywhere, in plain Go, for tests.
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

// Instructions names the instruction sets that the kernels use for graphs with the given options, such as
// "avx512, avx512bf16". With other instruction sets, the same run has other bits.
func Instructions(options ...Option) string {
	names := []string{kernel.ISA()}
	for _, c := range New(NewParams(0), options...).computing {
		if name := c.precision.ISA(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// computing is one call of Compute.
type computing struct {
	precision Precision
	patterns  [][]string // none means everywhere
}

// InFloat32 returns this scope with products in float32 whatever [Compute] says, for decisions that rounding
// could change, such as those of a router among experts (Fedus et al. 2021, "Switch Transformers", §2.4).
func (s *Scope) InFloat32() *Scope {
	exact := *s
	exact.exact = true
	return &exact
}

// Precision returns the precision of products in this scope; see [Compute].
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

// checkComputing returns an error if a pattern of Compute matches no scope that has any of our ops.
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

// Precision returns the precision of products in the op's scope, which [Args.Gemm] uses.
func (a *Args) Precision() Precision { return a.op.precision }
