package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/gguf"
	"github.com/gorgpt/gorgpt/checkpoint/internal/sourcetest"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
	"github.com/gorgpt/gorgpt/models"
)

// Models whose rows are whole groups: one whose matrices are read by rows, and one whose matrices are read by columns.
const (
	byRows = `{"model_type": "llama", "vocab_size": 40, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 2,
		"num_key_value_heads": 1, "max_position_embeddings": 16, "rms_norm_eps": 1e-5, "tie_word_embeddings": true}`
	byColumns = `{"model_type": "gpt2", "vocab_size": 40, "n_embd": 64, "n_layer": 2, "n_head": 2, "n_positions": 16}`
)

// savedModel writes a model with random weights as a Hugging Face directory.
func savedModel(t testing.TB, config string, dtype weights.DType) string {
	t.Helper()
	m, err := models.Parse([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	params := graph.NewParams(5)
	if err := models.Declare(m, params); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "model")
	if err := Save(dir, Contents{Config: []byte(config), Params: params, DType: dtype}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// loadAs loads a checkpoint's weights in the given width.
func loadAs(t testing.TB, path string, w Width) (models.Model, *graph.Params) {
	t.Helper()
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	m, params, err := d.LoadWeightsAs(w)
	if err != nil {
		t.Fatal(err)
	}
	return m, params
}

// formatsOf returns the formats of a model's parameters, and for each format the last parts of the parameters' names.
func formatsOf(params *graph.Params) map[kernel.Format][]string {
	all := make(map[kernel.Format][]string)
	for _, p := range params.All() {
		w, _ := p.Packed()
		if w == nil {
			w = new(graph.Packed)
		}
		name := strings.TrimSuffix(p.Name(), ".weight")
		name = name[strings.LastIndexByte(name, '.')+1:]
		if !slices.Contains(all[w.Format], name) {
			all[w.Format] = append(all[w.Format], name)
		}
	}
	return all
}

// tolColumns is for logits of up to 1: matrices that are packed by columns are summed in a different order than
// plain numbers. At most 1.9e-7 was measured, for six widths on three instruction sets; this is about twice that.
const tolColumns = 4e-7

// TestWidths: matrices have the requested width and keep it during a run. The logits are those of the rounded
// numbers, and differ from the exact model's by no more than the width leads to expect.
func TestWidths(t *testing.T) {
	// RMS error of the logits divided by their RMS. The bounds are at most twice what was measured, for the worse of
	// the two models and equally on three instruction sets: 0.0024, 0.0069, 0.069, 0.115, 0.101 and 0.156.
	bounds := map[Width]float64{Brain: 0.0048, Int8: 0.012, Mixed4: 0.138, Q4_0: 0.23, Q4_1: 0.2, MXFP4: 0.3}
	for _, config := range []string{byRows, byColumns} {
		dir := savedModel(t, config, weights.F32)
		m, exact := loadAs(t, dir, Float32)
		want := logitsOf(t, m, exact)
		for w, bound := range bounds {
			m, params := loadAs(t, dir, w)
			before := fmt.Sprint(formatsOf(params))
			got := logitsOf(t, m, params)
			formats := formatsOf(params)
			if fmt.Sprint(formats) != before {
				t.Errorf("%s: a run has made numbers of matrices: %v, %v before", w, formats, before)
			}
			table, layer := w.formatOf(graph.AsTable), w.formatOf(graph.ByRows)
			if len(formats) != 2+min(1, int(max(table, layer)-min(table, layer))) || !slices.Contains(formats[table], "embed_tokens") && !slices.Contains(formats[table], "wte") ||
				!slices.Contains(formats[layer], "down_proj") && !slices.Contains(formats[layer], "c_proj") {
				t.Errorf("%s: %v", w, formats)
			}
			for _, p := range params.All() {
				p.Data()
			}
			for i, v := range logitsOf(t, m, params) {
				if e := math.Abs(float64(v - got[i])); e > tolColumns || config == byRows && e > 0 {
					t.Fatalf("%s: logit %d is %v, of the rounded numbers %v", w, i, got[i], v)
				}
			}
			var errors, squares float64
			for i, v := range want {
				errors += float64(v-got[i]) * float64(v-got[i])
				squares += float64(v) * float64(v)
			}
			if e := math.Sqrt(errors / squares); !(e < bound) || e == 0 {
				t.Errorf("%s: logits are off by %.4f, want less than %v", w, e, bound)
			}
		}
	}
}

func (w Width) formatOf(how graph.Reading) kernel.Format {
	f, _ := w.of(how)
	return f
}

// TestAsStored: matrices keep the bits that they have in the file and give the same results as in float32;
// written again, they are the same bytes.
func TestAsStored(t *testing.T) {
	for _, config := range []string{byRows, byColumns} {
		hf := savedModel(t, config, weights.F32)
		l := loaded(t, hf)
		for dtype, format := range weights.PackedFormats {
			path := filepath.Join(t.TempDir(), "x.gguf")
			if err := SaveGGUF(path, GGUF{Name: "x", Model: l.Model, Params: l.Params, DType: dtype}); err != nil {
				t.Fatal(err)
			}
			_, numbers := loadAs(t, path, Float32)
			m, packed := loadAs(t, path, AsStored)
			if formats := formatsOf(packed); len(formats) != 2 || len(formats[format]) < 4 {
				t.Errorf("%s: %v", dtype, formats)
			}
			again := filepath.Join(t.TempDir(), "again.gguf")
			if err := SaveGGUF(again, GGUF{Name: "x", Model: m, Params: packed, DType: dtype}); err != nil {
				t.Fatal(err)
			}
			first, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if second, err := os.ReadFile(again); err != nil || string(second) != string(first) {
				t.Errorf("%s: written again it differs, %v", dtype, err)
			}
			sameParams(t, packed, numbers)
		}
	}
	for _, config := range []string{byRows, byColumns} { // a directory in BF16, read by rows and by columns
		dir := savedModel(t, config, weights.BF16)
		_, packed := loadAs(t, dir, AsStored)
		_, numbers := loadAs(t, dir, Float32)
		if formats := formatsOf(packed); len(formats) != 2 || len(formats[kernel.BF16]) < 4 {
			t.Errorf("BF16: %v", formats)
		}
		sameParams(t, packed, numbers)
	}
}

// TestWidthErrors: numbers that a width cannot hold, and scales that are not finite, give one-line errors.
func TestWidthErrors(t *testing.T) {
	open := func(path string, w Width) error {
		d, err := Open(path)
		if err == nil {
			_, _, err = d.LoadWeightsAs(w)
		}
		return err
	}
	odd := savedModel(t, strings.NewReplacer(`"hidden_size": 64`, `"hidden_size": 48`, `"intermediate_size": 96`, `"intermediate_size": 64`).Replace(byRows), weights.F32)
	if err := open(odd, Q4_0); err == nil || !strings.HasSuffix(err.Error(), ": rows of 48 numbers are not whole groups of 32, as Q4_0 requires") || !strings.HasPrefix(err.Error(), odd) {
		t.Errorf("error %v", err)
	}
	if err := open(odd, Brain); err != nil {
		t.Errorf("error %v", err)
	}

	hf := savedModel(t, byRows, weights.F32)
	l := loaded(t, hf)
	for _, dtype := range []weights.DType{weights.Q8_0, weights.Q4_0, weights.Q4_1, weights.MXFP4, weights.BF16} {
		path := filepath.Join(t.TempDir(), "x.gguf")
		if err := SaveGGUF(path, GGUF{Name: "x", Model: l.Model, Params: l.Params, DType: dtype}); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := gguf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		size := 0
		for _, info := range f.Tensors() { // the data ends with the last tensor
			per, bytes := info.Type.Block()
			size += (info.Size()/per*bytes + 31) &^ 31
		}
		first := f.Tensors()[0]
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		at := len(data) - size
		switch dtype {
		case weights.MXFP4:
			data[at] = kernel.MXFP4NaN
		default:
			binary.LittleEndian.PutUint16(data[at:], 0x7fff)
		}
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		for _, w := range []Width{AsStored, Float32, Int8} {
			sourcetest.Error(t, open(path, w), fmt.Sprintf("%s: embed_tokens.weight: element 0 is NaN, want a finite number", path))
		}
		if first.Name != "token_embd.weight" {
			t.Errorf("the first tensor is %s", first.Name)
		}
	}
	if _, err := ParseWidth("q5"); err == nil || !strings.Contains(err.Error(), `unknown --weights "q5"; did you mean "q4"?`) {
		t.Errorf("error %v", err)
	}
}
