package main

import (
	"fmt"
	"maps"
	"math"
	"slices"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// tables holds the constants in use by name, as 32-bit words.
var tables = map[string][]uint32{}

// table returns the address of constants, and records them for data.
func table(name string, words ...uint32) Mem {
	tables[name] = words
	return NewDataAddr(Symbol{Name: name, Static: true}, 0)
}

// word returns the address of one 32-bit word, repeated for AVX2.
func word(bits uint32) Mem {
	return table(fmt.Sprintf("word%08x", bits), slices.Repeat([]uint32{bits}, avx2.lanes)...)
}

// number returns the address of a float32, repeated.
func number(c constant) Mem { return word(math.Float32bits(float32(c))) }

// quad returns the address of one 64-bit number, repeated.
func quad(v uint64) Mem {
	return table(fmt.Sprintf("quad%016x", v), slices.Repeat([]uint32{uint32(v), uint32(v >> 32)}, avx2.lanes/2)...)
}

// quads returns the address of several 64-bit numbers.
func quads(name string, v ...uint64) Mem {
	var words []uint32
	for _, x := range v {
		words = append(words, uint32(x), uint32(x>>32))
	}
	return table(name, words...)
}

// firstLanes returns an address such that the mask that begins 4·count bytes before it has its first count lanes
// set. It is used for AVX2.
func firstLanes() Mem {
	set, unset := slices.Repeat([]uint32{math.MaxUint32}, avx2.lanes), make([]uint32, avx2.lanes)
	return table("lanes", append(set, unset...)...).Offset(4 * avx2.lanes)
}

// data writes the tables.
func data() {
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		GLOBL(name, RODATA|NOPTR)
		for i, bits := range tables[name] {
			DATA(4*i, U32(bits))
		}
	}
}
