package main

import (
	"bytes"
	"testing"
)

// TestEncodings compares the bytes with those of GNU as 2.40 and of LLVM's llvm-mc 14, which agree: "echo
// 'vdpbf16ps …' | as | objdump -d".
func TestEncodings(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want []byte
	}{
		{"vdpbf16ps %zmm17, %zmm9, %zmm26", evex(prefixF3, 0x52, 26, 9, 17), []byte{0x62, 0x22, 0x36, 0x48, 0x52, 0xd1}},
		{"vdpbf16ps %zmm0, %zmm2, %zmm4", evex(prefixF3, 0x52, 4, 2, 0), []byte{0x62, 0xf2, 0x6e, 0x48, 0x52, 0xe0}},
		{"vcvtne2ps2bf16 %zmm0, %zmm1, %zmm2", evex(prefixF2, 0x72, 2, 1, 0), []byte{0x62, 0xf2, 0x77, 0x48, 0x72, 0xd0}},
		{"vpdpbusd %zmm0, %zmm2, %zmm4", evex(prefix66, 0x50, 4, 2, 0), []byte{0x62, 0xf2, 0x6d, 0x48, 0x50, 0xe0}},
		{"vcvtneps2bf16 %zmm3, %ymm5", evex(prefixF3, 0x72, 5, 0, 3), []byte{0x62, 0xf2, 0x7e, 0x48, 0x72, 0xeb}},
		{"ldtilecfg (%rax)", ldtilecfg(rax), []byte{0xc4, 0xe2, 0x78, 0x49, 0x00}},
		{"tilerelease", tilerelease(), []byte{0xc4, 0xe2, 0x78, 0x49, 0xc0}},
		{"tilezero %tmm3", tilezero(3), []byte{0xc4, 0xe2, 0x7b, 0x49, 0xd8}},
		{"tileloadd (%rdi,%rsi), %tmm0", tileloadd(0, rdi, rsi), []byte{0xc4, 0xe2, 0x7b, 0x4b, 0x04, 0x37}},
		{"tileloadd (%rax,%rcx), %tmm1", tileloadd(1, rax, rcx), []byte{0xc4, 0xe2, 0x7b, 0x4b, 0x0c, 0x08}},
		{"tileloadd (%rdx,%rbx), %tmm2", tileloadd(2, rdx, rbx), []byte{0xc4, 0xe2, 0x7b, 0x4b, 0x14, 0x1a}},
		{"tilestored %tmm0, (%rdi,%rsi)", tilestored(0, rdi, rsi), []byte{0xc4, 0xe2, 0x7a, 0x4b, 0x04, 0x37}},
		{"tdpbf16ps %tmm2, %tmm1, %tmm0", tdpbf16ps(0, 1, 2), []byte{0xc4, 0xe2, 0x6a, 0x5c, 0xc1}},
	} {
		if !bytes.Equal(c.got, c.want) {
			t.Errorf("%s: % x, want % x", c.name, c.got, c.want)
		}
	}
}
