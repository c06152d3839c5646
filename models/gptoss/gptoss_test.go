package gptoss_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/checkpoint/safetensors"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gptoss"
	"github.com/gorgpt/gorgpt/ops"
)

// Query heads share keys and values, each head has a sink, and the weights of all experts are a single parameter.
func ExampleConfig_Body() {
	c := gptoss.New(11, 8, 16, 1, 4)
	c.KVHeads = 2
	s := graph.New(graph.NewParams(1))
	models.Logits(c, s, s.Ints("tokens", 1, 3))
	for _, p := range s.Params().All()[3:] {
		fmt.Println(p.Name(), p.Shape())
	}
	// Output:
	// layers.0.self_attn.q_proj.bias (16)
	// layers.0.self_attn.k_proj.weight (8, 16)
	// layers.0.self_attn.k_proj.bias (8)
	// layers.0.self_attn.v_proj.weight (8, 16)
	// layers.0.self_attn.v_proj.bias (8)
	// layers.0.self_attn.sinks (4)
	// layers.0.self_attn.o_proj.weight (16, 16)
	// layers.0.self_attn.o_proj.bias (16)
	// layers.0.post_attention_layernorm.weight (16)
	// layers.0.mlp.router.weight (8, 16)
	// layers.0.mlp.router.bias (8)
	// layers.0.mlp.experts.gate_up_proj (8, 32, 16)
	// layers.0.mlp.experts.gate_up_proj_bias (8, 32)
	// layers.0.mlp.experts.down_proj (8, 16, 16)
	// layers.0.mlp.experts.down_proj_bias (8, 16)
	// norm.weight (16)
	// lm_head.weight (11, 16)
}

func ExampleNew() {
	c := gptoss.New(65, 64, 128, 4, 4)
	fmt.Println(c.Experts, c.PerToken, c.Sliding(0), c.Sliding(1))
	// Output: 8 4 true false
}

func ExampleNewKinds() {
	text, err := gptoss.NewKinds([]string{"sliding_attention", "full_attention"}).MarshalJSON()
	fmt.Println(string(text), err)
	// Output: ["sliding_attention","full_attention"] <nil>
}

// named returns a model of the catalogue.
func named(t *testing.T, name string) gptoss.Config {
	t.Helper()
	for _, n := range gptoss.Sizes() {
		if n.Name == name {
			return n.Model.(gptoss.Config)
		}
	}
	t.Fatalf("no %s", name)
	return gptoss.Config{}
}

// TestCounts: total and active parameters, which OpenAI states as 20.9B and 3.6B, and 116.8B and 5.1B; active
// ones do not include the token embedding. It also checks the size in bytes of the published tensors, which
// leaves 36,216 bytes for the header of gpt-oss-20b's original/model.safetensors, a file of 13,761,300,984 bytes.
func TestCounts(t *testing.T) {
	for name, want := range map[string]struct{ total, active, stored int64 }{
		"gpt-oss-20b":  {20_914_757_184, 3_608_307_264, 13_761_264_768},
		"gpt-oss-120b": {116_829_156_672, 5_132_849_472, 65_248_815_744},
	} {
		c := named(t, name)
		s := graph.New(graph.NewParams(1))
		models.Logits(c, s, s.Ints("tokens", 1, 1))
		if s.Err() != nil {
			t.Fatal(s.Err())
		}
		total := graph.Sum(s.Nodes())
		if active := total.Active - int64(c.Vocab*c.Width); total.Params != want.total || active != want.active {
			t.Errorf("%s: %d parameters, %d active, want %d and %d", name, total.Params, active, want.total, want.active)
		}
		names, err := models.TensorsOf(c)
		if err != nil {
			t.Fatal(err)
		}
		stored := int64(0)
		for _, p := range s.Params().All() {
			n := int64(p.Size())
			if names.Swapped(p.Name()) {
				stored += n/2 + n/32
			} else {
				stored += 2 * n
			}
		}
		if stored != want.stored {
			t.Errorf("%s: %d bytes of tensors, want %d", name, stored, want.stored)
		}
	}
}

// publishedConfig is gpt-oss-20b's config.json.
const publishedConfig = `{"architectures": ["GptOssForCausalLM"], "attention_bias": true, "attention_dropout": 0.0, "eos_token_id": 200002, "experts_per_token": 4, "head_dim": 64,
	"hidden_act": "silu", "hidden_size": 2880, "initial_context_length": 4096, "initializer_range": 0.02, "intermediate_size": 2880, "layer_types": [TYPES],
	"max_position_embeddings": 131072, "model_type": "gpt_oss", "num_attention_heads": 64, "num_experts_per_tok": 4, "num_hidden_layers": 24,
	"num_key_value_heads": 8, "num_local_experts": 32, "output_router_logits": false, "pad_token_id": 199999,
	"quantization_config": {"modules_to_not_convert": ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"], "quant_method": "mxfp4"},
	"rms_norm_eps": 1e-05, "rope_scaling": {"beta_fast": 32.0, "beta_slow": 1.0, "factor": 32.0, "original_max_position_embeddings": 4096, "rope_type": "yarn", "truncate": false},
	"rope_theta": 150000, "router_aux_loss_coef": 0.9, "sliding_window": 128, "swiglu_limit": 7.0, "tie_word_embeddings": false, "transformers_version": "4.55.0.dev0",
	"use_cache": true, "vocab_size": 201088}`

func published() string {
	return strings.Replace(publishedConfig, "TYPES", strings.TrimSuffix(strings.Repeat(`"sliding_attention", "full_attention", `, 12), ", "), 1)
}

// TestPublished: the published config.json, and the one in original/, give the catalogue's model.
func TestPublished(t *testing.T) {
	m, err := models.Parse([]byte(published()))
	if err != nil {
		t.Fatal(err)
	}
	c, want := m.(gptoss.Config), named(t, "gpt-oss-20b")
	// experts_per_token is ignored, as in transformers, which does not know the key.
	other, err := models.Parse([]byte(strings.Replace(published(), `"experts_per_token": 4`, `"experts_per_token": 2`, 1)))
	if err != nil || other.(gptoss.Config).PerToken != 4 {
		t.Errorf("%v, %v", other, err)
	}
	// transformers takes an empty object for null, and null for false.
	scaling := `"rope_scaling": {"beta_fast"`
	empty, err := models.Parse([]byte(strings.Replace(published(), scaling, `"rope_scaling": {}, "rope_parameters": {"beta_fast"`, 1)))
	if err != nil || empty != m {
		t.Errorf("%+v, %v\nwant %+v", empty, err, m)
	}
	none, err := ops.ParseRotary([]byte(`{"rope_type": "yarn", "factor": 32, "original_max_position_embeddings": 4096, "truncate": null}`), 64)
	if err != nil || none.Scaling.Truncate == nil || *none.Scaling.Truncate {
		t.Errorf("%+v, %v", none, err)
	}
	for i := range c.Layers {
		if c.Sliding(i) != want.Sliding(i) {
			t.Errorf("layer %d sliding: %t", i, c.Sliding(i))
		}
	}
	if c.Theta != 150000 {
		t.Errorf("theta %v", c.Theta)
	}
	if c.Types, c.Theta, c.Rotary = "", 0, want.Rotary; c != want {
		t.Errorf("it is %+v, want %+v", c, want)
	}
	text, err := models.JSON(m)
	if err != nil || strings.Contains(string(text), "quantization_config") {
		t.Errorf("written again: %v, %s", err, text)
	}
}

// TestBadConfigs: settings that are not supported are rejected by name.
func TestBadConfigs(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{`"swiglu_limit": 7.0`, `"swiglu_limit": 5`, "gptoss: swiglu_limit is 5, want 7"},
		{`"swiglu_limit": 7.0`, `"swiglu_alpha": 1`, "gptoss: swiglu_alpha is 1, want 1.702"},
		{`"hidden_act": "silu"`, `"hidden_act": "gelu"`, `gptoss: config.json: hidden_act is "gelu", want "silu" or null: experts have a clamped SwiGLU`},
		{`"attention_bias": true`, `"attention_bias": false`, "gptoss: config.json: attention_bias is false, want true: queries, keys, values and their output have biases"},
		{`"quant_method": "mxfp4"`, `"quant_method": "gptq"`, `gptoss: config.json: quantization_config: quant_method is "gptq", want mxfp4`},
		{`"rope_type": "yarn"`, `"rope_type": "dynamic"`, `gptoss: rope_scaling: rope_type is "dynamic", want default, linear, ntk, yarn or llama3`},
		{`"truncate": false`, `"truncate": false, "partial_rotary_factor": 0.5`, "gptoss: rope_parameters: partial_rotary_factor rotates 32 of 64 columns, want all"},
		{`"rope_theta": 150000`, `"rope_theta": 0`, "gptoss: config.json: rope_theta is 0, want more than 0, or null"},
		{`"num_experts_per_tok": 4`, `"num_experts_per_tok": 33, "experts_per_token": 33`, "gptoss: num_experts_per_tok is 33, want 1 to the 32 experts"},
		{`"num_local_experts": 32`, `"num_local_experts": 0`, "gptoss: num_local_experts is 0, want 1 to 4096"},
		{`"sliding_window": 128`, `"sliding_window": 0`, "gptoss: sliding_window is 0, want 1 to 16777216"},
		{`"num_key_value_heads": 8`, `"num_key_value_heads": 7`, "gptoss: num_key_value_heads is 7, want a divisor of the 64 heads"},
		{`"num_hidden_layers": 24`, `"num_hidden_layers": 23`, "gptoss: layer_types has 24 entries, want one for each of the 23 layers"},
		{`["sliding_attention", `, `["linear_attention", `, `gptoss: config.json: layer_types[0] is "linear_attention", want sliding_attention or full_attention`},
		{`"use_cache": true`, `"logits_soft_cap": 3`, `gptoss: config.json: unknown key "logits_soft_cap". It may change what the model computes; if not, remove it from the file`},
	} {
		text := strings.Replace(strings.Replace(published(), `"experts_per_token": 4, `, "", 1), c.old, c.new, 1)
		if _, err := models.Parse([]byte(text)); err == nil || err.Error() != c.want {
			t.Errorf("%s: error %v\nwant  %s", c.new, err, c.want)
		}
	}
}

// tiny returns a model whose rows are whole blocks, with weights that are exact in MXFP4 and BF16.
func tiny(t *testing.T) (gptoss.Config, *graph.Params) {
	t.Helper()
	c := gptoss.New(13, 16, 64, 2, 4)
	c.KVHeads, c.HeadSize, c.Inner, c.Experts, c.PerToken, c.Window, c.InitStd = 2, 8, 32, 4, 2, 3, 1
	params := graph.NewParams(1)
	if err := models.Declare(c, params); err != nil {
		t.Fatal(err)
	}
	for _, p := range params.All() {
		for i, v := range p.Data() {
			p.Data()[i] = float32(math.Round(float64(v)*2)) / 2 // multiples of 1/2 up to 3
			if v := p.Data()[i]; v == 2.5 || v == -2.5 || v > 3 || v < -3 {
				p.Data()[i] = 1
			}
		}
	}
	return c, params
}

// stored saves a model in MXFP4 and opens its file.
func stored(t *testing.T, c gptoss.Config, params *graph.Params, dir string) *safetensors.File {
	t.Helper()
	config, err := models.JSON(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkpoint.Save(dir, checkpoint.Contents{Config: config, Params: params, DType: weights.MXFP4}); err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Open(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// same reports weights that differ between two stores.
func same(t *testing.T, got, want *graph.Params) {
	t.Helper()
	for _, p := range want.All() {
		g := got.Get(p.Name())
		if g == nil || !slices.Equal(g.Data(), p.Data()) {
			t.Errorf("%s differs", p.Name())
		}
	}
}

// read opens a model in any form.
func read(t *testing.T, path string) (models.Model, *graph.Params, error) {
	t.Helper()
	o, err := checkpoint.Recognize(path)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Weights.Close()
	m, err := models.Parse(o.Config)
	if err != nil {
		t.Fatal(err)
	}
	params := graph.NewParams(2)
	if err := models.Declare(m, params); err != nil {
		t.Fatal(err)
	}
	return m, params, o.MapParams(params)
}

// TestFiles: files written in MXFP4 with the published names, as plain numbers, and like those in
// original/, can be read back.
func TestFiles(t *testing.T) {
	c, params := tiny(t)
	dir := filepath.Join(t.TempDir(), "mxfp4")
	f := stored(t, c, params, dir)
	for name, want := range map[string]string{
		"model.layers.1.mlp.experts.gate_up_proj_blocks": "U8 (4, 64, 2, 16)", "model.layers.1.mlp.experts.gate_up_proj_scales": "U8 (4, 64, 2)",
		"model.layers.0.mlp.experts.down_proj_blocks": "U8 (4, 64, 1, 16)", "model.layers.0.mlp.experts.down_proj_bias": "BF16 (4, 64)",
		"model.layers.0.self_attn.sinks": "BF16 (4)", "lm_head.weight": "BF16 (13, 64)", "model.embed_tokens.weight": "BF16 (13, 64)",
	} {
		info, ok := f.Lookup(name)
		if got := fmt.Sprintf("%s %s", info.Type, weights.ShapeText(info.Shape)); !ok || got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	_, again, err := read(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	same(t, again, params)

	config, err := models.JSON(c)
	if err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(t.TempDir(), "plain")
	if err := checkpoint.Save(plain, checkpoint.Contents{Config: config, Params: params}); err != nil {
		t.Fatal(err)
	}
	g, err := safetensors.Open(filepath.Join(plain, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if info, _ := g.Lookup("model.layers.0.mlp.experts.gate_up_proj"); !slices.Equal(info.Shape, []int{4, 64, 64}) {
		t.Errorf("gate_up_proj is %v", info.Shape)
	}
	if info, _ := g.Lookup("model.layers.0.mlp.experts.down_proj"); !slices.Equal(info.Shape, []int{4, 32, 64}) { // (E, in, out)
		t.Errorf("down_proj is %v", info.Shape)
	}
	_, again, err = read(t, plain)
	if err != nil {
		t.Fatal(err)
	}
	same(t, again, params)

	m, again, err := read(t, original(t, c, f))
	if err != nil {
		t.Fatal(err)
	}
	same(t, again, params)
	got := m.(gptoss.Config)
	if rope, err := got.Rotary.Options(0, 0, 8); err != nil || rope.Scaling.Factor != 32 || got.Context != 131072 || got.PerToken != 2 || got.Window != 3 {
		t.Errorf("original's configuration is %+v, %v", got, err)
	}
}

// originalNames replaces transformers' names by those in OpenAI's files.
var originalNames = strings.NewReplacer("model.layers.", "block.", "self_attn.o_proj", "attn.out", "self_attn.sinks", "attn.sinks", "input_layernorm.weight", "attn.norm.scale",
	"post_attention_layernorm.weight", "mlp.norm.scale", "mlp.router", "mlp.gate", "mlp.experts.gate_up_proj_bias", "mlp.mlp1_bias", "mlp.experts.down_proj_bias", "mlp.mlp2_bias",
	"mlp.experts.gate_up_proj_", "mlp.mlp1_weight.", "mlp.experts.down_proj_", "mlp.mlp2_weight.", "model.embed_tokens", "embedding", "model.norm.weight", "norm.scale", "lm_head", "unembedding")

// original writes a file's tensors to a directory like OpenAI's original/.
func original(t *testing.T, c gptoss.Config, f *safetensors.File) string {
	t.Helper()
	var all []weights.Tensor
	whole := make(map[string]*weights.Tensor)
	for _, part := range []string{"q_proj", "k_proj", "v_proj"} { // concatenated in this order
		for _, info := range f.Tensors() {
			if strings.Contains(info.Name, part) {
				name := originalNames.Replace(strings.Replace(info.Name, "self_attn."+part, "attn.qkv", 1))
				x := make([]float32, info.Size())
				if err := f.Read(info.Name, x); err != nil {
					t.Fatal(err)
				}
				if whole[name] == nil {
					whole[name] = &weights.Tensor{Name: name, Shape: append([]int{0}, info.Shape[1:]...)}
				}
				whole[name].Shape[0] += info.Shape[0]
				whole[name].Data = append(whole[name].Data, x...)
			}
		}
	}
	for _, x := range whole {
		all = append(all, *x)
	}
	for _, info := range f.Tensors() {
		x := weights.Tensor{Name: originalNames.Replace(info.Name), Shape: info.Shape}
		var err error
		switch {
		case strings.Contains(info.Name, "q_proj"), strings.Contains(info.Name, "k_proj"), strings.Contains(info.Name, "v_proj"):
			continue
		case info.Type == weights.U8:
			x.Bytes, err = f.Raw(info.Name)
		default:
			x.Data = make([]float32, info.Size())
			err = f.Read(info.Name, x.Data)
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, x)
	}
	dir := t.TempDir()
	w, err := os.Create(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if err := safetensors.Write(w, nil, weights.BF16, all); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	config, err := json.Marshal(map[string]any{
		"num_hidden_layers": c.Layers, "num_experts": c.Experts, "experts_per_token": c.PerToken, "vocab_size": c.Vocab, "hidden_size": c.Width,
		"intermediate_size": c.Inner, "swiglu_limit": 7.0, "head_dim": c.HeadSize, "num_attention_heads": c.Heads, "num_key_value_heads": c.KVHeads,
		"sliding_window": c.Window, "initial_context_length": 4096, "rope_theta": 150000, "rope_scaling_factor": 32.0, "rope_ntk_alpha": 1, "rope_ntk_beta": 32,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), config, 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestPackedDecode: weights that are loaded for inference stay packed while decoding, and give bit for bit
// the same results as decoded ones.
func TestPackedDecode(t *testing.T) {
	c, params := tiny(t)
	dir := filepath.Join(t.TempDir(), "mxfp4")
	stored(t, c, params, dir)
	loaded, err := checkpoint.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	tokens := func(params *graph.Params) (text []string) {
		g := generate.New(models.Graphs(loaded.Model), params, 16)
		defer g.Close()
		for token, err := range g.Stream(t.Context(), []int{1, 2, 3, 4, 5, 6, 7}, 8, generate.Options{LogProbs: 13}) {
			if err != nil {
				t.Fatal(err)
			}
			text = append(text, fmt.Sprint(token.ID, token.LogProb, token.Best))
		}
		return text
	}
	if got, want := tokens(loaded.Params), tokens(params); len(want) != 8 || !slices.Equal(got, want) {
		t.Errorf("of blocks %v\nof numbers %v", got, want)
	}
	for _, p := range loaded.Params.All() {
		if blocks, _ := p.Packed(); (blocks != nil) != (strings.HasSuffix(p.Name(), "experts.gate_up_proj") || strings.HasSuffix(p.Name(), "experts.down_proj")) {
			t.Errorf("%s is in blocks: %t", p.Name(), blocks != nil)
		}
	}
	again := filepath.Join(t.TempDir(), "again") // the blocks are saved as they are, without being decoded
	f := stored(t, loaded.Model.(gptoss.Config), loaded.Params, again)
	_, back, err := read(t, filepath.Dir(f.Name()))
	if err != nil {
		t.Fatal(err)
	}
	same(t, back, params)
}

// TestBadFiles: a scale of 255, blocks of the wrong size, and an unknown key in the configuration
// in original/ are rejected.
func TestBadFiles(t *testing.T) {
	c, params := tiny(t)
	dir := filepath.Join(t.TempDir(), "mxfp4")
	f := stored(t, c, params, dir)
	path := filepath.Join(dir, "model.safetensors")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write := func(change func(x *weights.Tensor)) {
		var all []weights.Tensor
		for _, info := range f.Tensors() {
			x := weights.Tensor{Name: info.Name, Shape: info.Shape}
			if info.Type == weights.U8 {
				x.Bytes, err = f.Raw(info.Name)
				x.Bytes = slices.Clone(x.Bytes)
			} else {
				x.Data = make([]float32, info.Size())
				err = f.Read(info.Name, x.Data)
			}
			if err != nil {
				t.Fatal(err)
			}
			change(&x)
			all = append(all, x)
		}
		var b strings.Builder
		if err := safetensors.Write(&b, nil, weights.BF16, all); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+".new", []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil { // f keeps reading the old file
			t.Fatal(err)
		}
	}
	for want, change := range map[string]func(x *weights.Tensor){
		": model.layers.0.mlp.experts.down_proj_scales: scale 3 is 255, which stands for no number": func(x *weights.Tensor) {
			if strings.HasSuffix(x.Name, "0.mlp.experts.down_proj_scales") {
				x.Bytes[3] = 255
			}
		},
		": model.layers.0.mlp.experts.down_proj_scales is U8 (256, 1), want U8 (4, 64, 1): a scale for each block of model.layers.0.mlp.experts.down_proj_blocks": func(x *weights.Tensor) {
			if strings.HasSuffix(x.Name, "0.mlp.experts.down_proj_scales") {
				x.Shape = []int{256, 1}
			}
		},
		": wrong: model.layers.0.mlp.experts.down_proj is (4, 32, 64), want (4, 64, 32)": func(x *weights.Tensor) {
			if strings.HasSuffix(x.Name, "0.mlp.experts.down_proj_scales") {
				x.Shape = []int{4, 32, 2}
			}
			if strings.HasSuffix(x.Name, "0.mlp.experts.down_proj_blocks") {
				x.Shape = []int{4, 32, 2, 16}
			}
		},
		": model.layers.0.mlp.experts.gate_up_proj: element 0 is +Inf, want a finite number": func(x *weights.Tensor) {
			if strings.HasSuffix(x.Name, "0.mlp.experts.gate_up_proj_scales") {
				x.Bytes[0] = 254
			}
			if strings.HasSuffix(x.Name, "0.mlp.experts.gate_up_proj_blocks") {
				x.Bytes[0] = 7
			}
		},
	} {
		write(change)
		if _, _, err := read(t, dir); err == nil || err.Error() != path+want {
			t.Errorf("error %v\nwant  %s", err, path+want)
		}
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "config.json"), []byte(`{"experts_per_token": 2, "temperature": 3}`), 0o666); err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(folder, "config.json") + `: unknown key "temperature"; want those of gpt-oss as OpenAI published it`
	if _, err := checkpoint.Recognize(folder); err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
}
