package kernel

import (
	"cmp"
	"errors"
	"fmt"
)

// Precision is what the operands of products are rounded to. Whatever it is, products are summed in float32, and their
// results are float32, as is all else.
type Precision uint8

// In bfloat16, the upper half of a float32, numbers have 8 bits of precision and float32's range.
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

// Check returns why products cannot be had in a precision; nil if they can.
func (p Precision) Check() error {
	switch p {
	case Float32:
		return nil
	case BFloat16:
		if settlePairs(); activePairs == nil {
			return fmt.Errorf("products in bf16 want a processor of AMD with AVX512_BF16 or of Intel with AMX-BF16: %w", cmp.Or(noPairs, errOther))
		}
		return nil
	}
	return fmt.Errorf("%v is no precision", p)
}

// ISA names the instruction set that products run on in a precision: those of bfloat16 have "avx512bf16" and "amx"; "" is none.
func (p Precision) ISA() string {
	if p.Check() != nil {
		return ""
	}
	return p.isa().name
}

// isa is the set of kernels. The precision must be one that can be had.
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
