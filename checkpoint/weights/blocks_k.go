package weights

// The K types have super-blocks of 256 numbers. They consist of blocks of 16 or 32, whose scales are integers
// of a few bits, which have scales themselves.

// decodeQ2_K decodes 16 bytes, each with a block's scale in its lower half and its offset in its upper half;
// 64 bytes of four numbers each; the scale of the scales and that of the offsets.
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

// decodeQ3_K decodes 32 bytes of third bits; 64 bytes as in Q2_K; 12 bytes of 16 scales of 6 bits; the scale
// of the scales. A third bit that is not set subtracts 4.
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

// scaleOf returns the b-th scale and the b-th offset, of 6 bits each, from the 12 bytes of Q4_K and Q5_K. The
// first four of either are each in one byte, whose upper two bits belong to the last four.
func scaleOf(b int, packed []byte) (scale, offset float32) {
	if b < 4 {
		return float32(packed[b] & 63), float32(packed[b+4] & 63)
	}
	return float32(packed[b+4]&15 | packed[b-4]>>6<<4), float32(packed[b+4]>>4 | packed[b]>>6<<4)
}

// decodeQ4_K decodes the scale of the scales and that of the offsets; 12 bytes of eight scales and offsets;
// 128 bytes, each with two numbers that are 32 apart.
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

// decodeQ5_K decodes the parts of Q4_K, with 32 bytes of fifth bits before the last: bit b is for the b-th
// block.
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

// decodeQ6_K decodes 128 bytes of the lower four bits, 64 of the upper two, 16 signed scales, and their
// scale. 32 stands for 0.
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
