package gguf_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/gguf"
	"github.com/gorgpt/gorgpt/checkpoint/internal/sourcetest"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// kinds is the metadata of testdata/kinds.gguf.
var kinds = gguf.Meta{
	{Key: "general.architecture", Value: "toy"},
	{Key: "k.uint8", Value: uint8(200)}, {Key: "k.int8", Value: int8(-100)}, {Key: "k.uint16", Value: uint16(60000)}, {Key: "k.int16", Value: int16(-30000)},
	{Key: "k.uint32", Value: uint32(4000000000)}, {Key: "k.int32", Value: int32(-2000000000)}, {Key: "k.float32", Value: float32(1e-5)}, {Key: "k.bool", Value: true}, {Key: "k.text", Value: "naïve €"},
	{Key: "k.uint64", Value: uint64(1 << 63)}, {Key: "k.int64", Value: int64(-1 << 62)}, {Key: "k.float64", Value: 0.1},
	{Key: "k.texts", Value: []string{"a", "", "bc"}}, {Key: "k.ints", Value: []int32{1, -2, 3}}, {Key: "k.floats", Value: []float32{0.5, -0.25}}, {Key: "k.bools", Value: []bool{true, false}},
}

// numbers returns the numbers of the fixture's tensors before rounding.
func numbers(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i-48) / 7
	}
	return x
}

func plain() []float32 {
	var x []float32
	for row := range 3 {
		x = append(x, numbers(96)[row*32:][:5]...)
	}
	return x
}

// tensors returns the tensors of the fixture.
func tensors() []gguf.Tensor {
	give := func(x []float32) func() []float32 { return func() []float32 { return x } }
	return []gguf.Tensor{
		{Name: "plain", Shape: []int{3, 5}, Type: weights.F32, Data: give(plain())},
		{Name: "half", Shape: []int{32}, Type: weights.F16, Data: give(numbers(32))},
		{Name: "brain", Shape: []int{3, 32}, Type: weights.BF16, Data: give(numbers(96))},
		{Name: "blocks", Shape: []int{3, 32}, Type: weights.Q8_0, Data: give(numbers(96))},
	}
}

func fixture(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/kinds.gguf")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func open(data []byte) (*gguf.File, error) {
	return gguf.New("x.gguf", bytes.NewReader(data), int64(len(data)))
}

// TestRead: metadata of all kinds and tensors that llama.cpp's own package wrote are read.
func TestRead(t *testing.T) {
	f, err := gguf.Open("testdata/kinds.gguf")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !reflect.DeepEqual(f.Meta(), kinds) {
		t.Errorf("metadata\n%v\nwant\n%v", f.Meta(), kinds)
	}
	for i, want := range tensors() {
		info := f.Tensors()[i]
		if info.Name != want.Name || info.Type != want.Type || !reflect.DeepEqual(info.Shape, want.Shape) {
			t.Errorf("tensor %v, want %s %s %v", info, want.Name, want.Type, want.Shape)
		}
		x := make([]float32, info.Size())
		if err := f.Read(info.Name, x); err != nil {
			t.Fatal(err)
		}
		// F16 has 11 significant bits, BF16 has 8, and Q8_0 has 127 steps up to the largest number.
		bound := map[weights.DType]float64{weights.F32: 0, weights.F16: 0x1p-12, weights.BF16: 0x1p-9, weights.Q8_0: 1.0 / 127 / 2}[info.Type]
		for j, v := range want.Data() {
			if e := math.Abs(float64(x[j] - v)); !(e <= bound*7) {
				t.Errorf("%s: number %d is %v, want %v", info.Name, j, x[j], v)
			}
		}
	}
	if x := f.Map("plain"); !sourcetest.SameBits(x, plain()) {
		t.Errorf("mapped %v, want %v", x, plain())
	}
	if f.Map("half") != nil || f.Map("none") != nil {
		t.Error("mapped what needs conversion, or is not there")
	}
	sourcetest.Error(t, f.Read("none", nil), "testdata/kinds.gguf: no tensor none")
	sourcetest.Error(t, f.Read("plain", nil), "testdata/kinds.gguf: plain is (3, 5), 15 numbers; the buffer holds 0")
}

// TestWrite: the bytes are the same that llama.cpp's own package writes.
func TestWrite(t *testing.T) {
	var b bytes.Buffer
	if err := gguf.Write(&b, kinds, tensors()); err != nil {
		t.Fatal(err)
	}
	if want := fixture(t); !bytes.Equal(b.Bytes(), want) {
		t.Errorf("%d bytes, want %d\n%q\nwant\n%q", b.Len(), len(want), b.Bytes(), want)
	}
}

func TestWriteErrors(t *testing.T) {
	give := func() []float32 { return make([]float32, 33) }
	for want, c := range map[string]struct {
		meta   gguf.Meta
		tensor gguf.Tensor
	}{
		"k is int, which metadata cannot hold":                                  {meta: gguf.Meta{{Key: "k", Value: 1}}},
		"k is <nil>, which metadata cannot hold":                                {meta: gguf.Meta{{Key: "k", Value: nil}}},
		"k is [][]string, which metadata cannot hold":                           {meta: gguf.Meta{{Key: "k", Value: [][]string{}}}},
		"k appears twice or is too long":                                        {meta: gguf.Meta{{Key: "k", Value: true}, {Key: "k", Value: true}}},
		"general.alignment is 64, want 32":                                      {meta: gguf.Meta{{Key: "general.alignment", Value: uint32(64)}}},
		"x: a shape of (33) cannot be of type Q8_0":                             {tensor: gguf.Tensor{Shape: []int{33}, Type: weights.Q8_0}},
		"x: a shape of (3, 11) cannot be of type ":                              {tensor: gguf.Tensor{Shape: []int{3, 11}}},
		"x: a shape of (1, 1, 1, 1, 33) cannot be of type F32":                  {tensor: gguf.Tensor{Shape: []int{1, 1, 1, 1, 33}, Type: weights.F32}},
		"x: cannot write Q5_0, only F32, F16, BF16, Q8_0, Q4_0, Q4_1 and MXFP4": {tensor: gguf.Tensor{Shape: []int{32}, Type: weights.Q5_0, Data: func() []float32 { return make([]float32, 32) }}},
		"x: 33 numbers, want (3, 12)":                                           {tensor: gguf.Tensor{Shape: []int{3, 12}, Type: weights.F32}},
	} {
		var all []gguf.Tensor
		if c.tensor.Shape != nil {
			if c.tensor.Name = "x"; c.tensor.Data == nil {
				c.tensor.Data = give
			}
			all = append(all, c.tensor)
		}
		sourcetest.Error(t, gguf.Write(new(bytes.Buffer), c.meta, all), want)
	}
}

// TestMeta: values are returned as the requested type, or as an error that names the actual type.
func TestMeta(t *testing.T) {
	fails := func(err error, want string) {
		t.Helper()
		sourcetest.Error(t, err, want)
	}
	for key, want := range map[string]int{"k.uint8": 200, "k.int16": -30000, "k.uint32": 4000000000, "none": 7} {
		if got, err := kinds.Int(key, 7); got != want || err != nil {
			t.Errorf("%s: %d, %v, want %d", key, got, err, want)
		}
	}
	if v, err := kinds.Float("k.float32", 0); v != 1e-5 || err != nil {
		t.Errorf("%v, %v, want 1e-05", v, err)
	}
	if v, err := kinds.Float("k.float64", 0); v != 0.1 || err != nil {
		t.Errorf("%v, %v, want 0.1", v, err)
	}
	if v, err := kinds.Ints("k.ints"); !reflect.DeepEqual(v, []int{1, -2, 3}) || err != nil {
		t.Errorf("%v, %v", v, err)
	}
	if v, err := kinds.Bool("none", true); !v || err != nil {
		t.Errorf("%v, %v", v, err)
	}
	_, err := kinds.Int("k.uint64", 0)
	fails(err, "k.uint64 is uint64, want a whole number")
	_, err = kinds.Float("k.int8", 0)
	fails(err, "k.int8 is int8, want a floating-point number")
	_, err = kinds.Text("k.texts", "")
	fails(err, "k.texts is an array of string, want a string")
	_, err = kinds.Texts("k.text")
	fails(err, "k.text is string, want an array of strings")
	_, err = kinds.Ints("k.bools")
	fails(err, "k.bools is an array of bool, want an array of 32-bit integers")
}

// builder makes files with errors.
type builder struct{ bytes.Buffer }

func (b *builder) put(values ...any) *builder {
	for _, v := range values {
		if s, ok := v.(string); ok {
			v = append(binary.LittleEndian.AppendUint64(nil, uint64(len(s))), s...)
		}
		if err := binary.Write(b, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
	return b
}

// file begins a file with the given number of tensors and values.
func file(tensors, values uint64) *builder {
	return new(builder).put([]byte("GGUF"), uint32(3), tensors, values)
}

// tensor begins a file with one tensor.
func tensor(name string, number uint32, at uint64, axes ...uint64) *builder {
	return file(1, 0).put(name, uint32(len(axes)), axes, number, at)
}

func TestErrors(t *testing.T) {
	type u32 = uint32
	type u64 = uint64
	room := make([]byte, 200)
	for want, b := range map[string]*builder{
		"not a GGUF file":                                      new(builder).put([]byte("GGML")),
		"offset 8: the file ends too early":                    new(builder).put([]byte("GGUF"), u32(3)),
		"offset 4: GGUF version 4, want 2 or 3":                new(builder).put([]byte("GGUF"), u32(4)),
		"offset 4: a big-endian GGUF file, want little-endian": new(builder).put([]byte("GGUF"), u32(3<<24)),
		"offset 4: GGUF version 1, want 2 or 3; convert the model again with a current llama.cpp":                                                   new(builder).put([]byte("GGUF"), u32(1), room),
		"offset 24: 9223372036854775808 values of metadata, which do not fit in the file":                                                           file(0, 1<<63).put(room),
		"offset 24: 18446744073709551615 tensors, which do not fit in the file":                                                                     file(math.MaxUint64, 0).put(room),
		`k: offset 49: 1152921504606846976 strings, which do not fit in the file`:                                                                   file(0, 1).put("k", u32(9), u32(8), u64(1<<60), room),
		"k: offset 49: 4611686018427387904 numbers, which do not fit in the file":                                                                   file(0, 1).put("k", u32(9), u32(5), u64(1<<62), room),
		"k: offset 45: 1152921504606846976 bytes of a string, which do not fit in the file":                                                         file(0, 1).put("k", u32(8), u64(1<<60), room),
		"k: offset 37: an array of arrays, which is not supported":                                                                                  file(0, 1).put("k", u32(9), u32(9), u64(1), room),
		"k: offset 33: a value of type 13, want 0 to 12":                                                                                            file(0, 1).put("k", u32(13), room),
		"k: offset 38: the key k appears twice":                                                                                                     file(0, 2).put("k", u32(7), true, "k", u32(7), true, room),
		`"": offset 24: a name of 65536 bytes, want at most 65535`:                                                                                  file(0, 1).put(u64(1<<16), make([]byte, 1<<17)),
		"general.alignment is 24, want a power of two, at most 1048576":                                                                             file(0, 1).put("general.alignment", u32(4), u32(24)),
		"general.alignment is bool, want a whole number":                                                                                            file(0, 1).put("general.alignment", u32(7), true),
		"tensor w: offset 24: 5 axes, want at most 4":                                                                                               tensor("w", 0, 0, 1, 1, 1, 1, 1).put(room),
		"tensor w: offset 24: it has type IQ4_XS, which is not supported: want F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K to Q6_K or MXFP4": tensor("w", 23, 0, 256).put(room),
		"tensor w: offset 24: it has type 99, which ggml does not define: want F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K to Q6_K or MXFP4": tensor("w", 99, 0, 256).put(room),
		"tensor w: offset 24: rows of 48 numbers, want whole blocks of 32 for Q4_1":                                                                 tensor("w", 3, 0, 48).put(room),
		"tensor w: offset 24: rows of 1 numbers, want whole blocks of 32 for Q4_1":                                                                  tensor("w", 3, 0).put(room),
		"tensor w: offset 24: an axis of length 9223372036854775808, which is too large":                                                            tensor("w", 0, 0, 1<<63).put(room),
		"tensor w: offset 24: a shape of (4294967296, 4294967296)":                                                                                  tensor("w", 0, 0, 1<<32, 1<<32).put(room),
		"tensor w: offset 24: a shape of (2305843009213693952)":                                                                                     tensor("w", 28, 0, 1<<61).put(room),
		"tensor w is at offset 8 of the data, want a multiple of 32":                                                                                tensor("w", 0, 8, 1).put(room),
		"tensor w is 4 bytes at offset 320 of the data, which has 193: the file is cut short, or broken":                                            tensor("w", 0, 320, 1).put(room),
		"tensor w is 4 bytes at offset 18446744073709551584 of the data, which has 193: the file is cut short, or broken":                           tensor("w", 0, math.MaxUint64-31, 1).put(room),
		"tensor w appears twice": file(2, 0).put("w", u32(0), u32(0), u64(0), "w", u32(0), u32(0), u64(32), room),
		"tensor v has 64 bytes before w begins, want 18 for Q4_0: its type or an offset is wrong": file(2, 0).put("v", u32(1), u64(32), u32(2), u64(0), "w", u32(0), u32(0), u64(64), room),
		"tensors v and w overlap": file(2, 0).put("v", u32(1), u64(9), u32(0), u64(0), "w", u32(0), u32(0), u64(32), room),
	} {
		_, err := open(b.Bytes())
		sourcetest.Error(t, err, "x.gguf: "+want)
	}
	whole := fixture(t)
	for n := range whole {
		if _, err := open(whole[:n]); err == nil && n < len(whole)-31 {
			t.Fatalf("%d of %d bytes are a file", n, len(whole))
		} else if err != nil {
			sourcetest.OneLine(t, err)
		}
	}
}

// TestAlignment: data begins where general.alignment says, and the file may end with the last number.
func TestAlignment(t *testing.T) {
	for _, align := range []uint32{1, 8, 64} {
		b := file(2, 1).put("general.alignment", uint32(4), align)
		second := (uint64(8) + uint64(align) - 1) / uint64(align) * uint64(align)
		b.put("v", uint32(1), uint64(2), uint32(0), uint64(0), "w", uint32(1), uint64(1), uint32(0), second)
		for b.Len()%int(align) != 0 {
			b.WriteByte(0xff)
		}
		data := b.Len()
		b.put(float32(1), float32(2))
		for b.Len() < data+int(second) {
			b.WriteByte(0xff)
		}
		b.put(float32(3))
		path := filepath.Join(t.TempDir(), "x.gguf")
		if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		f, err := gguf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for name, want := range map[string][]float32{"v": {1, 2}, "w": {3}} {
			got := make([]float32, len(want))
			if err := f.Read(name, got); err != nil || !sourcetest.SameBits(got, want) {
				t.Errorf("alignment %d: %s is %v, %v, want %v", align, name, got, err, want)
			}
			if mapped := f.Map(name); mapped == nil && align > 1 || mapped != nil && !sourcetest.SameBits(mapped, want) {
				t.Errorf("alignment %d: %s is mapped as %v, want %v", align, name, mapped, want)
			}
		}
	}
}

// FuzzFile: a file is either rejected with a one-line error, or holds no more than it has room for
// and survives a round trip.
func FuzzFile(f *testing.F) {
	f.Add(fixture(f))
	f.Add(tensor("w", 3, 0, 32, 2).put(make([]byte, 100)).Bytes())
	f.Add(tensor("w", 14, 0, 256).put(make([]byte, 300)).Bytes())
	f.Add(file(0, 2).put("k", uint32(9), uint32(8), uint64(2), "a", "b", "general.alignment", uint32(4), uint32(64)).Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := open(data)
		if err != nil {
			sourcetest.OneLine(t, err)
			return
		}
		sourcetest.ReadAll(t, file, len(data))
		if file.Meta().Get("general.alignment") != nil {
			return
		}
		var b bytes.Buffer
		if err := gguf.Write(&b, file.Meta(), nil); err != nil {
			t.Fatal(err)
		}
		again, err := open(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if want, got := text(file.Meta()), text(again.Meta()); got != want {
			t.Errorf("read again:\n%s\nwant\n%s", got, want)
		}
	})
}

// text prints metadata so that it can be compared even if it has NaNs.
func text(meta gguf.Meta) string {
	var b strings.Builder
	for _, v := range meta {
		b.WriteString(v.Key)
		b.WriteString(reflect.TypeOf(v.Value).String())
		if err := binary.Write(&b, binary.LittleEndian, v.Value); err != nil { // strings
			b.WriteString(strings.Join(append([]string{""}, texts(v.Value)...), "\x00"))
		}
	}
	return b.String()
}

func texts(v any) []string {
	if s, ok := v.(string); ok {
		return []string{s}
	}
	return v.([]string)
}
