package kernel

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// allCodes holds all 256 bytes, 16 blocks, with one scale.
func allCodes(scale byte) (blocks, scales []byte) {
	for b := range 256 {
		blocks = append(blocks, byte(b))
	}
	return blocks, slices.Repeat([]byte{scale}, 16)
}

// TestDecodeMXFP4: all bytes with all scales are decoded bit for bit as by transformers.
func TestDecodeMXFP4(t *testing.T) {
	b, err := os.ReadFile("testdata/mxfp4.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Sums  []string
		First []float32
	}
	if err := json.Unmarshal(b, &golden); err != nil || len(golden.Sums) != MXFP4NaN {
		t.Fatal(len(golden.Sums), err)
	}
	x := make([]float32, 512)
	for s, want := range golden.Sums {
		blocks, scales := allCodes(byte(s))
		DecodeMXFP4(x, blocks, scales)
		var raw []byte
		for _, v := range x {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
		}
		if got := fmt.Sprintf("%08x", crc32.ChecksumIEEE(raw)); got != want {
			t.Errorf("scale %d: CRC %s, want %s", s, got, want)
		}
		if s == 127 && !slices.Equal(x[:8], golden.First) {
			t.Errorf("%v, want %v", x[:8], golden.First)
		}
	}
	blocks, scales := allCodes(MXFP4NaN)
	DecodeMXFP4(x, blocks, scales)
	if i := slices.IndexFunc(x, func(v float32) bool { return v == v }); i >= 0 {
		t.Errorf("scale 255 gives %v, want NaN", x[i])
	}
}

// TestEncodeMXFP4: each number gets the nearest code that the block's scale allows, and decoded numbers are
// encoded without change.
func TestEncodeMXFP4(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	x, y, z := make([]float32, 512), make([]float32, 512), make([]float32, 512)
	blocks, scales := make([]byte, 256), make([]byte, 16)
	blocks2, scales2 := make([]byte, 256), make([]byte, 16)
	for round := range 2000 {
		for i := range x {
			x[i] = float32(rng.NormFloat64() * math.Ldexp(1, round%240-120))
		}
		EncodeMXFP4(blocks, scales, x)
		DecodeMXFP4(y, blocks, scales)
		EncodeMXFP4(blocks2, scales2, y)
		DecodeMXFP4(z, blocks2, scales2)
		if !bytes.Equal(blocks, blocks2) || !bytes.Equal(scales, scales2) || !slices.Equal(y, z) {
			t.Fatalf("round %d: encoding again gives other bytes", round)
		}
		for i, v := range x {
			scale := math.Ldexp(1, int(scales[i/MXFP4Block])-127)
			best := math.Inf(1)
			for _, code := range e2m1 {
				best = min(best, math.Abs(float64(v)-float64(code)*scale))
			}
			if got := math.Abs(float64(v) - float64(y[i])); got != best {
				t.Fatalf("%v became %v at scale %v, an error of %v; the best is %v", v, y[i], scale, got, best)
			}
		}
	}
	for s := range 253 { // above, numbers may be infinite
		blocks, scales := allCodes(byte(s))
		DecodeMXFP4(x, blocks, scales)
		EncodeMXFP4(blocks2, scales2, x)
		DecodeMXFP4(y, blocks2, scales2)
		for i := range x {
			if math.Float32bits(x[i]) != math.Float32bits(y[i]) {
				t.Fatalf("scale %d: %v comes back as %v", s, x[i], y[i])
			}
		}
	}
	for v, want := range map[float32]float32{0.25: 0, 0.75: 1, 1.25: 1, 1.75: 2, 2.5: 2, 3.5: 4, 5: 4, 5.1: 6, 7.9: 6, -2.6: -3} {
		x := make([]float32, MXFP4Block)
		x[0], x[1] = v, 4 // scale 1
		EncodeMXFP4(blocks, scales, x)
		if DecodeMXFP4(y[:MXFP4Block], blocks, scales); y[0] != want {
			t.Errorf("%v became %v, want %v", v, y[0], want)
		}
	}
	x[3] = float32(math.Inf(1))
	if EncodeMXFP4(blocks, scales, x[:MXFP4Block]); scales[0] != MXFP4NaN {
		t.Errorf("an infinity has scale %d", scales[0])
	}
}

func TestFiniteMXFP4(t *testing.T) {
	for s := range 256 {
		blocks, scales := allCodes(byte(s))
		x := make([]float32, 512)
		DecodeMXFP4(x, blocks, scales)
		want := slices.IndexFunc(x, func(v float32) bool { return v-v != 0 })
		if got := FiniteMXFP4(blocks, scales); got != want {
			t.Errorf("scale %d: %d, want %d", s, got, want)
		}
	}
}

func BenchmarkDecodeMXFP4(b *testing.B) {
	x := make([]float32, 2880*32)
	blocks, scales := make([]byte, len(x)/2), make([]byte, len(x)/MXFP4Block)
	for i := range blocks {
		blocks[i] = byte(i * 7)
	}
	b.SetBytes(int64(len(x) / 2))
	for b.Loop() {
		DecodeMXFP4(x, blocks, scales)
	}
}
