package weights

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// rawSource is a source of raw bytes by name.
type rawSource struct {
	infos []Info
	raw   map[string][]byte
}

func (r rawSource) Name() string                     { return "file" }
func (r rawSource) Tensors() []Info                  { return r.infos }
func (r rawSource) Read(_ string, x []float32) error { clear(x); return nil }
func (r rawSource) Close() error                     { return nil }
func (r rawSource) Map(string) []float32             { return []float32{7} }
func (r rawSource) Raw(name string) ([]byte, error) {
	if b, ok := r.raw[name]; ok {
		return b, nil
	}
	return nil, fmt.Errorf("no %s", name)
}
func (r rawSource) Verify(name string, _ []float32) (bool, error) { return true, errors.New(name) }

// twoExperts returns packed weights (2, 3, 64) and a norm.
func twoExperts(t *testing.T) (src rawSource, want []float32) {
	want = make([]float32, 2*3*64)
	for i := range want {
		want[i] = []float32{0, 0.5, -1, 6, 4}[i%5] * float32(int(1)<<(i/32))
	}
	parts, err := PackMXFP4(Tensor{Name: "mlp.w", Shape: []int{2, 3, 64}, Data: want})
	if err != nil {
		t.Fatal(err)
	}
	src.raw = map[string][]byte{}
	for _, p := range parts {
		src.infos = append(src.infos, Info{p.Name, U8, p.Shape})
		src.raw[p.Name] = p.Bytes
	}
	src.infos = append(src.infos, Info{"norm", F32, []int{3}})
	return src, want
}

func TestPacked(t *testing.T) {
	raw, want := twoExperts(t)
	if s := raw.infos[0].Shape; !slices.Equal(s, []int{2, 3, 2, 16}) || !slices.Equal(raw.infos[1].Shape, []int{2, 3, 2}) || raw.infos[1].Name != "mlp.w_scales" {
		t.Errorf("parts %v", raw.infos)
	}
	src, err := Packed(raw)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(src.Tensors()) != "[{mlp.w MXFP4 [2 3 64]} {norm F32 [3]}]" {
		t.Errorf("tensors %v", src.Tensors())
	}
	got := make([]float32, len(want))
	if err := src.Read("mlp.w", got); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, read %v, want %v", err, got, want)
	}
	if err := src.Read("mlp.w", got[1:]); err == nil || err.Error() != "file: mlp.w has 384 numbers; the buffer holds 383" {
		t.Errorf("a short buffer: %v", err)
	}
	if m := src.(Mapper); m.Map("mlp.w") != nil || m.Map("norm") == nil {
		t.Error("blocks are mapped as float32, or the norm is not")
	}
	if _, err := src.(Verifier).Verify("mlp.w", nil); err == nil || err.Error() != "mlp.w_blocks" {
		t.Errorf("verified: %v", err)
	}
	if _, err := src.(Verifier).Verify("norm", nil); err == nil || err.Error() != "norm" {
		t.Errorf("verified: %v", err)
	}
	if blocks, _, err := src.(Packer).Pack("norm"); blocks != nil || err != nil {
		t.Errorf("the norm is packed: %v, %v", blocks, err)
	}
	raw.raw["mlp.w_scales"][5] = kernel.MXFP4NaN
	if err := src.Read("mlp.w", got); err == nil || err.Error() != "file: mlp.w_scales: scale 5 is 255, which stands for no number" {
		t.Errorf("scale 255: %v", err)
	}
}

// TestPackedErrors: blocks and scales that do not match are rejected.
func TestPackedErrors(t *testing.T) {
	blocks := Info{"w.blocks", U8, []int{3, 2, 16}}
	for want, infos := range map[string][]Info{
		"file: w.blocks is present without its scales":                                     {blocks},
		"file: w.scales is U8 (2, 3), want U8 (3, 2): a scale for each block of w.blocks":  {blocks, {"w.scales", U8, []int{2, 3}}},
		"file: w.scales is F32 (3, 2), want U8 (3, 2): a scale for each block of w.blocks": {blocks, {"w.scales", F32, []int{3, 2}}},
		"file: w.blocks is (3, 2, 8), want (…, 16): blocks of 32 numbers":                  {{"w.blocks", U8, []int{3, 2, 8}}, {"w.scales", U8, []int{3, 2}}},
		"file: w_blocks is (9223372036854775807, 16), too large":                           {{"w_blocks", U8, []int{9223372036854775807, 16}}, {"w_scales", U8, []int{9223372036854775807}}},
		"file: w is present in addition to its blocks":                                     {blocks, {"w.scales", U8, []int{3, 2}}, {"w", F32, []int{3, 64}}},
	} {
		if _, err := Packed(rawSource{infos: infos}); err == nil || err.Error() != want {
			t.Errorf("error %v\nwant  %s", err, want)
		}
	}
	for want, x := range map[string]Tensor{
		"w is (2, 33), want rows of blocks of 32 numbers for MXFP4":      {Name: "w", Shape: []int{2, 33}, Data: make([]float32, 66)},
		"w is (), want rows of blocks of 32 numbers for MXFP4":           {Name: "w", Data: make([]float32, 1)},
		"w: an infinity or NaN in block 1, which MXFP4 cannot represent": {Name: "w", Shape: []int{64}, Data: append(make([]float32, 63), inf)},
	} {
		if _, err := PackMXFP4(x); err == nil || err.Error() != want {
			t.Errorf("error %v\nwant  %s", err, want)
		}
	}
	plain := shard{}
	if src, err := Packed(plain); err != nil || src != Source(plain) {
		t.Errorf("a source without bytes became %v, %v", src, err)
	}
}

var inf = float32(math.Inf(1))

// TestTransposedStack: the last two of three axes are transposed.
func TestTransposedStack(t *testing.T) {
	x, y, z := make([]float32, 2*3*5), make([]float32, 2*3*5), make([]float32, 2*3*5)
	for i := range x {
		x[i] = float32(i)
	}
	Transpose(y, x, []int{2, 5, 3})
	for i, v := range y {
		e, r, c := i/15, i%15/3, i%3
		if v != float32(e*15+c*5+r) {
			t.Fatalf("element (%d, %d, %d) is %v", e, r, c, v)
		}
	}
	if Transpose(z, y, []int{2, 3, 5}); !slices.Equal(z, x) {
		t.Errorf("twice is %v", z)
	}
}
