package safetensors

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gorgpt/gorgpt/checkpoint/internal/sourcetest"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// samples returns tensors with all kinds of awkward numbers and shapes.
func samples() []weights.Tensor {
	odd := []float32{0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)),
		math.SmallestNonzeroFloat32, math.MaxFloat32, math.Float32frombits(0x7fc00123), math.Float32frombits(0xff800001)}
	long := make([]float32, 40_001) // more than one conversion buffer holds
	for i := range long {
		long[i] = float32(i) * 0.37
	}
	return []weights.Tensor{
		{Name: "z", Shape: []int{2, 4}, Data: odd},
		{Name: "a<b>&\"é\"", Shape: []int{1, 1, 3}, Data: []float32{1, 2, 3}},
		{Name: "scalar", Data: []float32{3.5}},
		{Name: "empty", Shape: []int{0, 4}},
		{Name: "long", Shape: []int{40_001}, Data: long},
	}
}

func TestTensorsRoundTrip(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, map[string]string{"format": "pt"}, weights.F32, samples()); err != nil {
		t.Fatal(err)
	}
	if n := binary.LittleEndian.Uint64(b.Bytes()); n%8 != 0 {
		t.Errorf("header of %d bytes, want a multiple of 8", n)
	}
	f, err := New("x", bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Metadata()["format"]; got != "pt" {
		t.Errorf("metadata format %q, want pt", got)
	}
	if got, want := len(f.Tensors()), len(samples()); got != want {
		t.Errorf("%d tensors, want %d", got, want)
	}
	for _, want := range samples() {
		info, ok := f.Lookup(want.Name)
		if !ok || info.Type != weights.F32 || !slices.Equal(info.Shape, want.Shape) {
			t.Errorf("%s: %+v, want F32 %v", want.Name, info, want.Shape)
		}
		got := make([]float32, info.Size())
		if err := f.Read(want.Name, got); err != nil {
			t.Error(err)
		}
		if !sourcetest.SameBits(got, want.Data) {
			t.Errorf("%s: values differ", want.Name)
		}
	}
}

// TestReadTorch reads testdata/torch.safetensors, which the reference library wrote by
// testdata/make_fixtures.py with the same values.
func TestReadTorch(t *testing.T) {
	inf := float32(math.Inf(1))
	want := map[string][]float32{
		"wte.weight":    {0, 1. / 3, 2. / 3, 1, 4. / 3, 5. / 3},
		"h.0.ln_1.bias": {float32(math.Copysign(0, -1)), inf, float32(math.NaN())},
		"scalar":        {3.5},
		"empty":         {},
		"half":          {0.0999755859, -2, 0x1p-24, 0x1p-14, 65504, -inf},
		"brain":         {0.100097656, -2, 9.18354962e-41, 3.00405527e+38},
	}
	f, err := Open("testdata/torch.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if len(f.Tensors()) != len(want)+2 { // and two of unsupported types
		t.Errorf("%d tensors, want %d", len(f.Tensors()), len(want)+2)
	}
	for name, want := range want {
		got := make([]float32, len(want))
		if err := f.Read(name, got); err != nil {
			t.Error(err)
			continue
		}
		for i := range want {
			if math.Float32bits(got[i]) != math.Float32bits(want[i]) && !(got[i] != got[i] && want[i] != want[i]) {
				t.Errorf("%s[%d] = %v, want %v", name, i, got[i], want[i])
			}
		}
	}
	mask, ok := f.Lookup("h.0.attn.bias")
	if !ok || mask.Type != "U8" || !slices.Equal(mask.Shape, []int{1, 1, 3, 3}) {
		t.Errorf("mask: %+v, want U8 (1, 1, 3, 3)", mask)
	}
}

// TestWriteLikeTorch writes tensors sorted by name and compares the header with the one that the reference
// library writes for them.
func TestWriteLikeTorch(t *testing.T) {
	var b bytes.Buffer
	err := Write(&b, map[string]string{"format": "pt"}, weights.F32, []weights.Tensor{
		{Name: "a.weight", Shape: []int{2, 3}, Data: []float32{0, 1, 2, 3, 4, 5}},
		{Name: "b.bias", Shape: []int{3}, Data: []float32{0, 1, 2}},
		{Name: "s", Data: []float32{3.5}},
	})
	if err != nil {
		t.Fatal(err)
	}
	// From safetensors.torch.save of the same tensors, safetensors 0.8.0.
	const header = `{"__metadata__":{"format":"pt"},` +
		`"a.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},` +
		`"b.bias":{"dtype":"F32","shape":[3],"data_offsets":[24,36]},` +
		`"s":{"dtype":"F32","shape":[],"data_offsets":[36,40]}}`
	padded := header + strings.Repeat(" ", -len(header)&7)
	if got := b.String()[8 : 8+len(padded)]; got != padded {
		t.Errorf("header\n\t%s\nwant\n\t%s", got, padded)
	}
	if got, want := b.Len(), 8+len(padded)+40; got != want {
		t.Errorf("%d bytes, want %d", got, want)
	}
}

// file makes a safetensors file of a header and n zero bytes of data.
func file(header string, n int) string {
	return string(binary.LittleEndian.AppendUint64(nil, uint64(len(header)))) + header + strings.Repeat("\x00", n)
}

func TestBadFiles(t *testing.T) {
	const good = `"dtype":"F32","shape":[2],"data_offsets":[0,8]`
	tests := []struct{ name, content, want string }{
		{"empty", "", "f: 0 bytes, want at least 8: not a safetensors file"},
		{"text", "Hello, world", "f: offset 0: header length 8583909746840200520, want at most 4: not a safetensors file, or cut short"},
		{"cut header", file(`{"a":{`+good+`}}`, 0)[:20], "f: offset 0: header length 54, want at most 12: not a safetensors file, or cut short"},
		{"no object", file(`[1,2]   `, 0), "f: offset 8: the header is not a JSON object"},
		{"no header", file(``, 0), "f: offset 8: the header is not a JSON object"},
		{"not UTF-8", file("{\"\xff\":1}", 0), "f: offset 8: the header is not UTF-8"},
		{"bad JSON", file(`{"a":{"dtype":"F32",}}`, 0), "f: offset 13: a: bad JSON: invalid character '}' looking for beginning of object key string"},
		{"unfinished", file(`{"a":{`+good+`}`, 8), "f: offset 61: header: bad JSON: it ends too early"},
		{"after the header", file(`{} {}`, 0), "f: offset 10: want spaces up to the end of the header"},
		{"twice", file(`{"a":{`+good+`},"a":{`+good+`}}`, 8), "f: offset 65: the header names a twice"},
		{"metadata", file(`{"__metadata__":{"a":1}}`, 0), "f: __metadata__: got number, want a map from strings to strings"},
		{"entry", file(`{"a":[0]}`, 0), "f: a: got array, want an object with dtype, shape and data_offsets"},
		{"no type", file(`{"a":{"shape":[2],"data_offsets":[0,8]}}`, 8), `f: a: unknown dtype ""`},
		{"unknown type", file(`{"a":{"dtype":"Q4_K","shape":[2],"data_offsets":[0,8]}}`, 8), `f: a: unknown dtype Q4_K`},
		{"type a number", file(`{"a":{"dtype":3,"shape":[2],"data_offsets":[0,8]}}`, 8), `f: a: dtype: got number, want a string such as "F32"`},
		{"no shape", file(`{"a":{"dtype":"F32","data_offsets":[0,8]}}`, 8), "f: a: no shape"},
		{"fraction", file(`{"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}`, 8), "f: a: shape: got number 2.5, want non-negative integers"},
		{"negative size", file(`{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}`, 8), "f: a: shape (-2) is negative or too large"},
		{"overflow", file(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0), "f: a: shape (4294967296, 4294967296) is negative or too large"},
		{"overflow in bytes", file(`{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}}`, 0), "f: a: shape (4611686018427387904) is negative or too large"},
		{"no offsets", file(`{"a":{"dtype":"F32","shape":[2]}}`, 8), "f: a: data_offsets has 0 numbers, want [begin, end]"},
		{"three offsets", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,9]}}`, 8), "f: a: data_offsets has 3 numbers, want [begin, end]"},
		{"backwards", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}`, 8), "f: a: data_offsets are [8, 0], want the first not above the second"},
		{"negative offset", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}`, 8), "f: a: data_offsets: got number -8, want non-negative integers"},
		{"wrong span", file(`{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}`, 8), "f: a: data_offsets [0, 8] span 8 bytes, want 12 for F32 (3)"},
		{"half a byte", file(`{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}}`, 1), "f: a: data_offsets [0, 1] span 1 bytes, want 2 for F4 (3)"},
		{"gap", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12), "f: a begins at byte 4 of the data, want 0: no gaps"},
		{"overlap", file(`{"a":{`+good+`},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12), "f: b begins at byte 4 of the data, want 8: it overlaps another tensor"},
		{"cut data", file(`{"a":{`+good+`}}`, 5), "f: 5 bytes of data, want 8 as the header says"},
		{"trailing data", file(`{"a":{`+good+`}}`, 9), "f: 9 bytes of data, want 8 as the header says"},
		{"odd name", file(`{"a\nb":{"dtype":"?","shape":[],"data_offsets":[0,8]}}`, 8), `f: "a\nb": unknown dtype ?`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if strconv.IntSize < 64 && strings.HasPrefix(test.name, "overflow") {
				t.Skip("these sizes do not even fit an int here")
			}
			_, err := New("f", strings.NewReader(test.content), int64(len(test.content)))
			sourcetest.Error(t, err, test.want)
		})
	}
}

// TestHugeHeader: a header length within the file's size but above the format's limit must be rejected
// before the header is read.
func TestHugeHeader(t *testing.T) {
	start := binary.LittleEndian.AppendUint64(nil, maxHeader+1)
	r := io.NewSectionReader(bytes.NewReader(start), 0, 1<<40)
	_, err := New("f", r, 1<<40)
	sourcetest.Error(t, err, "f: offset 0: header length 100000001, want at most 100000000: not a safetensors file, or cut short")
}

func TestReadErrors(t *testing.T) {
	f, err := Open("testdata/torch.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const name = "testdata/torch.safetensors"
	sourcetest.Error(t, f.Read("h.9.ln_1.bias", nil), name+": no tensor h.9.ln_1.bias")
	sourcetest.Error(t, f.Read("ids", make([]float32, 2)), name+": ids is I64, want F64, F32, F16 or BF16")
	sourcetest.Error(t, f.Read("wte.weight", make([]float32, 5)), name+": wte.weight is (2, 3), 6 numbers; the buffer holds 5")

	_, err = Open("testdata")
	sourcetest.Error(t, err, "testdata: not a file, want a safetensors file")
	_, err = Open("testdata/none")
	sourcetest.Error(t, err, "stat testdata/none: no such file or directory")

	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, []byte(file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8)), 0o666); err != nil {
		t.Fatal(err)
	}
	short, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer short.Close()
	if err := os.Truncate(path, 65); err != nil {
		t.Fatal(err)
	}
	sourcetest.Error(t, short.Read("a", make([]float32, 2)), path+": offset 62: 3 bytes, want 8: the file has shrunk, in a")
}

func TestWriteErrors(t *testing.T) {
	one := weights.Tensor{Name: "a", Shape: []int{1}, Data: []float32{1}}
	tests := []struct {
		tensors []weights.Tensor
		want    string
	}{
		{[]weights.Tensor{one, one}, "a: two tensors have this name"},
		{[]weights.Tensor{{Name: "__metadata__", Data: []float32{1}}}, "__metadata__: two tensors have this name"},
		{[]weights.Tensor{{Name: "a", Shape: []int{2, 3}, Data: make([]float32, 5)}}, "a: 5 numbers do not fill shape (2, 3)"},
		{[]weights.Tensor{{Name: "a", Shape: []int{-1, -1}, Data: make([]float32, 1)}}, "a: 1 numbers do not fill shape (-1, -1)"},
	}
	for _, test := range tests {
		var b bytes.Buffer
		sourcetest.Error(t, Write(&b, nil, weights.F32, test.tensors), test.want)
		if b.Len() > 0 {
			t.Errorf("%d bytes written, want none", b.Len())
		}
	}
}

// fullDisk accepts n bytes and then fails, like a full disk.
type fullDisk int

var errFull = fmt.Errorf("no space left on device")

func (d *fullDisk) Write(p []byte) (int, error) {
	n := min(len(p), int(*d))
	*d -= fullDisk(n)
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

func TestWriteFullDisk(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, nil, weights.F32, samples()); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 7, 8, 100, 1 << 16, b.Len() - 1} {
		disk := fullDisk(n)
		if err := Write(&disk, nil, weights.F32, samples()); err == nil || !strings.HasSuffix(err.Error(), errFull.Error()) {
			t.Errorf("disk of %d bytes: error %v, want %v", n, err, errFull)
		}
	}
	disk := fullDisk(b.Len())
	if err := Write(&disk, nil, weights.F32, samples()); err != nil {
		t.Error(err)
	}
}

func FuzzTensorFile(f *testing.F) {
	torch, err := os.ReadFile("testdata/torch.safetensors")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(torch)
	f.Add([]byte(file(`{}`, 0)))
	f.Add([]byte(file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8)))
	f.Add([]byte(file(`{"a":{"dtype":"F4","shape":[2,1],"data_offsets":[0,1]},"b":{"dtype":"F16","shape":[],"data_offsets":[1,3]}}`, 3)))
	f.Add([]byte(file(`{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}`, 0)))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := New("f", bytes.NewReader(data), int64(len(data)))
		if err != nil {
			sourcetest.OneLine(t, err)
			return
		}
		// A file that was accepted can be read, and survives a round trip.
		var tensors []weights.Tensor
		total := 0
		for _, info := range file.Tensors() {
			if !info.Type.Readable() {
				continue
			}
			x := make([]float32, info.Size())
			if total += len(x); 2*total > len(data) {
				t.Fatalf("%d numbers out of %d bytes", total, len(data))
			}
			if err := file.Read(info.Name, x); err != nil {
				t.Fatal(err)
			}
			tensors = append(tensors, weights.Tensor{Name: info.Name, Shape: info.Shape, Data: x})
		}
		var b bytes.Buffer
		if err := Write(&b, file.Metadata(), weights.F32, tensors); err != nil {
			t.Fatal(err)
		}
		again, err := New("again", bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range tensors {
			got := make([]float32, len(want.Data))
			if err := again.Read(want.Name, got); err != nil {
				t.Fatal(err)
			}
			if !sourcetest.SameBits(got, want.Data) {
				t.Errorf("%q: values differ", want.Name)
			}
		}
	})
}

// TestReaderError: an error from a failing disk is reported with the name and the offset.
func TestReaderError(t *testing.T) {
	data := file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8)
	_, err := New("f", broken{}, int64(len(data)))
	sourcetest.Error(t, err, "f: offset 0: "+iotest.ErrTimeout.Error())
}

type broken struct{}

func (broken) ReadAt([]byte, int64) (int, error) { return 0, iotest.ErrTimeout }
