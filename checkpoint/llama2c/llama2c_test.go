package llama2c

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/internal/sourcetest"
	"github.com/gorgpt/gorgpt/checkpoint/safetensors"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// fixtures were made with PyTorch by testdata/models/make.py, following llama2.c's rules.
const fixtures = "../testdata/models/llama/"

// files are the fixtures, indexed by version.
var files = []string{"first.bin", "version1.bin", "version2.bin"}

// dims are the dimensions of all fixtures.
var dims = Dims{Width: 8, Inner: 12, Layers: 2, Heads: 4, KVHeads: 2, Vocab: 13, Context: 6}

// stories is Karpathy's smallest story model, written by export.py.
const stories = "../../../shared/data/weights/stories260K/stories260K.bin"

func open(t testing.TB, path string) *File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func content(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(fixtures + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestRead: each version gives the numbers that transformers wrote for the model.
func TestRead(t *testing.T) {
	transformers, err := safetensors.Open(fixtures + "hf/model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer transformers.Close()
	for version, name := range files {
		f := open(t, fixtures+name)
		sourcetest.Same(t, f, transformers)
		if f.Dims() != dims || f.Version() != version {
			t.Errorf("%s: %+v of version %d, want %+v of %d", name, f.Dims(), f.Version(), dims, version)
		}
	}
}

// TestScales: the scales of a matrix come after its numbers, as in export.py (d986206) and runq.c, and groups
// may cross row boundaries.
func TestScales(t *testing.T) {
	const group = 8 // rows of w2 have 12 numbers
	data := append([]byte(nil), content(t, "version2.bin")[:longHeader]...)
	binary.LittleEndian.PutUint32(data[37:], group)
	for range 5 * dims.Width { // RMSNorm gains
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(1))
	}
	r := rand.New(rand.NewPCG(1, 2))
	want := make(map[string][]float32)
	matrix := func(name string, size int) {
		numbers, scales := make([]byte, size), make([]float32, size/group)
		for i := range scales {
			scales[i] = r.Float32()
		}
		for i := range numbers {
			numbers[i] = byte(r.Uint32())
			want[name] = append(want[name], float32(int8(numbers[i]))*scales[i/group])
		}
		data = append(data, numbers...)
		for _, s := range scales {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(s))
		}
	}
	matrix(embedding, 13*8)
	for _, of := range []struct {
		name string
		size int
	}{{"q", 64}, {"k", 32}, {"self_attn.v_proj.weight", 32}, {"self_attn.o_proj.weight", 64}, {"mlp.gate_proj.weight", 96}, {"mlp.down_proj.weight", 96}, {"mlp.up_proj.weight", 96}} {
		matrix("layers.0."+of.name, of.size)
		matrix("layers.1."+of.name, of.size)
	}
	matrix(headName, 13*8)
	f, err := New("f", bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range want {
		if strings.HasSuffix(name, ".q") || strings.HasSuffix(name, ".k") {
			continue // stored in a different order
		}
		got := make([]float32, len(want))
		if err := f.Read(name, got); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v\n%v\nwant %v", name, err, got, want)
		}
	}
	copy(data[longHeader+5*8*4+13*8:], []byte{0, 0, 0x80, 0xbf}) // the first scale is −1
	if f, err = New("f", bytes.NewReader(data), int64(len(data))); err != nil {
		t.Fatal(err)
	}
	const bad = "f: offset 520: want the scales after the numbers of each matrix, as llama2.c has written them since runq.c was added; got a scale of -1, in embed_tokens.weight"
	if err := f.Read(embedding, make([]float32, 13*8)); err == nil || !strings.HasPrefix(err.Error(), bad) {
		t.Errorf("error %v, want %s", err, bad)
	}
}

// TestWriteIsTheSame: Write turns a file of any version into the file of the first version, bit for bit
// except for the rotary angles, which PyTorch rounds differently.
func TestWriteIsTheSame(t *testing.T) {
	want := content(t, files[0])
	for _, name := range files {
		f := open(t, fixtures+name)
		compare(t, written(t, f), want, f.Dims())
	}
}

// TestStories rewrites a published model: the file must come out the same.
func TestStories(t *testing.T) {
	want, err := os.ReadFile(stories)
	if err != nil {
		t.Skip(err)
	}
	f := open(t, stories)
	if d := (Dims{Width: 64, Inner: 172, Layers: 5, Heads: 8, KVHeads: 4, Vocab: 512, Context: 512, Tied: true}); f.Dims() != d || f.Version() != 0 {
		t.Errorf("%+v of version %d, want %+v", f.Dims(), f.Version(), d)
	}
	compare(t, written(t, f), want, f.Dims())
}

func written(t *testing.T, f *File) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, f.Dims(), sourcetest.ReadAll(t, f, 1<<30)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// tolAngle is for the cosines and sines in float32 tables, because PyTorch first rounds the angles to
// float32: half a unit in the last place of the largest angle, 512.
const tolAngle = 0x1p-15

// compare compares two files of the first version; their angles may differ within the tolerance.
func compare(t *testing.T, got, want []byte, d Dims) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d bytes, want %d", len(got), len(want))
	}
	places, _ := d.places(0, 1)
	from := places[slices.IndexFunc(places, func(p place) bool { return p.Name == lastNorm })].at + int64(4*d.Width)
	to := from + int64(4*d.Context*d.headSize())
	if !bytes.Equal(got[:from], want[:from]) || !bytes.Equal(got[to:], want[to:]) {
		t.Error("the bytes before or after the angles differ")
	}
	for at := from; at < to; at += 4 {
		a, b := math.Float32frombits(binary.LittleEndian.Uint32(got[at:])), math.Float32frombits(binary.LittleEndian.Uint32(want[at:]))
		if !(math.Abs(float64(a-b)) <= tolAngle) {
			t.Fatalf("offset %d: angle %v, want %v", at, a, b)
		}
	}
}

// TestTied: the file does not store a head that shares the embedding.
func TestTied(t *testing.T) {
	const head = 4 * 13 * 8
	for version, name := range files[:2] {
		data := content(t, name)
		data = data[:len(data)-head]
		if version == 0 {
			binary.LittleEndian.PutUint32(data[20:], 13)
		} else {
			data[36] = 1
		}
		f, err := New("f", bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		if !f.Dims().Tied || slices.ContainsFunc(f.Tensors(), func(i weights.Info) bool { return i.Name == headName }) {
			t.Errorf("%s: %+v has a head", name, f.Dims())
		}
		if version == 0 && !bytes.Equal(written(t, f)[:4096], data[:4096]) {
			t.Errorf("%s: written again it differs", name)
		}
	}
}

// TestMap: tensors that are stored the way they are read are mapped.
func TestMap(t *testing.T) {
	for version, name := range files {
		f := open(t, fixtures+name)
		for tensor, want := range map[string]bool{embedding: version < 2, "layers.1.self_attn.v_proj.weight": version < 2, "layers.1.self_attn.k_proj.weight": false, lastNorm: true, "none": false} {
			if got := f.Map(tensor) != nil; got != want {
				t.Errorf("%s: %s mapped: %t", name, tensor, got)
			}
		}
	}
}

func TestWriteErrors(t *testing.T) {
	all := sourcetest.ReadAll(t, open(t, fixtures+files[0]), 1<<20)
	without := func(name string) []weights.Tensor {
		return slices.DeleteFunc(slices.Clone(all), func(x weights.Tensor) bool { return x.Name == name })
	}
	odd := dims
	odd.Heads = 8 // heads of one column
	for _, test := range []struct {
		dims    Dims
		tensors []weights.Tensor
		want    string
	}{
		{dims, without("layers.1.mlp.up_proj.weight"), "no layers.1.mlp.up_proj.weight, which llama2.c's Llama requires"},
		{dims, append(without(lastNorm), weights.Tensor{Name: lastNorm, Shape: []int{4}, Data: make([]float32, 4)}), "norm.weight is (4), want (8)"},
		{dims, append(slices.Clone(all), weights.Tensor{Name: "layers.0.self_attn.q_proj.bias"}), "layers.0.self_attn.q_proj.bias is not in llama2.c's Llama"},
		{odd, all, "the width 8 does not give each of 8 heads an even number of columns"},
	} {
		var b bytes.Buffer
		sourcetest.Error(t, Write(&b, test.dims, test.tensors), test.want)
		if b.Len() > 0 {
			t.Errorf("%d bytes written, want none", b.Len())
		}
	}
}

// header makes a file as long as the long header that begins with these numbers.
func header(numbers ...int32) []byte {
	b := make([]byte, longHeader)
	for i, v := range numbers {
		binary.LittleEndian.PutUint32(b[4*i:], uint32(v))
	}
	return b
}

func TestBadFiles(t *testing.T) {
	for _, test := range []struct {
		content []byte
		want    string
	}{
		{nil, "f: 0 bytes, want a header and weights: not a model file of llama2.c"},
		{header(), "f: offset 0: the width is 0, want 1 to 262144"},
		{header(8, -12), "f: offset 0: the inner width is -12, want 1 to 1048576"},
		{header(8, 12, 2, 4, 8), "f: offset 0: the number of key/value heads is 8, want 1 to 4"},
		{header(8, 12, 2, 3, 1, 13, 6), "f: offset 0: the width 8 does not give each of 3 heads an even number of columns"},
		{header(24, 12, 2, 4, 3, 13, 6), "f: offset 0: the number of heads, 4, is not a multiple of 3 key/value heads"},
		{header(8, 12, 2, 4, 2, math.MinInt32, 6), "f: offset 0: the vocabulary is 2147483648, want 1 to 4194304"},
		{header(8, 12, 2, 4, 2, 13, 6), "f: 256 bytes, want 4492 for width 8, inner width 12, 2 layers, 4 heads, 2 key/value heads, vocabulary 13, context 6 (version 0)"},
		{header(1<<18, 1<<20, 1000, 1<<12, 1<<12, 1<<22, 1<<24), "f: 256 bytes, want 4402450950783004 for width 262144, inner width 1048576, 1000 layers, 4096 heads, 4096 key/value heads, vocabulary 4194304, context 16777216 (version 0)"},
		{header(magic, 3), "f: offset 4: version 3, want 1 (float32) or 2 (8 bits), or a file in the original format, without a magic number"},
		{header(magic, 1, 8, 12, 2, 4, 2, -13, 6), "f: offset 36: the shared-classifier flag is 0 and the vocabulary -13, want 0 or 1, and above 0"},
		{header(magic, 1, 8, 12, 2, 4, 2, 13, 6, 2), "f: offset 36: the shared-classifier flag is 2 and the vocabulary 13, want 0 or 1, and above 0"},
		{header(magic, 1, 8, 12, 2, 4, 2, 13, 0), "f: offset 8: the context is 0, want 1 to 16777216"},
		{header(magic, 2, 8, 12, 2, 4, 2, 13, 6, 1+5<<8), "f: offset 37: groups of 5 numbers, want a divisor of the width 8"},
		{header(magic, 2, 8, 12, 2, 4, 2, 13, 6, 1+4<<8), "f: 256 bytes, want 2544 for width 8, inner width 12, 2 layers, 4 heads, 2 key/value heads, vocabulary 13, context 6 (version 2)"},
	} {
		_, err := New("f", bytes.NewReader(test.content), int64(len(test.content)))
		sourcetest.Error(t, err, test.want)
	}
	f := open(t, fixtures+files[0])
	sourcetest.Error(t, f.Read("layers.2.mlp.up_proj.weight", nil), fixtures+"first.bin: no tensor layers.2.mlp.up_proj.weight")
	sourcetest.Error(t, f.Read(lastNorm, make([]float32, 7)), fixtures+"first.bin: norm.weight is (8), 8 numbers; the buffer holds 7")
}

// TestIsFile: files are recognized by the magic number, or by consistent sizes.
func TestIsFile(t *testing.T) {
	for _, test := range []struct {
		start []byte
		want  bool
	}{
		{header(magic, 9), true}, {header(8, 12, 2, 4, 2, -13, 6), true}, {header(8, 12, 2, 3, 1, 13, 6), false},
		{header(), false}, {header(8, 12, 2, 4, 2, 13, 6)[:27], false}, {header(20240326, 3, 6, 13, 2, 2, 8), false},
		{[]byte("Once upon a time, there was a little girl named Lily."), false},
	} {
		if IsFile(test.start) != test.want {
			t.Errorf("%q: want %t", test.start[:8], test.want)
		}
	}
}

func FuzzFile(f *testing.F) {
	for _, name := range files {
		f.Add(content(f, name))
	}
	f.Add(header(1<<18, 1<<20, 1000, 1<<12, 1<<12, 1<<22, 1<<24))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := New("f", bytes.NewReader(data), int64(len(data)))
		if err != nil {
			sourcetest.OneLine(t, err)
			return
		}
		all := sourcetest.ReadAll(t, file, 2*len(data)) // the group of a scale may hold more numbers than llama.cpp's blocks
		if len(all) != len(file.Tensors()) {
			t.Errorf("%d tensors of %d can be read", len(all), len(file.Tensors()))
		}
		if err := Write(io.Discard, file.Dims(), all); err != nil {
			t.Error(err)
		}
	})
}
