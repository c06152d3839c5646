package weights

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// made is an entry of testdata/blocks.json.
type made struct{ Blocks, Numbers []byte }

// numbers decodes float32 numbers.
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

// TestBlocks: random blocks decode to llama.cpp's numbers bit for bit, also from a file, starting at any block.
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
			if math.Float32bits(v) != math.Float32bits(x[count+i]) && (name != MXFP4 || v != 0 || x[count+i] != 0) { // ggml has no −0 in MXFP4
				t.Errorf("%s: number %d is %v, want %v", name, i, v, x[count+i])
				break
			}
		}
	}
}

// TestEncodeBlocks: encoded blocks are llama.cpp's bit for bit, and numbers without a valid scale are an error.
func TestEncodeBlocks(t *testing.T) {
	for _, name := range []DType{Q8_0, Q4_0, Q4_1, MXFP4} {
		want := blocksJSON(t)["to "+string(name)]
		x := numbers(want.Numbers)
		var b bytes.Buffer
		if err := Write(&b, x, name); err != nil {
			t.Fatal(err)
		}
		if name == MXFP4 { // ggml has no −0
			Decode(x, bytes.Clone(b.Bytes()), name)
			b.Reset()
			for i, v := range x {
				x[i] = v + 0
			}
			if err := Write(&b, x, name); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(b.Bytes(), want.Blocks) {
			t.Errorf("%s: blocks\n%x\nwant\n%x", name, b.Bytes(), want.Blocks)
		}
		if got := (Tensor{Data: x}).Stored(name); got != int64(b.Len()) {
			t.Errorf("%s: %d bytes, want %d", name, got, b.Len())
		}
		for v, text := range map[float32]string{
			1e8:                   "1e+08 cannot be encoded in " + string(name),
			float32(math.Inf(-1)): "-Inf cannot be encoded in " + string(name),
			float32(math.NaN()):   "NaN cannot be encoded in " + string(name),
		} {
			x[7] = v
			if err := Write(&b, x, name); (name != MXFP4 || v != 1e8) && (err == nil || err.Error() != text) {
				t.Errorf("error %v, want %s", err, text)
			}
		}
		if err := Write(&b, x[:33], name); err == nil || err.Error() != "cannot write 33 numbers as "+string(name) {
			t.Errorf("error %v", err)
		}
	}
	if err := Write(new(bytes.Buffer), make([]float32, 32), Q5_0); err == nil || err.Error() != "cannot write Q5_0, only F32, F16, BF16, Q8_0, Q4_0, Q4_1 and MXFP4" {
		t.Errorf("error %v", err)
	}
}

// TestUnblock: blocks survive a round trip of Unblock and Block.
func TestUnblock(t *testing.T) {
	for name, f := range PackedFormats {
		if name == BF16 {
			continue
		}
		blocks := blocksJSON(t)[string(name)].Blocks
		_, size := name.Block()
		n := len(blocks) / size
		m, err := kernel.NewPacked(f, n, kernel.Group)
		if err != nil {
			t.Fatal(err)
		}
		Unblock(m, 0, blocks[:size])
		Unblock(m, 1, blocks[size:])
		got := make([]byte, len(blocks))
		Block(got[:2*size], m, 0)
		Block(got[2*size:], m, 2)
		if !bytes.Equal(got, blocks) {
			t.Errorf("%s: blocks\n%x\nwant\n%x", name, got, blocks)
		}
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
