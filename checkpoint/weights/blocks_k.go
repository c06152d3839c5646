package weights

// The types called K have super-blocks of 256 numbers: blocks of 16 or 32, whose scales are whole numbers of few
// bits, with scales of their own.

// decodeQ2_K: 16 bytes, each a block's scale and, above, its offset; 64 bytes of four numbers; the scales of the
// scales and of the offsets.
func decodeQ2_K(dst []float32, src []byte) {
	scales, q := src[:16], src[16:80]
	d, m := half(src[80:]), half(src[82:])
	for b, s := range scales { // blocks of 16 numbers
		scale, offset := d*float32(s&15), m*float32(s>>4)
		from, shift := q[b/8*32+b%2*16:][:16], b/2%4*2
		to := dst[b*16:][:16]
		for i, v := range from {
			to[i] = float32(scale*float32(v>>shift&3)) - offset
		}
	}
}

// decodeQ3_K: 32 bytes of third bits; 64 bytes as of Q2_K; 12 bytes of 16 scales of 6 bits; their scale. A third bit
// that is not set takes 4 away.
func decodeQ3_K(dst []float32, src []byte) {
	third, q, packed, d := src[:32], src[32:96], src[96:108], half(src[108:])
	for b := range 16 {
		s := packed[b%8] >> (b / 8 * 4) & 15
		s |= packed[8+b%4] >> (b / 4 * 2) & 3 << 4
		scale := d * float32(int(s)-32)
		from, shift := q[b/8*32+b%2*16:][:16], b/2%4*2
		high, bit := third[b%2*16:][:16], b/2
		to := dst[b*16:][:16]
		for i, v := range from {
			to[i] = scale * float32(int(v>>shift&3)+int(high[i]>>bit&1)*4-4)
		}
	}
}

// scaleOf is the b-th scale of Q4_K's and Q5_K's 12 bytes, and the offset, of 6 bits each: of the first four they
// are bytes, whose upper bits are those of the last four.
func scaleOf(b int, packed []byte) (scale, offset float32) {
	if b < 4 {
		return float32(packed[b] & 63), float32(packed[b+4] & 63)
	}
	return float32(packed[b+4]&15 | packed[b-4]>>6<<4), float32(packed[b+4]>>4 | packed[b]>>6<<4)
}

// decodeQ4_K: the scales of the scales and of the offsets; 12 bytes of eight of them; 128 bytes, each of two numbers
// 32 apart.
func decodeQ4_K(dst []float32, src []byte) {
	d, m, packed, q := half(src), half(src[2:]), src[4:16], src[16:144]
	for b := range 8 { // blocks of 32 numbers
		scale, offset := scaleOf(b, packed)
		scale, offset = d*scale, m*offset
		from, shift, to := q[b/2*32:][:32], b%2*4, dst[b*32:][:32]
		for i, v := range from {
			to[i] = float32(scale*float32(v>>shift&15)) - offset
		}
	}
}

// decodeQ5_K: as Q4_K, with 32 bytes of fifth bits before the last part, of the b-th block in bit b.
func decodeQ5_K(dst []float32, src []byte) {
	d, m, packed, fifth, q := half(src), half(src[2:]), src[4:16], src[16:48], src[48:176]
	for b := range 8 {
		scale, offset := scaleOf(b, packed)
		scale, offset = d*scale, m*offset
		from, shift, to := q[b/2*32:][:32], b%2*4, dst[b*32:][:32]
		for i, v := range from {
			to[i] = float32(scale*float32(v>>shift&15|fifth[i]>>b&1<<4)) - offset
		}
	}
}

// decodeQ6_K: 128 bytes of the lower four bits, 64 of the upper two, 16 scales with a sign, their scale; 32 stands for
// 0.
func decodeQ6_K(dst []float32, src []byte) {
	low, high, scales, d := src[:128], src[128:192], src[192:208], half(src[208:])
	for b, s := range scales { // blocks of 16 numbers
		scale := d * float32(int8(s))
		side, part, at := b/8, b/2%4, b%2*16
		l, lowShift := low[side*64+part%2*32+at:][:16], part/2*4
		h, highShift := high[side*32+at:][:16], part*2
		to := dst[b*16:][:16]
		for i, v := range l {
			to[i] = scale * float32(int(v>>lowShift&15|h[i]>>highShift&3<<4)-32)
		}
	}
}
