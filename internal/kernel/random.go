package kernel

import "math/rand/v2"

// normalChunk is the number of values that one generator draws. It fixes how the work can be spread without
// changing the values.
const normalChunk = 1 << 14

// Normal fills data with numbers from N(mean, deviation²). They depend only on seed and stream.
func Normal(data []float32, seed, stream uint64, mean, deviation float32) {
	normalParts(len(data), func(c, lo, hi int) { normalPart(data[lo:hi], c, seed, stream, mean, deviation) })
}

// NormalParts is Normal for n numbers that are passed to f part by part, in any order and several at once, with
// the index of the first number in each part.
func NormalParts(n int, seed, stream uint64, mean, deviation float32, f func(part []float32, at int)) {
	normalParts(n, func(c, lo, hi int) {
		part := make([]float32, hi-lo)
		normalPart(part, c, seed, stream, mean, deviation)
		f(part, lo)
	})
}

// normalParts calls f for each generator c, with the range of the numbers that it draws.
func normalParts(n int, f func(c, lo, hi int)) {
	For((n+normalChunk-1)/normalChunk, 1, func(lo, hi int) {
		for c := lo; c < hi; c++ {
			f(c, c*normalChunk, min((c+1)*normalChunk, n))
		}
	})
}

func normalPart(part []float32, c int, seed, stream uint64, mean, deviation float32) {
	random := rand.New(rand.NewPCG(seed, mix(stream)+uint64(c)))
	for i := range part {
		part[i] = mean + deviation*float32(random.NormFloat64())
	}
}

// mix is the finalizer of splitmix64 (Steele, Lea and Flood 2014): a bijection in which every input bit changes
// half of the output bits.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Mask is a dropout mask that is computed, not stored: element i is kept or dropped
// by a function of seed, step, stream and i. The zero Mask keeps everything.
type Mask struct {
	key       uint64
	threshold uint32 // an element is dropped if its 32 random bits are below this
	scale     float32
}

// NewMask returns the mask that drops with probability rate (below 1) and scales
// what it keeps by 1/(1-rate).
func NewMask(rate float64, seed, step, stream uint64) Mask {
	if rate <= 0 {
		return Mask{}
	}
	return Mask{
		key:       mix(mix(seed^mix(step)) ^ stream),
		threshold: uint32(rate * (1 << 32)),
		scale:     float32(1 / (1 - rate)),
	}
}

// On reports whether the mask drops anything.
func (m Mask) On() bool { return m.threshold != 0 }

// At is the factor for element i: 0 or the scale.
func (m Mask) At(i uint64) float32 {
	if m.threshold == 0 {
		return 1
	}
	if uint32(mix(m.key^i)>>32) < m.threshold {
		return 0
	}
	return m.scale
}

// Apply sets out[i] = x[i]·mask(i). out may be x.
func (m Mask) Apply(out, x []float32) {
	if !m.On() {
		copy(out, x)
		return
	}
	call{out: out[:len(x)], x: x, mask: m}.split(len(x), exponentialGrain, func(c *call, lo, hi int) {
		c.mask.row(c.out[lo:hi], c.x[lo:hi], uint64(lo))
	})
}

// Row sets out[i] = x[i]·mask(first+i). out may be x.
func (m Mask) Row(out, x []float32, first uint64) {
	if m.On() {
		m.row(out, x, first)
	} else {
		copy(out, x)
	}
}

// row sets out[i] = x[i]·mask(first+i) for a mask that is on. out may be x.
func (m Mask) row(out, x []float32, first uint64) {
	active.vec.dropout(out[:len(x)], x, m.key, uint64(m.threshold)<<32, m.scale, first)
}

func dropout(out, x []float32, key, limit uint64, factor float32, first uint64) {
	for i, v := range x {
		f := factor
		if mix(key^(first+uint64(i))) < limit {
			f = 0
		}
		out[i] = v * f
	}
}

// Uniform is element i of a stream of numbers in [0, 1) that are computed like those of a [Mask].
func Uniform(seed, step, stream, i uint64) float32 {
	return float32(mix(mix(mix(seed^mix(step))^stream)^i)>>40) / (1 << 24)
}
