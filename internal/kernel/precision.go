package kernel

import (
	"cmp"
	"errors"
	"fmt"
)

// Precision is the type to which the operands of products are rounded. In every precision, products are summed in
// float32, and their results and everything else are float32.
type Precision uint8

// In bfloat16, the upper half of a float32, numbers have 8 bits of precision and the range of float32.
const (
	Float32 Precision = iota
	BFloat16
)

func (p Precision) String() string {
	switch p {
	case Float32:
		return "float32"
	case BFloat16:
		return "bf16"
	}
	return fmt.Sprintf("Precision(%d)", uint8(p))
}

// Check returns an error that says why products in this precision are not available, or nil if they are.
func (p Precision) Check() error {
	switch p {
	case Float32:
		return nil
	case BFloat16:
		if settlePairs(); activePairs == nil {
			return fmt.Errorf("products in bf16 need an AMD processor with AVX512_BF16 or an Intel processor with AMX-BF16: %w", cmp.Or(noPairs, errOther))
		}
		return nil
	}
	return fmt.Errorf("%v is not a precision", p)
}

// ISA returns the name of the instruction set used for products in this precision, which for bfloat16 is
// "avx512bf16" or "amx", or "" if they are not available.
func (p Precision) ISA() string {
	if p.Check() != nil {
		return ""
	}
	return p.isa().name
}

// isa returns the set of kernels. The precision must be available.
func (p Precision) isa() *isa {
	if p == Float32 {
		return active
	}
	if err := p.Check(); err != nil {
		panic("kernel: " + err.Error())
	}
	return activePairs
}

var errOther = errors.New("the environment variable GORGPT_ISA asks for other instructions")
