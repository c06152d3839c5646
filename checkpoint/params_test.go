package checkpoint

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/internal/sourcetest"
	"github.com/gorgpt/gorgpt/checkpoint/safetensors"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
)

// nanoParams declares the parameters of a two-layer GPT-2 without biases, with a vocabulary of 11, a
// context of 8 and a width of 4.
func nanoParams(seed uint64) (*graph.Params, error) {
	ps := graph.NewParams(seed)
	var first error
	declare := func(name string, init graph.Init, shape ...int) {
		_, err := ps.Declare(name, init, shape...)
		first = cmp.Or(first, err)
	}
	declare("wte.weight", graph.Normal(0.02), 11, 4)
	declare("wpe.weight", graph.Normal(0.02), 8, 4)
	for i := range 2 {
		h := fmt.Sprintf("h.%d.", i)
		declare(h+"ln_1.weight", graph.Ones(), 4)
		declare(h+"attn.c_attn.weight", graph.Normal(0.02), 4, 12)
		declare(h+"attn.c_proj.weight", graph.Normal(0.02), 4, 4)
		declare(h+"ln_2.weight", graph.Ones(), 4)
		declare(h+"mlp.c_fc.weight", graph.Normal(0.02), 4, 16)
		declare(h+"mlp.c_proj.weight", graph.Normal(0.02), 16, 4)
	}
	declare("ln_f.weight", graph.Ones(), 4)
	return ps, first
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

// tensorOf returns a Tensor.
func tensorOf(name string, shape []int, data []float32) Tensor {
	return Tensor{Name: name, Shape: shape, Data: data}
}

// nano is nanoParams for tests.
func nano(t testing.TB, seed uint64) *graph.Params {
	t.Helper()
	ps, err := nanoParams(seed)
	if err != nil {
		t.Fatal(err)
	}
	return ps
}

// nanoTensors describes the tensors of nano in files of transformers' GPT-2, including the biases.
func nanoTensors() models.Tensors {
	names, err := models.TensorsOfConfig([]byte(nanoConfig))
	if err != nil {
		panic(err)
	}
	return names
}

// sameParams compares all values bit for bit.
func sameParams(t *testing.T, got, want *graph.Params) {
	t.Helper()
	for _, p := range want.All() {
		if !sourcetest.SameBits(got.Get(p.Name()).Data(), p.Data()) {
			t.Errorf("%s: values differ", p.Name())
		}
	}
}

// encoded writes parameters to a file and returns its tensors, for a test to change.
func encoded(t testing.TB, ps *graph.Params, names models.Tensors) []Tensor {
	t.Helper()
	var b bytes.Buffer
	if err := WriteParams(&b, ps, names); err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.New("x", bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var tensors []Tensor
	for _, info := range f.Tensors() {
		x := make([]float32, info.Size())
		if err := f.Read(info.Name, x); err != nil {
			t.Fatal(err)
		}
		tensors = append(tensors, tensorOf(info.Name, info.Shape, x))
	}
	return tensors
}

// source returns a file of the given tensors, called model.safetensors in errors.
func source(t testing.TB, tensors []Tensor) *safetensors.File {
	t.Helper()
	var b bytes.Buffer
	if err := safetensors.Write(&b, nil, weights.F32, tensors); err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.New("model.safetensors", bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestParamsRoundTrip(t *testing.T) {
	want := nano(t, 1)
	want.Get("wpe.weight").Data()[0] = float32(math.Copysign(0, -1))
	for _, names := range []models.Tensors{{}, nanoTensors()} {
		tensors := encoded(t, want, names)
		if got, want := len(tensors), len(want.All())+len(names.Zeros); got != want {
			t.Errorf("%d tensors, want %d", got, want)
		}
		if !slices.IsSortedFunc(tensors, func(a, b Tensor) int { return strings.Compare(a.Name, b.Name) }) {
			t.Error("tensors are not sorted by name")
		}
		got := nano(t, 2)
		if err := ReadParams(source(t, tensors), got, nanoTensors()); err != nil {
			t.Fatal(err)
		}
		sameParams(t, got, want)
	}
}

// TestReadParamsForms reads the same weights in each form that files may have.
func TestReadParamsForms(t *testing.T) {
	want := nano(t, 1)
	plain := encoded(t, want, models.Tensors{})
	mask := tensorOf("h.0.attn.bias", []int{1, 1, 8, 8}, make([]float32, 64))
	mask.Data[0] = 1
	masked := tensorOf("h.1.attn.masked_bias", nil, []float32{-1e4})
	head := tensorOf(models.HeadName, []int{11, 4}, want.Get("wte.weight").Data())
	minus := tensorOf("ln_f.bias", []int{4}, []float32{0, float32(math.Copysign(0, -1)), 0, 0})
	prefixed := func(tensors ...Tensor) []Tensor {
		tensors = slices.Clone(tensors)
		for i := range tensors {
			tensors[i].Name = "transformer." + tensors[i].Name
		}
		return tensors
	}
	forms := map[string][]Tensor{
		"no prefix":         plain,
		"prefix":            prefixed(plain...),
		"prefix and head":   append(prefixed(plain...), head),
		"masks":             append(slices.Clone(plain), mask, masked),
		"prefix and masks":  prefixed(append(slices.Clone(plain), mask, masked)...),
		"head without":      append(slices.Clone(plain), head),
		"minus zero":        append(slices.Clone(plain), minus),
		"prefix and zeros":  prefixed(encoded(t, want, nanoTensors())...),
		"in another order":  slices.SortedFunc(slices.Values(plain), func(a, b Tensor) int { return strings.Compare(b.Name, a.Name) }),
		"some of the zeros": append(slices.Clone(plain), tensorOf("h.0.ln_1.bias", []int{4}, make([]float32, 4))),
	}
	for _, name := range slices.Sorted(maps.Keys(forms)) {
		t.Run(name, func(t *testing.T) {
			got := nano(t, 2)
			if err := ReadParams(source(t, forms[name]), got, nanoTensors()); err != nil {
				t.Fatal(err)
			}
			sameParams(t, got, want)
		})
	}
}

// TestReadParamsHeads covers GPT-1's name for the embedding that the head is tied to, and an untied
// head, which is a parameter.
func TestReadParamsHeads(t *testing.T) {
	params := func(names ...string) *graph.Params {
		ps := graph.NewParams(1)
		for _, name := range names {
			if _, err := ps.Declare(name, graph.Zeros(), 2, 2); err != nil {
				t.Fatal(err)
			}
		}
		return ps
	}
	embed := tensorOf("tokens_embed.weight", []int{2, 2}, []float32{1, 2, 3, 4})
	same := tensorOf(models.HeadName, []int{2, 2}, []float32{1, 2, 3, 4})
	other := tensorOf(models.HeadName, []int{2, 2}, []float32{1, 2, 3, 5})
	if err := ReadParams(source(t, []Tensor{embed, same}), params("tokens_embed.weight"), models.Tensors{Tied: "tokens_embed.weight"}); err != nil {
		t.Error(err)
	}
	sourcetest.Error(t, ReadParams(source(t, []Tensor{embed, other}), params("tokens_embed.weight"), models.Tensors{Tied: "tokens_embed.weight"}),
		"model.safetensors: lm_head.weight differs from tokens_embed.weight at element 3: the checkpoint's head is not tied, the model's is")
	own := params("tokens_embed.weight", models.HeadName)
	if err := ReadParams(source(t, []Tensor{embed, other}), own, models.Tensors{Tied: "tokens_embed.weight"}); err != nil {
		t.Error(err)
	}
	if got := own.Get(models.HeadName).Data(); !sourcetest.SameBits(got, other.Data) {
		t.Errorf("head %v, want %v", got, other.Data)
	}
}

func TestReadParamsErrors(t *testing.T) {
	plain := encoded(t, nano(t, 1), models.Tensors{})
	without := func(name string) []Tensor {
		return slices.DeleteFunc(slices.Clone(plain), func(t Tensor) bool { return strings.Contains(t.Name, name) })
	}
	with := func(name string, shape ...int) []Tensor {
		n, _ := weights.SizeOf(shape)
		x := make([]float32, n)
		if n > 0 {
			x[n-1] = 1
		}
		return append(without(name), tensorOf(name, shape, x))
	}
	tests := []struct {
		name    string
		tensors []Tensor
		want    string
	}{
		{"one missing", without("h.1.ln_2"), "missing h.1.ln_2.weight"},
		{"many missing", without("h."), "missing h.0.ln_1.weight, h.0.attn.c_attn.weight, h.0.attn.c_proj.weight, h.0.ln_2.weight and 8 more"},
		{"left over", with("h.2.ln_1.weight", 4), "not in the model: h.2.ln_1.weight"},
		{"twice", with("transformer.wte.weight", 11, 4), "wte.weight and transformer.wte.weight are the same tensor of the model"},
		{"transposed", with("h.0.attn.c_attn.weight", 12, 4), "wrong: h.0.attn.c_attn.weight is (12, 4), want (4, 12) (stored transposed)"},
		{"longer context", with("wpe.weight", 16, 4), "wrong: wpe.weight is (16, 4), want (8, 4)"},
		{"shape of a zero", with("ln_f.bias", 5), "wrong: ln_f.bias is (5), want (4)"},
		{"shape of the head", with("lm_head.weight", 12, 4), "wrong: lm_head.weight is (12, 4), want (11, 4)"},
		{"not a mask", with("h.0.attn.bias", 12), "not in the model: h.0.attn.bias"},
		{"several", append(without("wte.weight"), tensorOf("embed", []int{1}, []float32{1}), tensorOf("ln_f.bias", nil, []float32{1})),
			"missing wte.weight; not in the model: embed; wrong: ln_f.bias is (), want (4)"},
		{"not zero", with("h.0.ln_1.bias", 4), "the config declares these absent, but they are not zero: h.0.ln_1.bias"},
		{"untied head", with("lm_head.weight", 11, 4),
			"lm_head.weight differs from wte.weight at element 0: the checkpoint's head is not tied, the model's is"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ps := nano(t, 2)
			sourcetest.Error(t, ReadParams(source(t, test.tensors), ps, nanoTensors()), "model.safetensors: "+test.want)
			if test.name != "untied head" {
				sameParams(t, ps, nano(t, 2)) // unchanged
			}
		})
	}
}

// TestReadParamsNotFinite: weights that are not finite, with which a model would return only NaNs, are rejected.
func TestReadParamsNotFinite(t *testing.T) {
	for value, want := range map[float64]string{math.NaN(): "NaN", math.Inf(1): "+Inf", math.Inf(-1): "-Inf"} {
		tensors := encoded(t, nano(t, 1), models.Tensors{})
		i := slices.IndexFunc(tensors, func(x Tensor) bool { return x.Name == "h.1.ln_2.weight" })
		tensors[i].Data[2] = float32(value)
		sourcetest.Error(t, ReadParams(source(t, tensors), nano(t, 2), models.Tensors{}),
			"model.safetensors: h.1.ln_2.weight: element 2 is "+want+", want a finite number")
	}
}

// TestNotFinite puts one infinity at each position of vectors of many lengths.
func TestNotFinite(t *testing.T) {
	for _, n := range []int{1, 3, 4, 5, 1023, 1024, 1025, 2050} {
		x := make([]float32, n)
		for i := range x {
			x[i] = math.MaxFloat32
		}
		if got := notFinite(x); got != -1 {
			t.Errorf("%d finite numbers: %d", n, got)
		}
		for i := range x {
			was := x[i]
			x[i] = float32(math.Inf(i%2*2 - 1))
			if got := notFinite(x); got != i {
				t.Errorf("an infinity at %d of %d: %d", i, n, got)
			}
			x[i] = was
		}
	}
}

// TestReadParamsDrawsNone: parameters that are read from a file are not first initialized at random, which
// would show in a tensor whose read fails.
func TestReadParamsDrawsNone(t *testing.T) {
	ps := nano(t, 1)
	broken := failing{source(t, encoded(t, ps, models.Tensors{}))}
	got := nano(t, 2)
	if err := ReadParams(broken, got, models.Tensors{}); err != errFull {
		t.Fatalf("error %v, want %v", err, errFull)
	}
	for _, p := range got.All() {
		if slices.ContainsFunc(p.Data(), func(v float32) bool { return v != 0 }) {
			t.Errorf("%s was drawn before it was read", p.Name())
		}
	}
}

// failing is a source whose reads fail.
type failing struct{ weights.Source }

func (failing) Read(string, []float32) error { return errFull }

func TestReadParamsTypes(t *testing.T) {
	f, err := safetensors.Open("safetensors/testdata/torch.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ps := graph.NewParams(1)
	for name, shape := range map[string][]int{"ids": {2}, "half": {6}} {
		if _, err := ps.Declare(name, graph.Zeros(), shape...); err != nil {
			t.Fatal(err)
		}
	}
	names := nanoTensors()
	names.Zeros = nil
	// h.0.attn.bias of that file is a mask of type U8, and is ignored.
	sourcetest.Error(t, ReadParams(f, ps, names), "safetensors/testdata/torch.safetensors: "+
		"not in the model: empty, h.0.ln_1.bias, scalar, wte.weight, brain; wrong: ids is I64, want F64, F32, F16 or BF16")
}

func TestWriteParamsErrors(t *testing.T) {
	ps := nano(t, 1)
	sourcetest.Error(t, WriteParams(io.Discard, ps, models.Tensors{Zeros: map[string][]int{"wte.weight": {11, 4}}}),
		"wte.weight: a parameter of the model that is also declared absent")
	sourcetest.Error(t, WriteParams(io.Discard, ps, models.Tensors{Zeros: map[string][]int{"x": {-1}}}), "x: bad shape (-1)")
	disk := fullDisk(2000)
	sourcetest.Error(t, WriteParams(&disk, ps, models.Tensors{}), "no space left on device")
}

func TestFew(t *testing.T) {
	names := strings.Fields("a b c d e f")
	for n, want := range map[int]string{1: "a", 5: "a, b, c, d, e", 6: "a, b, c, d and 2 more"} {
		if got := few(names[:n]); got != want {
			t.Errorf("few of %d: %q, want %q", n, got, want)
		}
	}
}
