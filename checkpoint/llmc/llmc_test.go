package llmc

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/internal/sourcetest"
	"github.com/gorgpt/gorgpt/checkpoint/safetensors"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// fixtures were made with PyTorch by testdata/models/make.py, following llm.c's rules.
const fixtures = "../testdata/models/gpt2/"

// TestWriteIsTheSame reads the model in the form that transformers wrote, and writes it: the bytes must
// be those of llm.c's file.
func TestWriteIsTheSame(t *testing.T) {
	for name, dtype := range map[string]weights.DType{"llmc.bin": weights.F32, "llmc_bf16.bin": weights.BF16} {
		want, err := os.ReadFile(fixtures + name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Open(fixtures + name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		hf := "hf"
		if dtype == weights.BF16 {
			hf = "bf16"
		}
		transformers, err := safetensors.Open(fixtures + hf + "/model.safetensors")
		if err != nil {
			t.Fatal(err)
		}
		defer transformers.Close()
		sourcetest.Same(t, f, transformers)
		if d := (Dims{Context: 6, Vocab: 13, Layers: 2, Heads: 2, Width: 8, Padded: 128}); f.Dims() != d || f.DType() != dtype {
			t.Errorf("%s: %+v of %s, want %+v of %s", name, f.Dims(), f.DType(), d, dtype)
		}
		var got bytes.Buffer
		if err := Write(&got, f.Dims(), dtype, sourcetest.ReadAll(t, f, len(want))); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s: written again it differs", name)
		}
	}
}

// TestTransposedBlocks reads matrices large enough to be transposed in several blocks.
func TestTransposedBlocks(t *testing.T) {
	d := Dims{Context: 1, Vocab: 1, Layers: 1, Heads: 1, Width: 150}
	var tensors []weights.Tensor
	for _, p := range d.places(weights.F32) {
		x := weights.Tensor{Name: p.Name, Shape: p.Shape, Data: make([]float32, p.Size())}
		for i := range x.Data {
			x.Data[i] = float32(i)
		}
		tensors = append(tensors, x)
	}
	var b bytes.Buffer
	if err := Write(&b, d, weights.F32, tensors); err != nil {
		t.Fatal(err)
	}
	f, err := New("x", bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	got := sourcetest.ReadAll(t, f, b.Len())
	for i, want := range tensors {
		if got[i].Name != want.Name || !slices.Equal(got[i].Data, want.Data) {
			t.Errorf("%s differs", want.Name)
		}
	}
}

func TestWriteErrors(t *testing.T) {
	f, err := Open(fixtures + "llmc.bin")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := sourcetest.ReadAll(t, f, 1<<20)
	without := func(name string) []weights.Tensor {
		return slices.DeleteFunc(slices.Clone(all), func(x weights.Tensor) bool { return strings.HasSuffix(x.Name, name) })
	}
	var b bytes.Buffer
	if err := Write(&b, f.Dims(), weights.F32, without(".bias")); err != nil {
		t.Errorf("a model without biases: %v", err)
	}
	half := append(without("wpe.weight"), weights.Tensor{Name: "wpe.weight", Shape: []int{8, 6}, Data: make([]float32, 48)})
	for _, test := range []struct {
		dtype   weights.DType
		tensors []weights.Tensor
		want    string
	}{
		{weights.F16, all, "llm.c's files are F32 or BF16, not F16"},
		{weights.F32, without("wte.weight"), "no wte.weight, which llm.c's GPT-2 requires"},
		{weights.F32, half, "wpe.weight is (8, 6), want (6, 8)"},
		{weights.F32, append(slices.Clone(all), weights.Tensor{Name: "lm_head.weight"}), "lm_head.weight is not in llm.c's GPT-2"},
	} {
		b.Reset()
		sourcetest.Error(t, Write(&b, f.Dims(), test.dtype, test.tensors), test.want)
		if b.Len() > 0 {
			t.Errorf("%d bytes written, want none", b.Len())
		}
	}
}

// header makes the header of a file.
func header(numbers ...uint32) []byte {
	b := make([]byte, headerSize)
	for i, v := range numbers {
		binary.LittleEndian.PutUint32(b[4*i:], v)
	}
	return b
}

func TestBadFiles(t *testing.T) {
	for _, test := range []struct {
		content []byte
		want    string
	}{
		{nil, "f: 0 bytes, want a header of 1024: not a model file of llm.c"},
		{header(1), "f: offset 0: magic 1, want 20240326: not a model file of llm.c"},
		{header(20240520), "f: offset 0: magic 20240520 is tokens, want 20240326 (a model)"},
		{header(magic, 1), "f: offset 4: version 1, want 3 (float32) or 5 (bfloat16); write the file again with llm.c's current train_gpt2.py"},
		{header(magic, 3, 0), "f: offset 8: the context is 0, want 1 to 16777216"},
		{header(magic, 3, 6, 13, 1<<31), "f: offset 16: the number of layers is -2147483648, want 1 to 16777216"},
		{header(magic, 3, 6, 13, 2, 2, 8, 12), "f: offset 28: the padded vocabulary is 12, want at least the vocabulary's 13"},
		{header(magic, 3, 6, 13, 2, 3, 8, 128), "f: offset 24: width 8 is not a multiple of 3 heads"},
		{header(magic, 3, 6, 13, 2, 2, 8, 128), "f: 1024 bytes, want 12352 for context 6, vocabulary 13 (padded 128), 2 layers, width 8, F32"},
		{header(magic, 3, 1<<24, 1<<24, 1<<24, 1, 1<<24, 1<<24), "f: offset 8: sizes too large for any file: context 16777216, vocabulary 16777216, 16777216 layers, width 16777216"},
	} {
		_, err := New("f", bytes.NewReader(test.content), int64(len(test.content)))
		sourcetest.Error(t, err, test.want)
	}
	f, err := Open(fixtures + "llmc.bin")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sourcetest.Error(t, f.Read("h.2.ln_1.bias", nil), fixtures+"llmc.bin: no tensor h.2.ln_1.bias")
	sourcetest.Error(t, f.Read("ln_f.bias", make([]float32, 7)), fixtures+"llmc.bin: ln_f.bias is (8), 8 numbers; the buffer holds 7")
}

// TestIsFile: models of either type are recognized, and so are llm.c's other files, such as tokens, for which
// opening gives a helpful error.
func TestIsFile(t *testing.T) {
	for first, want := range map[uint32]bool{magic: true, 20240520: true, magic + 1000: false, 1: false} {
		if start := header(first); IsFile(start) != want || IsFile(start[:4]) != want || IsFile(start[:3]) {
			t.Errorf("%d: want %t, and false of three bytes", first, want)
		}
	}
}

// TestMap: tensors that are not transposed are mapped.
func TestMap(t *testing.T) {
	for name, mapped := range map[string][]string{"llmc.bin": {"wte.weight", "ln_f.bias", "h.1.ln_2.weight"}, "llmc_bf16.bin": nil} {
		f, err := Open(fixtures + name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for _, tensor := range []string{"wte.weight", "ln_f.bias", "h.1.ln_2.weight", "h.0.mlp.c_fc.weight", "none"} {
			if got := f.Map(tensor) != nil; got != slices.Contains(mapped, tensor) && runtime.GOOS == "linux" {
				t.Errorf("%s: %s mapped: %t", name, tensor, got)
			}
		}
	}
}

func FuzzFile(f *testing.F) {
	for _, name := range []string{"llmc.bin", "llmc_bf16.bin"} {
		data, err := os.ReadFile(fixtures + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add(header(magic, 3, 1<<24, 1<<24, 1<<24, 1, 1<<24, 1<<24))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := New("f", bytes.NewReader(data), int64(len(data)))
		if err != nil {
			sourcetest.OneLine(t, err)
			return
		}
		all := sourcetest.ReadAll(t, file, len(data))
		if len(all) != len(file.Tensors()) {
			t.Errorf("%d tensors of %d can be read", len(all), len(file.Tensors()))
		}
		if err := Write(io.Discard, file.Dims(), file.DType(), all); err != nil {
			t.Error(err)
		}
	})
}
