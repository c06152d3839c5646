package weights

import (
	"bytes"
	"errors"
	"hash/crc32"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestShapes: the number of elements of a shape, whether it is valid, and how it is printed.
func TestShapes(t *testing.T) {
	for _, c := range []struct {
		shape []int
		size  int
		ok    bool
		text  string
	}{
		{nil, 1, true, "()"}, {[]int{768, 2304}, 768 * 2304, true, "(768, 2304)"}, {[]int{3, 0}, 0, true, "(3, 0)"}, {[]int{-1}, 0, false, "(-1)"},
		{[]int{math.MaxInt}, math.MaxInt, true, "(9223372036854775807)"}, {[]int{math.MaxInt, 2}, 0, false, "(9223372036854775807, 2)"},
		{[]int{1 << 32, 1 << 32}, 0, false, "(4294967296, 4294967296)"},
		{make([]int, 17), 0, true, "(" + strings.Repeat("0, ", 16) + "…)"}, {make([]int, 16), 0, true, "(" + strings.Repeat("0, ", 15) + "0)"},
	} {
		n, ok := SizeOf(c.shape)
		if n != c.size || ok != c.ok || ShapeText(c.shape) != c.text || (Info{Shape: c.shape}).Size() != c.size {
			t.Errorf("%v: %d, %t, %s; want %+v", c.shape, n, ok, ShapeText(c.shape), c)
		}
	}
	for name, want := range map[string]string{
		"wte.weight": "wte.weight", "": `""`, "a\nb": `"a\nb"`, strings.Repeat("x", 100): strings.Repeat("x", 100), strings.Repeat("x", 101): strings.Repeat("x", 100) + "…",
	} {
		if got := Show(name); got != want {
			t.Errorf("%q is shown as %s, want %s", name, got, want)
		}
	}
	for want, err := range map[string]error{
		"w is (2, 3), 6 numbers; the buffer holds 5": CheckRead(Info{"w", F32, []int{2, 3}}, 5),
		"w is I64, want F64, F32, F16 or BF16":       CheckRead(Info{"w", "I64", []int{2, 3}}, 6),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	for _, kind := range []DType{F64, F32, F16, BF16} {
		if err := CheckRead(Info{"w", kind, []int{2, 3}}, 6); err != nil {
			t.Error(err)
		}
	}
}

// TestSums: the checksum of bytes that span several buffers, computed alone and while reading numbers.
func TestSums(t *testing.T) {
	portable(t, func(t *testing.T) {
		numbers := make([]float32, piece/4+5)
		for i := range numbers {
			numbers[i] = float32(i)
		}
		data := append([]byte{7, 7, 7, 7}, Bytes(numbers)...)
		want := crc32.Checksum(data[4:], Castagnoli)
		f := NewFile("f", bytes.NewReader(data), int64(len(data)))
		if f.Name() != "f" || f.Size() != int64(len(data)) {
			t.Errorf("%s of %d bytes", f.Name(), f.Size())
		}
		if sum, err := f.Sum(4, int64(len(data)-4)); err != nil || sum != want {
			t.Errorf("sum %x, %v; want %x", sum, err, want)
		}
		got := make([]float32, len(numbers))
		if sum, err := f.SummedFloats(got, F32, 4); err != nil || sum != want || !slices.Equal(got, numbers) {
			t.Errorf("sum %x, %v; want %x, and the numbers", sum, err, want)
		}
		shrunk := NewFile("f", bytes.NewReader(data[:100]), int64(len(data)))
		if _, err := shrunk.Sum(4, int64(len(data)-4)); err == nil || !strings.HasSuffix(err.Error(), "the file has shrunk") {
			t.Errorf("shrunk: %v", err)
		}
		if _, err := shrunk.SummedFloats(got, F32, 4); err == nil || !strings.HasSuffix(err.Error(), "the file has shrunk") {
			t.Errorf("shrunk: %v", err)
		}
	})
	path := filepath.Join(t.TempDir(), "none")
	if _, err := os.Open(path); Bare(err) != errors.Unwrap(err) || !errors.Is(Bare(err), fs.ErrNotExist) || Bare(fs.ErrClosed) != fs.ErrClosed {
		t.Errorf("bare: %v", Bare(err))
	}
}

// summed is a shard that can be mapped and verified.
type summed struct{ shard }

func (s summed) Map(string) []float32                   { return []float32{float32(s.tensor[0])} }
func (s summed) Verify(string, []float32) (bool, error) { return true, errors.New(s.tensor) }

// TestIndexPasses: an index maps and verifies a tensor through its shard, if the shard can.
func TestIndexPasses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.json")
	if err := os.WriteFile(path, []byte(`{"weight_map": {"a": "a.bin", "b": "b.bin"}}`), 0o666); err != nil {
		t.Fatal(err)
	}
	s, err := OpenIndex(path, func(path string) (Source, error) {
		one, err := openShard(path)
		if filepath.Base(path) == "b.bin" {
			one = summed{one.(shard)}
		}
		return one, err
	})
	if err != nil {
		t.Fatal(err)
	}
	m, v := s.(Mapper), s.(Verifier)
	if got := m.Map("b"); len(got) != 1 || got[0] != 'b' || m.Map("a") != nil || m.Map("none") != nil {
		t.Errorf("b mapped is %v; a and none want nothing", got)
	}
	if ok, err := v.Verify("b", nil); !ok || err == nil || err.Error() != "b" {
		t.Errorf("b: %t, %v", ok, err)
	}
	if ok, err := v.Verify("a", nil); ok || err != nil {
		t.Errorf("a: %t, %v", ok, err)
	}
	if s.Name() != path {
		t.Errorf("its name is %s", s.Name())
	}
}
