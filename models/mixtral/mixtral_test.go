package mixtral_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/checkpoint/safetensors"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/mixtral"
)

func ExampleNew() {
	c := mixtral.New(32000, 32768, 4096, 32, 32)
	c.KVHeads = 8
	s := graph.New(graph.NewParams(1))
	models.Logits(c, s, s.Ints("tokens", 1, 1))
	total := graph.Sum(s.Nodes())
	fmt.Println(total.Params, total.Active, s.Err())
	// Output: 46702792704 12879925248 <nil>
}

// Each block has a router, and a parameter for each matrix of all its experts.
func ExampleConfig_Body() {
	c := mixtral.New(11, 8, 16, 1, 2)
	s := graph.New(graph.NewParams(1))
	models.Logits(c, s, s.Ints("tokens", 1, 3))
	for _, p := range s.Params().All() {
		fmt.Println(p.Name(), p.Shape())
	}
	// Output:
	// embed_tokens.weight (11, 16)
	// layers.0.input_layernorm.weight (16)
	// layers.0.self_attn.q_proj.weight (16, 16)
	// layers.0.self_attn.k_proj.weight (16, 16)
	// layers.0.self_attn.v_proj.weight (16, 16)
	// layers.0.self_attn.o_proj.weight (16, 16)
	// layers.0.post_attention_layernorm.weight (16)
	// layers.0.block_sparse_moe.gate.weight (8, 16)
	// layers.0.block_sparse_moe.experts.w1.weight (8, 56, 16)
	// layers.0.block_sparse_moe.experts.w3.weight (8, 56, 16)
	// layers.0.block_sparse_moe.experts.w2.weight (8, 16, 56)
	// norm.weight (16)
	// lm_head.weight (11, 16)
}

// tiny returns a model, its weights, and the tensors in which it is stored.
func tiny(t *testing.T) (mixtral.Config, *graph.Params, models.Tensors, []weights.Tensor) {
	t.Helper()
	c := mixtral.New(11, 8, 4, 2, 2)
	c.Experts, c.Inner = 3, 5
	params := graph.NewParams(1)
	if err := models.Declare(c, params); err != nil {
		t.Fatal(err)
	}
	names, err := models.TensorsOf(c)
	if err != nil {
		t.Fatal(err)
	}
	var stored []weights.Tensor
	for _, p := range params.All() {
		stored = append(stored, names.Stored(weights.Tensor{Name: p.Name(), Shape: p.Shape(), Data: p.Data()})...)
	}
	return c, params, names, stored
}

// read sets the parameters of a model from tensors in a file.
func read(t *testing.T, c mixtral.Config, names models.Tensors, stored []weights.Tensor) (*graph.Params, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.safetensors")
	var file bytes.Buffer
	if err := safetensors.Write(&file, nil, weights.F32, stored); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, file.Bytes())
	src, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	params := graph.NewParams(2)
	if err := models.Declare(c, params); err != nil {
		t.Fatal(err)
	}
	if err := checkpoint.ReadParams(src, params, names); err != nil {
		return nil, fmt.Errorf("%s", strings.TrimPrefix(err.Error(), path+": "))
	}
	return params, nil
}

// fuse joins the tensors of single experts into those of the fused form.
func fuse(c mixtral.Config, stored []weights.Tensor) (all []weights.Tensor) {
	for _, x := range stored {
		if !strings.Contains(x.Name, ".experts.") {
			x.Name = strings.Replace(x.Name, "block_sparse_moe", "mlp", 1)
			all = append(all, x)
		}
	}
	for i := range c.Layers {
		up := weights.Tensor{Name: fmt.Sprintf("model.layers.%d.mlp.experts.gate_up_proj", i), Shape: []int{c.Experts, 2 * c.Inner, c.Width}}
		down := weights.Tensor{Name: fmt.Sprintf("model.layers.%d.mlp.experts.down_proj", i), Shape: []int{c.Experts, c.Width, c.Inner}}
		for e := range c.Experts {
			for _, w := range []string{"w1", "w3", "w2"} {
				of := slices.IndexFunc(stored, func(x weights.Tensor) bool {
					return x.Name == fmt.Sprintf("model.layers.%d.block_sparse_moe.experts.%d.%s.weight", i, e, w)
				})
				if w == "w2" {
					down.Data = append(down.Data, stored[of].Data...)
				} else {
					up.Data = append(up.Data, stored[of].Data...)
				}
			}
		}
		all = append(all, up, down)
	}
	return all
}

// TestForms: both forms of a file give the same parameters; the form that is written stores each expert separately.
func TestForms(t *testing.T) {
	c, params, names, stored := tiny(t)
	if len(stored) != 3+2*(7+9) {
		t.Errorf("%d tensors are stored", len(stored))
	}
	for form, tensors := range map[string][]weights.Tensor{"single": stored, "fused": fuse(c, stored)} {
		got, err := read(t, c, names, tensors)
		if err != nil {
			t.Errorf("%s: %v", form, err)
			continue
		}
		for _, p := range params.All() {
			if !slices.Equal(got.Get(p.Name()).Data(), p.Data()) {
				t.Errorf("%s: %s differs", form, p.Name())
			}
		}
	}
}

// TestFormErrors: experts of different shapes, missing experts, and experts that the model does not have are named.
func TestFormErrors(t *testing.T) {
	c, _, names, stored := tiny(t)
	const expert = "model.layers.1.block_sparse_moe.experts.2.w1.weight"
	at := slices.IndexFunc(stored, func(x weights.Tensor) bool { return x.Name == expert })
	for want, change := range map[string]func(all []weights.Tensor) []weights.Tensor{
		expert + " is (4, 4), want (5, 4)": func(all []weights.Tensor) []weights.Tensor {
			all[at].Shape, all[at].Data = []int{4, 4}, all[at].Data[:16]
			return all
		},
		"missing layers.1.block_sparse_moe.experts.2.w1.weight": func(all []weights.Tensor) []weights.Tensor { return slices.Delete(all, at, at+1) },
		"not in the model: model.layers.1.block_sparse_moe.experts.3.w1.weight": func(all []weights.Tensor) []weights.Tensor {
			return append(all, weights.Tensor{Name: "model.layers.1.block_sparse_moe.experts.3.w1.weight", Shape: []int{1}, Data: []float32{0}})
		},
		"model.layers.0.mlp.experts.down_proj is (2, 4, 5), want (3, 4, 5)": func(all []weights.Tensor) []weights.Tensor {
			all = fuse(c, all)
			i := slices.IndexFunc(all, func(x weights.Tensor) bool { return x.Name == "model.layers.0.mlp.experts.down_proj" })
			all[i].Shape, all[i].Data = []int{2, 4, 5}, all[i].Data[:40]
			return all
		},
	} {
		if _, err := read(t, c, names, change(slices.Clone(stored))); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestErrors: an error is one line, and names the key.
func TestErrors(t *testing.T) {
	for more, want := range map[string]string{
		`"num_experts_per_tok": 9`:                              "mixtral: num_experts_per_tok is 9, want 1 to the 8 experts",
		`"num_experts_per_tok": 0`:                              "mixtral: num_experts_per_tok is 0, want 1 to the 8 experts",
		`"num_local_experts": 0`:                                "mixtral: num_local_experts is 0, want 1 to 4096",
		`"num_key_value_heads": 5`:                              "mixtral: num_key_value_heads is 5, want a divisor of the 32 heads",
		`"intermediate_size": 0`:                                "mixtral: intermediate_size is 0, want 1 to 16777216",
		`"head_dim": -1`:                                        "mixtral: head_dim is -1, want 1 to 16777216, or null",
		`"sliding_window": -1`:                                  "mixtral: sliding_window is -1, want 1 to 16777216, or null",
		`"router_aux_loss_coef": -1`:                            "mixtral: router_aux_loss_coef is -1, want 0 or more",
		`"router_jitter_noise": 1`:                              "mixtral: router_jitter_noise is 1, want 0 to below 1",
		`"hidden_act": "gelu"`:                                  `mixtral: config.json: hidden_act is "gelu", want "silu" or "swish" or null: experts are SwiGLUs`,
		`"rope_theta": 0`:                                       "mixtral: config.json: rope_theta is 0, want more than 0, or null",
		`"rope_parameters": {"partial_rotary_factor": 0.5}`:     "mixtral: rope_parameters: partial_rotary_factor rotates 64 of 128 columns, want all",
		`"rope_scaling": {"rope_type": "dynamic", "factor": 2}`: `mixtral: rope_scaling: rope_type is "dynamic", want default, linear, ntk, yarn or llama3`,
	} {
		if _, err := models.Parse([]byte(`{"model_type": "mixtral", ` + more + `}`)); err == nil || err.Error() != want {
			t.Errorf("%s: %v\nwant %s", more, err, want)
		}
	}
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
