package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
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
	"github.com/gorgpt/gorgpt/internal/memfs"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// converted names the models that testdata/gguf/make.py writes in both forms.
var converted = []string{"llama3", "yarn", "gpt2"}

func loaded(t testing.TB, path string) *Loaded {
	t.Helper()
	l, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// logitsOf returns a model's logits for some tokens.
func logitsOf(t testing.TB, m models.Model, params *graph.Params) []float32 {
	t.Helper()
	s := graph.New(params)
	logits := models.Logits(m, s, s.Ints("tokens", 1, 7))
	p, err := s.Compile(logits)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.SetInts("tokens", []int{1, 5, 2, 10, 0, 7, 3}); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(p.Value(logits))
}

// TestGGUF: a file made by llama.cpp's converter gives the model it was made from, bit for bit.
func TestGGUF(t *testing.T) {
	for _, name := range converted {
		want, got := loaded(t, "testdata/gguf/hf/"+name), loaded(t, "testdata/gguf/"+name+".gguf")
		sameParams(t, got.Params, want.Params)
		// Logits also depend on the rotary frequencies and on everything else in the configuration.
		if x, y := logitsOf(t, got.Model, got.Params), logitsOf(t, want.Model, want.Params); !sourcetest.SameBits(x, y) {
			t.Errorf("%s: logits %v, want %v", name, x, y)
		}
		if got.Tokenizer != nil || got.Ends != nil {
			t.Errorf("%s: tokenizer %v, ends %v; want none", name, got.Tokenizer, got.Ends)
		}
	}
}

// tolFrequencies is for the factors, which llama.cpp computes in float32: a few roundings.
const tolFrequencies = 1e-6

// TestSaveGGUF: the tensors, and the metadata that describes the model, are those that llama.cpp's converter writes.
func TestSaveGGUF(t *testing.T) {
	for _, name := range converted {
		l := loaded(t, "testdata/gguf/hf/"+name)
		path := filepath.Join(t.TempDir(), "x.gguf")
		if err := SaveGGUF(path, GGUF{Name: "x", Model: l.Model, Params: l.Params, DType: weights.F32}); err != nil {
			t.Fatal(err)
		}
		got, want := openedGGUF(t, path), openedGGUF(t, "testdata/gguf/"+name+".gguf")
		x, y := tensorsOfGGUF(t, got), tensorsOfGGUF(t, want)
		same := func(a, b []float32) bool {
			return slices.EqualFunc(a, b, func(v, w float32) bool { return math.Abs(float64(v/w-1)) <= tolFrequencies })
		}
		const factors = "(4)rope_freqs.weight" // computed; the others are copied
		if !same(x[factors], y[factors]) {
			t.Errorf("%s: %v, want %v", name, x[factors], y[factors])
		}
		delete(x, factors)
		delete(y, factors)
		if !maps.EqualFunc(x, y, sourcetest.SameBits) {
			t.Errorf("%s: tensors %v, want %v", name, got.Tensors(), want.Tensors())
		}
		for _, v := range want.Meta() {
			switch has := got.Meta().Get(v.Key); {
			case strings.HasPrefix(v.Key, "general.") && v.Key != "general.architecture" && v.Key != "general.file_type":
			case has == nil && strings.HasSuffix(v.Key, "attention.head_count_kv"): // the number of heads, where transformers says null
			case has != v.Value:
				t.Errorf("%s: %s is %v, want %v", name, v.Key, has, v.Value)
			}
		}
		again := loaded(t, path)
		sameParams(t, again.Params, l.Params)
		if x, y := logitsOf(t, again.Model, again.Params), logitsOf(t, l.Model, l.Params); !sourcetest.SameBits(x, y) {
			t.Errorf("%s: logits %v, want %v", name, x, y)
		}
	}
}

func openedGGUF(t testing.TB, path string) *gguf.File {
	t.Helper()
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func tensorsOfGGUF(t testing.TB, f *gguf.File) map[string][]float32 {
	t.Helper()
	all := make(map[string][]float32)
	for _, info := range f.Tensors() {
		x := make([]float32, info.Size())
		if err := f.Read(info.Name, x); err != nil {
			t.Fatal(err)
		}
		all[weights.ShapeText(info.Shape)+info.Name] = x
	}
	return all
}

// one is metadata with one value.
func one(key string, v any) gguf.Meta { return gguf.Meta{{Key: key, Value: v}} }

// changed writes a copy of a file with some metadata replaced, or removed if its value is nil,
// and some tensors replaced.
func changed(t testing.TB, from string, meta gguf.Meta, tensors ...gguf.Tensor) string {
	t.Helper()
	f := openedGGUF(t, from)
	all := slices.DeleteFunc(slices.Clone(f.Meta()), func(v gguf.Value) bool {
		return slices.ContainsFunc(meta, func(other gguf.Value) bool { return other.Key == v.Key })
	})
	for _, v := range meta {
		if v.Value != nil {
			all = append(all, v)
		}
	}
	for _, info := range f.Tensors() {
		if slices.ContainsFunc(tensors, func(x gguf.Tensor) bool { return x.Name == info.Name }) {
			continue
		}
		x := make([]float32, info.Size())
		if err := f.Read(info.Name, x); err != nil {
			t.Fatal(err)
		}
		tensors = append(tensors, gguf.Tensor{Name: info.Name, Shape: info.Shape, Type: info.Type, Data: func() []float32 { return x }})
	}
	tensors = slices.DeleteFunc(tensors, func(x gguf.Tensor) bool { return x.Data == nil })
	path := filepath.Join(t.TempDir(), "x.gguf")
	err := WriteFile(path, func(w io.Writer) error { return gguf.Write(w, all, tensors) })
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestGGUFErrors: unknown or invalid content gives a one-line error.
func TestGGUFErrors(t *testing.T) {
	vector := func(name string, x ...float32) gguf.Tensor {
		return gguf.Tensor{Name: name, Shape: []int{len(x)}, Type: weights.F32, Data: func() []float32 { return x }}
	}
	none := func(name string) gguf.Tensor { return gguf.Tensor{Name: name} }
	for _, c := range []struct {
		from    string
		meta    gguf.Meta
		tensors []gguf.Tensor
		want    string
	}{
		{"gpt2", one("general.architecture", "mamba"), nil, `general.architecture is "mamba", want gpt2 or llama`},
		{"gpt2", one("general.architecture", nil), nil, `general.architecture is "", want gpt2 or llama`},
		{"gpt2", one("general.architecture", uint8(3)), nil, `general.architecture is uint8, want a string`},
		{"gpt2", one("general.type", "adapter"), nil, "general.type is adapter, want model; merge an adapter into its model with llama.cpp's llama-export-lora"},
		{"gpt2", one("split.count", uint16(3)), nil, "one of 3 files: merge them with llama.cpp's llama-gguf-split --merge"},
		{"gpt2", one("gpt2.block_count", nil), nil, "no gpt2.block_count in the metadata"},
		{"gpt2", one("gpt2.block_count", []int32{1, 2}), nil, "gpt2.block_count is an array of int32, want a whole number"},
		{"gpt2", one("gpt2.block_count", uint32(1<<30)), nil, "gpt2: the number of layers is 1073741824, want at most 1000"},
		{"gpt2", one("gpt2.attention.head_count", uint32(0)), nil, "gpt2.attention.head_count is 0, want 1 or more"},
		{"llama3", one("llama.attention.head_count", int32(-2)), nil, "llama.attention.head_count is -2, want 1 or more"},
		{"llama3", one("llama.embedding_length", uint32(0)), nil, "llama.embedding_length is 0, want 1 or more"},
		{"gpt2", one("gpt2.block_count", uint32(3)), nil, "missing h.2.ln_1.weight, h.2.ln_1.bias, h.2.attn.c_attn.weight, h.2.attn.c_attn.bias and 8 more"},
		{"gpt2", one("gpt2.attention.layer_norm_epsilon", float32(math.NaN())), nil, "gpt2.attention.layer_norm_epsilon is NaN, want a number"},
		{"gpt2", one("gpt2.attention.sliding_window", uint32(8)), nil, "unknown key gpt2.attention.sliding_window in the metadata; it may change what the model computes"},
		{"gpt2", one("gpt2.vocab_size", uint32(12)), nil, "gpt2.vocab_size is 12; token_embd.weight has 11 rows"},
		{"gpt2", nil, []gguf.Tensor{none("token_embd.weight")}, "no matrix token_embd.weight in it"},
		{"gpt2", nil, []gguf.Tensor{vector("blk.0.extra.weight", 1)}, "not in the model: blk.0.extra.weight"},
		{"gpt2", nil, []gguf.Tensor{vector("output_norm.bias", 1)}, "wrong: ln_f.bias is (1), want (8)"},
		{"gpt2", one("tokenizer.ggml.eos_token_id", "2"), nil, "tokenizer.ggml.eos_token_id is string, want a whole number"},
		{"llama3", one("llama.expert_count", uint32(8)), nil, "llama.expert_count is 8, want 0: a mixture of experts can be read only from a Hugging Face directory"},
		{"llama3", one("llama.rope.dimension_count", uint32(4)), nil, "llama.rope.dimension_count is 4, want 8, the number of columns of a query head"},
		{"llama3", one("llama.attention.value_length", uint32(4)), nil, "llama.attention.value_length is 4, want 8, the number of columns of a query head"},
		{"llama3", one("llama.rope.scaling.type", "linear"), nil, "llama.rope.scaling.type is linear, but there is also a tensor rope_freqs.weight: want only one of them"},
		{"llama3", nil, []gguf.Tensor{vector("rope_freqs.weight", 1, 1, 1, 5)}, "rope_freqs.weight has 1 for pair 2, want 2.352796774921519, for Llama 3's frequencies stretched by a factor of 5"},
		{"llama3", nil, []gguf.Tensor{vector("rope_freqs.weight", 1)}, "rope_freqs.weight is (1), want (4)"},
		{"llama3", nil, []gguf.Tensor{vector("blk.1.attn_q.weight", 1)}, "blk.1.attn_q.weight is (1), want an even number of rows for each of 2 heads"},
		{"llama3", one("llama.rope.scaling.factor", float32(2)), []gguf.Tensor{none("rope_freqs.weight")}, "llama.rope.scaling.factor is 2 without llama.rope.scaling.type"},
		{"yarn", one("llama.rope.scaling.type", "longrope"), nil, "llama.rope.scaling.type is longrope, want none, linear or yarn"},
		{"yarn", one("llama.rope.scaling.attn_factor", float32(2)), nil, "unknown key llama.rope.scaling.attn_factor in the metadata; it may change what the model computes"},
		{"yarn", one("llama.attention.head_count", uint32(3)), nil, "llama: num_key_value_heads is 2, want a divisor of the 3 heads"},
	} {
		path := changed(t, "testdata/gguf/"+c.from+".gguf", c.meta, c.tensors...)
		_, err := Load(path)
		if err == nil || !strings.HasPrefix(err.Error(), path+": "+c.want) {
			t.Errorf("%s: error %v\nwant %s: %s", c.from, err, path, c.want)
		} else {
			sourcetest.OneLine(t, err)
		}
	}
}

// TestGGUFTokenizer: a tokenizer survives a round trip through a file, with its chat template and a
// model's additional tokens.
func TestGGUFTokenizer(t *testing.T) {
	if testing.Short() {
		t.Skip("saves and loads 50,000 tokens")
	}
	l := loaded(t, "testdata/gguf/hf/gpt2")
	tok, err := tokenizer.GPT2()
	if err != nil {
		t.Fatal(err)
	}
	m, err := models.Set(l.Model, "vocab_size=50260", "n_embd=4", "n_head=1", "n_layer=1")
	if err != nil {
		t.Fatal(err)
	}
	params := graph.NewParams(1)
	if err := models.Declare(m, params); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.gguf")
	c := GGUF{Name: "x", Model: m, Params: params, DType: weights.F16, Tokenizer: tok, Template: "{{ messages }}", Ends: []int{50256, 198}}
	if err := SaveGGUF(path, c); err != nil {
		t.Fatal(err)
	}
	got := loaded(t, path)
	if got.Tokenizer == nil || got.Tokenizer.Size() != 50260 || !slices.Equal(got.Ends, c.Ends) {
		t.Errorf("tokenizer %v, ends %v", got.Tokenizer, got.Ends)
	}
	const text = "Zoë's café:  <|endoftext|> 12345\n\n€"
	want, err := tok.Append(nil, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if ids, err := got.Tokenizer.Append(nil, []byte(text)); !slices.Equal(ids, want) || err != nil {
		t.Errorf("ids %v, %v, want %v", ids, err, want)
	}
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if config, err := fs.ReadFile(d.Files(), "tokenizer_config.json"); err != nil || !strings.Contains(string(config), `"chat_template":"{{ messages }}"`) {
		t.Errorf("tokenizer_config.json %s, %v", config, err)
	}
	// For byte-level BPE, llama.cpp uses add_space_prefix only when it turns tokens into text. With tekken, it adds a
	// beginning-of-text token by default.
	spaced := loaded(t, changed(t, path, one("tokenizer.ggml.add_space_prefix", true)))
	if ids, err := spaced.Tokenizer.Append(nil, []byte(text)); !slices.Equal(ids, want) || err != nil {
		t.Errorf("ids %v, %v, want %v", ids, err, want)
	}
	begun := loaded(t, changed(t, path, append(one("tokenizer.ggml.pre", "tekken"), gguf.Value{Key: "tokenizer.ggml.add_bos_token"}, gguf.Value{Key: "tokenizer.ggml.bos_token_id", Value: uint32(50256)})))
	if front, _ := tokenizer.Around(begun.Tokenizer); !slices.Equal(front, []int{50256}) {
		t.Errorf("in front of tekken's texts is %v", front)
	}
	// A tokenizer that cannot be read is an error only for the tokenizer: the weights can be used.
	for pre, want := range map[any]string{
		"frog":   `tokenizer.ggml.pre is "frog"`,
		uint8(3): "tokenizer.ggml.pre is uint8, want a string",
	} {
		bad, err := Open(changed(t, path, one("tokenizer.ggml.pre", pre)))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := bad.LoadWeights(); err != nil {
			t.Fatal(err)
		}
		if _, err = bad.Tokenizer(50260); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
		if _, err := Recognize(bad.Path()); err != nil {
			t.Error(err)
		}
	}
	for want, meta := range map[string]gguf.Meta{
		"tokenizer.ggml.model is t5, want gpt2 or llama":                                                       one("tokenizer.ggml.model", "t5"),
		"unknown key tokenizer.ggml.precompiled_charsmap in the metadata; it may change how text is tokenized": one("tokenizer.ggml.precompiled_charsmap", []uint8{1}),
		"unknown key tokenizer.ggml.normalizer.lowercase in the metadata; it may change how text is tokenized": one("tokenizer.ggml.normalizer.lowercase", true),
	} {
		if _, err = Load(changed(t, path, meta)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// TestGGUFEnds: the tokens that end a text are kept even without a tokenizer.
func TestGGUFEnds(t *testing.T) {
	l := loaded(t, "testdata/gguf/hf/gpt2")
	path := filepath.Join(t.TempDir(), "x.gguf")
	if err := SaveGGUF(path, GGUF{Model: l.Model, Params: l.Params, DType: weights.F32, Ends: []int{5, 3}}); err != nil {
		t.Fatal(err)
	}
	if got := loaded(t, path); got.Tokenizer != nil || !slices.Equal(got.Ends, []int{5, 3}) {
		t.Errorf("ends %v", got.Ends)
	}
}

// TestGGUFEndTexts: control tokens whose text is known to end a text do so even if no key names them.
func TestGGUFEndTexts(t *testing.T) {
	for _, c := range []struct {
		tokens []string
		types  []int32
		want   []int
	}{
		{[]string{"a", "<|eot_id|>", "<|end_of_text|>", "<|eom_id|>", "<|endoftext|>"}, []int32{1, 3, 3, 3, 1}, []int{1, 2, 3}},
		{[]string{"<|return|>", "<|call|>", "<|end|>", "x", "<|endoftext|>"}, []int32{3, 3, 3, 1, 3}, []int{1, 0, 4}},
		{[]string{"<|end|>", "x"}, []int32{3, 1}, []int{1, 0}},
		{[]string{"<|end|>", "x"}, nil, []int{1}},
	} {
		meta := gguf.Meta{{Key: "tokenizer.ggml.tokens", Value: c.tokens}, {Key: "tokenizer.ggml.eos_token_id", Value: uint32(1)}}
		if c.types != nil {
			meta = append(meta, gguf.Value{Key: "tokenizer.ggml.token_type", Value: c.types})
		}
		if got, err := endsOfGGUF(meta); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q: ends %v, %v, want %v", c.tokens, got, err, c.want)
		}
	}
}

// TestGGUFSuppressed: suppress_tokens does not affect tokenization, and is reported as a setting that is not followed.
func TestGGUFSuppressed(t *testing.T) {
	generation, err := generationOfGGUF(one("tokenizer.ggml.suppress_tokens", []int32{3, 5}))
	if err != nil {
		t.Fatal(err)
	}
	asked, err := Unheeded(generation)
	if err != nil || len(asked) != 1 || !strings.Contains(asked[0], "suppress_tokens") {
		t.Errorf("%s: %q, %v", generation, asked, err)
	}
	if err := checkTokenizer(one("tokenizer.ggml.suppress_tokens", []int32{3})); err != nil {
		t.Error(err)
	}
}

// TestGGUFPieces: a SentencePiece vocabulary survives a round trip through a file.
func TestGGUFPieces(t *testing.T) {
	p := tokenizer.Pieces{
		Tokens: []string{"<unk>", "<s>", "</s>"}, Scores: []float32{0, 0, 0}, Types: []int{2, 3, 3},
		BOS: 1, EOS: 2, UNK: 0, AddBOS: true, SpacePrefix: true, Template: "{{ messages }}",
	}
	add := func(token string, score float32, kind int) {
		p.Tokens, p.Scores, p.Types = append(p.Tokens, token), append(p.Scores, score), append(p.Types, kind)
	}
	for b := range 256 {
		add(fmt.Sprintf("<0x%02X>", b), 0, 6)
	}
	for i, token := range []string{"▁a", "bc", "▁ab", "▁", "a", "b", "c"} {
		add(token, -float32(i), 1)
	}
	text, config, err := tokenizer.FromPieces(p)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.LoadFS(memfs.FS{"tokenizer.json": text, "tokenizer_config.json": config}, "x")
	if err != nil {
		t.Fatal(err)
	}
	m, err := models.Set(loaded(t, "testdata/gguf/hf/yarn").Model, fmt.Sprint("vocab_size=", len(p.Tokens)+3))
	if err != nil {
		t.Fatal(err)
	}
	params := graph.NewParams(1)
	if err := models.Declare(m, params); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.gguf")
	if err := SaveGGUF(path, GGUF{Model: m, Params: params, DType: weights.BF16, Tokenizer: tok}); err != nil {
		t.Fatal(err)
	}
	f := openedGGUF(t, path)
	for key, want := range map[string]any{
		"tokenizer.ggml.model": "llama", "tokenizer.ggml.bos_token_id": uint32(1), "tokenizer.ggml.add_bos_token": true, "tokenizer.ggml.add_space_prefix": true,
		"tokenizer.chat_template": p.Template, "general.file_type": uint32(32),
	} {
		if got := f.Meta().Get(key); got != want {
			t.Errorf("%s is %v, want %v", key, got, want)
		}
	}
	if scores, err := f.Meta().Floats("tokenizer.ggml.scores"); err != nil || len(scores) != len(p.Tokens)+3 || !slices.Equal(scores[259:262], []float32{0, -1, -2}) {
		t.Errorf("scores %v, %v", scores, err)
	}
	again, ends := loaded(t, path), []int{2}
	for _, text := range []string{"abc a", "é bc  ab\n", ""} {
		want, err := tok.Append(nil, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := again.Tokenizer.Append(nil, []byte(text)); !slices.Equal(got, want) || err != nil || !slices.Equal(again.Ends, ends) {
			t.Errorf("%q: ids %v, %v, want %v; ends %v", text, got, err, want, again.Ends)
		}
	}
	small, err := models.Set(m, "vocab_size=20")
	if err != nil {
		t.Fatal(err)
	}
	params = graph.NewParams(1)
	if err := models.Declare(small, params); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "y.gguf")
	err = SaveGGUF(other, GGUF{Model: small, Params: params, DType: weights.F32, Tokenizer: tok})
	sourcetest.Error(t, err, other+": the tokenizer has 266 tokens, want at most the model's 20")
}

// TestSaveGGUFErrors: models that llama.cpp computes differently, or that its format cannot hold, are rejected.
func TestSaveGGUFErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.gguf")
	for _, c := range []struct {
		model string
		set   []string
		dtype weights.DType
		want  string
	}{
		{"gpt2-nano", nil, weights.F32, "gpt2: llama.cpp has GELU in the tanh form only; activation_function is gelu: to export to llama.cpp, train with --set activation_function=gelu_new"},
		{"gpt2-nano", []string{"activation_function=gelu_new", "scale_attn_weights=false"}, weights.F32, "gpt2: llama.cpp scales attention's scores; scale_attn_weights is false"},
		{"gpt2-nano", []string{"activation_function=gelu_new", "scale_attn_by_inverse_layer_idx=true"}, weights.F32, "gpt2: llama.cpp scales attention the same way in all layers; scale_attn_by_inverse_layer_idx is true"},
		{"gpt2-nano", []string{"activation_function=gelu_new"}, weights.F64, "numbers of type F64, want F32, F16, BF16, Q8_0, Q4_0, Q4_1 or MXFP4"},
		{"gpt1-nano", nil, weights.F32, "gpt1: models of this family cannot be written as llama.cpp files"},
		{"llama-nano", []string{`rope_parameters={"rope_type":"ntk","factor":2}`}, weights.F32, `llama: llama.cpp does not support rope_type "ntk"`},
		{"llama-nano", []string{`rope_parameters={"rope_type":"yarn","factor":2,"original_max_position_embeddings":32,"beta_fast":16}`}, weights.F32,
			`llama: rope_parameters has more than yarn's factor and original_max_position_embeddings, which cannot be written: {"rope_type":"yarn","factor":2,"original_max_position_embeddings":32,"beta_fast":16}`},
	} {
		m, err := models.Find(c.model)
		if err == nil {
			m, err = models.Set(m, c.set...)
		}
		params := graph.NewParams(1)
		if err == nil {
			err = models.Declare(m, params)
		}
		if err != nil {
			t.Fatal(err)
		}
		sourcetest.Error(t, SaveGGUF(path, GGUF{Model: m, Params: params, DType: c.dtype}), path+": "+c.want)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: %v", path, err)
	}
	// What llama.cpp assumes may be spelled out.
	m, err := models.Find("llama-nano")
	if err == nil {
		m, err = models.Set(m, `rope_parameters={"rope_type":"yarn","factor":2,"original_max_position_embeddings":32,"beta_fast":32,"beta_slow":1,"truncate":true}`)
	}
	params := graph.NewParams(1)
	if err = errors.Join(err, models.Declare(m, params), SaveGGUF(path, GGUF{Model: m, Params: params, DType: weights.F32})); err != nil {
		t.Error(err)
	}
}

// TestUneven: matrices whose rows are not a whole number of blocks are reported.
func TestUneven(t *testing.T) {
	for _, c := range []struct {
		width, inner int
		dtype        weights.DType
		uneven       int
	}{{48, 192, weights.Q4_0, 7}, {48, 192, weights.F16, 0}, {48, 192, weights.F32, 0}, {64, 256, weights.Q8_0, 0}, {48, 48, weights.Q8_0, 8}} {
		m, err := models.Find("llama-nano")
		if err == nil {
			m, err = models.Set(m, fmt.Sprint("hidden_size=", c.width), fmt.Sprint("intermediate_size=", c.inner), fmt.Sprint("head_dim=", c.width/2),
				"num_hidden_layers=1", "num_attention_heads=2", "num_key_value_heads=2", "tie_word_embeddings=true")
		}
		params := graph.NewParams(1)
		if err == nil {
			err = models.Declare(m, params)
		}
		if err != nil {
			t.Fatal(err)
		}
		// The matrices: the embedding, four of attention, and three of the MLP, one of which has
		// rows of the inner width.
		uneven, matrices, first, err := GGUF{Model: m, Params: params, DType: c.dtype}.Uneven()
		if err != nil || matrices != 8 || uneven != c.uneven || (first == "") != (uneven == 0) {
			t.Errorf("%+v: %d of %d, %q, %v", c, uneven, matrices, first, err)
		}
	}
}

// FuzzGGUF: a file's metadata and tensors are either rejected with a one-line error, or give a model
// whose weights can be read.
func FuzzGGUF(f *testing.F) {
	for _, name := range converted {
		data, err := os.ReadFile("testdata/gguf/" + name + ".gguf")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	tokens := []gguf.Value{
		{Key: ggufTokenizer + "model", Value: "gpt2"}, {Key: ggufTokenizer + "pre", Value: "gpt-2"}, {Key: ggufTokenizer + "tokens", Value: []string{"a", "b", "ab"}},
		{Key: ggufTokenizer + "merges", Value: []string{"a b"}}, {Key: ggufTokenizer + "scores", Value: []float32{0, 0, 1}}, {Key: ggufTokenizer + "eos_token_id", Value: uint32(2)},
	}
	for _, kind := range []string{"gpt2", "llama"} {
		tokens[0].Value = kind
		var b bytes.Buffer
		if err := gguf.Write(&b, tokens, nil); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := gguf.New("x", bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		if _, err := tokenizerOfGGUF(file.Meta()); err != nil {
			sourcetest.OneLine(t, err)
		}
		if _, err := configOfGGUF(file); err != nil {
			sourcetest.OneLine(t, err)
		}
		src, err := ggufSource(file)
		if err != nil {
			sourcetest.OneLine(t, err)
			return
		}
		sourcetest.ReadAll(t, src, len(data))
	})
}
