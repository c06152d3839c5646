package main

import (
	"encoding/binary"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Neither avo nor Go's assembler knows the instructions of bfloat16 and AMX (golang.org/issue/61079), so they are
// written as bytes, following the Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2. avo has
// no registers to allocate in them, since they use only physical registers. Other instructions, which avo knows,
// access memory.

// The field pp of VEX and EVEX.
const (
	prefixNone = 0
	prefix66   = 1
	prefixF3   = 2
	prefixF2   = 3
)

// evex returns the encoding of EVEX.512.pp.0F38.W0 op /r for three vector registers.
func evex(pp, op byte, dst, vvvv, rm int) []byte {
	inverted := func(register, bit int) byte { return byte(^register>>bit) & 1 }
	return []byte{
		0x62,
		inverted(dst, 3)<<7 | inverted(rm, 4)<<6 | inverted(rm, 3)<<5 | inverted(dst, 4)<<4 | 2, // 0F38
		byte(^vvvv&15)<<3 | 4 | pp,
		2<<5 | inverted(vvvv, 4)<<3, // 512 bits
		op,
		0xC0 | byte(dst&7)<<3 | byte(rm&7),
	}
}

// vex returns the encoding of VEX.128.pp.0F38.W0 op, followed by rest.
func vex(pp, op byte, vvvv int, rest ...byte) []byte {
	return append([]byte{0xC4, 0xE2, byte(^vvvv&15)<<3 | pp, op}, rest...)
}

func modRM(mod, reg, rm int) byte { return byte(mod<<6 | reg<<3 | rm) }

// The numbers of the registers that can be part of a tile's address.
const (
	rax = 0
	rcx = 1
	rdx = 2
	rbx = 3
	rsi = 6
	rdi = 7
)

// The instructions of AMX. Tiles are numbered from 0 to 7; base and stride are general-purpose registers.

func ldtilecfg(base int) []byte { return vex(prefixNone, 0x49, 0, modRM(0, 0, base)) }
func tilerelease() []byte       { return vex(prefixNone, 0x49, 0, 0xC0) }
func tilezero(t int) []byte     { return vex(prefixF2, 0x49, 0, modRM(3, t, 0)) }

func tileloadd(t, base, stride int) []byte {
	return vex(prefixF2, 0x4B, 0, modRM(0, t, 4), byte(stride<<3|base))
}

func tilestored(t, base, stride int) []byte {
	return vex(prefixF3, 0x4B, 0, modRM(0, t, 4), byte(stride<<3|base))
}

// tdpbf16ps adds the products of tiles a and b to tile c.
func tdpbf16ps(c, a, b int) []byte { return vex(prefixF3, 0x5C, b, modRM(3, c, a)) }

// number returns the number of a vector register.
func number(v reg.VecPhysical) int { return int(v.PhysicalIndex()) }

// emit writes an instruction as data.
func emit(code []byte) {
	data := func(name string, v operand.Constant) {
		Instruction(&ir.Instruction{Opcode: name, Operands: []operand.Op{v}})
	}
	for ; len(code) >= 4; code = code[4:] {
		data("LONG", operand.U32(binary.LittleEndian.Uint32(code)))
	}
	if len(code) >= 2 {
		data("WORD", operand.U16(binary.LittleEndian.Uint16(code)))
		code = code[2:]
	}
	if len(code) == 1 {
		data("BYTE", operand.U8(code[0]))
	}
}

// vdpbf16ps adds the products of the pairs of x and y to the lanes of acc.
func vdpbf16ps(x, y, acc reg.VecPhysical) {
	emit(evex(prefixF3, 0x52, number(acc), number(y), number(x)))
}

// vcvtne2ps2bf16 rounds the 16 elements of low and then the 16 of high to dst.
func vcvtne2ps2bf16(low, high, dst reg.VecPhysical) {
	emit(evex(prefixF2, 0x72, number(dst), number(high), number(low)))
}
