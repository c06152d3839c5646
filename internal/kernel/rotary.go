package kernel

import "math"

// Turns describes how pairs of columns of heads are rotated by position (Su et al. 2021, RoFormer, §3.4.2).
type Turns struct {
	Size        int  // columns of a head
	Pairs       int  // pairs that are rotated: columns m and m+Pairs
	Interleaved bool // if set, pairs are the columns 2m and 2m+1 instead
}

// each is the number of cosines, and of sines, of a position.
func (t Turns) each() int {
	if t.Interleaved {
		return 2 * t.Pairs
	}
	return t.Pairs
}

// Table returns the table that Row uses, for the given number of positions: pair m is rotated by frequencies[m]
// radians per position and multiplied by factor.
func (t Turns) Table(positions int, frequencies []float64, factor float64) []float32 {
	table := make([]float32, positions*2*t.each())
	for p := range positions {
		cosines, sines := t.at(table, p)
		for m, f := range frequencies[:t.Pairs] {
			sin, cos := math.Sincos(float64(p) * f)
			c, s := float32(factor*cos), float32(factor*sin)
			if t.Interleaved {
				cosines[2*m], cosines[2*m+1], sines[2*m], sines[2*m+1] = c, c, -s, s
			} else {
				cosines[m], sines[m] = c, s
			}
		}
	}
	return table
}

// at returns the cosines and sines of a position.
func (t Turns) at(table []float32, position int) (cos, sin []float32) {
	n := t.each()
	all := table[position*2*n:][:2*n]
	return all[:n], all[n:]
}

// Row rotates the heads of a row for the given position, or backwards if sign is −1. Columns that do not belong
// to a pair are copied. out may be x.
func (t Turns) Row(out, x, table []float32, position int, sign float32) {
	cos, sin := t.at(table, position)
	turn := active.vec.turnHalves
	if t.Interleaved {
		turn = active.vec.turnNeighbors
	}
	turn(out, x[:len(out)], cos, sin, sign, len(out)/t.Size, t.Size)
	if turned := 2 * t.Pairs; turned < t.Size {
		for at := 0; at < len(out); at += t.Size {
			copy(out[at+turned:at+t.Size], x[at+turned:])
		}
	}
}

func turnHalves(out, x, cos, sin []float32, sign float32, heads, size int) {
	n := len(cos)
	for at := 0; at < heads*size; at += size {
		out, x := out[at:at+size], x[at:at+size]
		for m, c := range cos {
			a, b, s := x[m], x[m+n], sign*sin[m]
			out[m], out[m+n] = float32(a*c)-float32(b*s), float32(b*c)+float32(a*s) // not fused, as in assembly
		}
	}
}

func turnNeighbors(out, x, cos, sin []float32, sign float32, heads, size int) {
	for at := 0; at < heads*size; at += size {
		out, x := out[at:at+size], x[at:at+size]
		for m := 0; m < len(cos); m += 2 {
			a, b := x[m], x[m+1]
			c, d := b*(sin[m]*sign), a*(sin[m+1]*sign)
			out[m], out[m+1] = float32(a*cos[m])+float32(c), float32(b*cos[m+1])+float32(d)
		}
	}
}
