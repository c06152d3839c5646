package weights

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"testing"
)

// made is a part of testdata/blocks.json.
type made struct{ Blocks, Numbers []byte }

// numbers are the float32 of bytes.
func numbers(b []byte) []float32 {
	x := make([]float32, len(b)/4)
	Decode(x, b, F32)
	return x
}

func blocksJSON(t *testing.T) map[string]made {
	t.Helper()
	text, err := os.ReadFile("testdata/blocks.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]made
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestBlocks: the numbers of random blocks are llama.cpp's to the bit, through a file too, from any block on.
func TestBlocks(t *testing.T) {
	all := blocksJSON(t)
	for name := range blocks {
		want, ok := all[string(name)]
		if !ok || !name.Readable() {
			t.Fatalf("%s is not there, or not read", name)
		}
		count, size := name.Block()
		x := numbers(want.Numbers)
		if len(x)/count*size != len(want.Blocks) || name.Width() != 0 {
			t.Fatalf("%s has blocks of %d numbers in %d bytes, width %d", name, count, size, name.Width())
		}
		got := make([]float32, len(x)-count)
		f := NewFile("x", bytes.NewReader(want.Blocks), int64(len(want.Blocks)))
		if err := f.Floats(got, name, int64(size)); err != nil {
			t.Fatal(err)
		}
		for i, v := range got {
			if math.Float32bits(v) != math.Float32bits(x[count+i]) {
				t.Errorf("%s: number %d is %v, want %v", name, i, v, x[count+i])
				break
			}
		}
	}
}

// TestEncodeQ8_0: blocks are llama.cpp's to the bit, and what has no scale is an error.
func TestEncodeQ8_0(t *testing.T) {
	want := blocksJSON(t)["to Q8_0"]
	x := numbers(want.Numbers)
	var b bytes.Buffer
	if err := Write(&b, x, Q8_0); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), want.Blocks) {
		t.Errorf("blocks\n%x\nwant\n%x", b.Bytes(), want.Blocks)
	}
	if got := (Tensor{Data: x}).Stored(Q8_0); got != int64(b.Len()) {
		t.Errorf("%d bytes, want %d", got, b.Len())
	}
	for v, text := range map[float32]string{
		1e7:                   "1e+07 is no number that Q8_0 has a scale for",
		float32(math.Inf(-1)): "+Inf is no number that Q8_0 has a scale for",
		float32(math.NaN()):   "NaN is no number that Q8_0 has a scale for",
	} {
		x[7] = v
		if err := Write(&b, x, Q8_0); err == nil || err.Error() != text {
			t.Errorf("error %v, want %s", err, text)
		}
	}
	if err := Write(&b, x[:33], Q8_0); err == nil || err.Error() != "cannot write 33 numbers as Q8_0" {
		t.Errorf("error %v", err)
	}
	if err := Write(&b, x, Q4_0); err == nil || err.Error() != "cannot write Q4_0, only F32, F16, BF16 and Q8_0" {
		t.Errorf("error %v", err)
	}
}

func BenchmarkDecodeBlocks(b *testing.B) {
	for _, name := range []DType{Q4_0, Q4_1, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, F16} {
		count, size := name.Block()
		x, src := make([]float32, 8192), make([]byte, 8192/count*size)
		b.Run(string(name), func(b *testing.B) {
			b.SetBytes(int64(4 * len(x)))
			for b.Loop() {
				Decode(x, src, name)
			}
		})
	}
}
