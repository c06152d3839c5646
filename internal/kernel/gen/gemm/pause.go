package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/reg"
)

// pause writes the function that hints to the processor that it is in a spin loop.
func pause() {
	TEXT("pause", NOSPLIT, "func()")
	Doc("pause tells the processor that the caller waits in a loop.")
	PAUSE()
	RET()
}

// cpuid writes the function that executes CPUID.
func cpuid() {
	TEXT("cpuid", NOSPLIT, "func(leaf, sub uint32) (a, b, c, d uint32)")
	Doc("cpuid asks the processor what it is.")
	Load(Param("leaf"), reg.EAX)
	Load(Param("sub"), reg.ECX)
	CPUID()
	for i, r := range []reg.Register{reg.EAX, reg.EBX, reg.ECX, reg.EDX} {
		Store(r, ReturnIndex(i))
	}
	RET()
}
