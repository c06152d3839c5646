package checkpoint_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/eval"
	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/ops"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// parallel is a family such as a user's package may declare: attention and MLP are computed in parallel, and
// the configuration has the keys of transformers' common configuration.
type parallel struct {
	Vocab   int     `json:"vocab_size"`
	Context int     `json:"max_position_embeddings"`
	Width   int     `json:"hidden_size"`
	Layers  int     `json:"num_hidden_layers"`
	Heads   int     `json:"num_attention_heads"`
	Inner   int     `json:"intermediate_size"`
	Dropout float64 `json:"hidden_dropout"`
	Tied    bool    `json:"tie_word_embeddings"`
}

func (c parallel) Body(s *graph.Scope, tokens *G.Node) (x, embedding *G.Node) {
	x, embedding = layers.Embedding(s.At("embed_tokens"), tokens, c.Vocab, c.Width, graph.Init{}) // (B·T, C)
	x = layers.SinusoidalPositions(s.At("positions"), x)                                          // (B·T, C)
	for i := range c.Layers {
		x = layers.Block(s.At("layers.%d", i), x, c.block) // (B·T, C)
	}
	return layers.LayerNorm(s.At("norm"), x, layers.Norm{}), embedding // (B·T, C)
}

func (c parallel) block(s *graph.Scope, x *G.Node) *G.Node {
	y := layers.LayerNorm(s.At("norm"), x, layers.Norm{})                                                  // (B·T, C)
	a := layers.Attention(s.At("self_attn"), y, layers.AttentionConfig{Heads: c.Heads})                    // (B·T, C)
	m := layers.MLP(s.At("mlp"), y, c.Inner, ops.SiLU, layers.BranchWeights{})                             // (B·T, C)
	return layers.Residual(s.At("mlp"), layers.Residual(s.At("self_attn"), x, a, c.Dropout), m, c.Dropout) // (B·T, C)
}

func init() {
	nano := parallel{Vocab: 257, Context: 16, Width: 16, Layers: 2, Heads: 2, Inner: 24, Tied: true}
	models.Register(models.Family{
		Type: "parallel", Architecture: "ParallelForCausalLM", Default: nano, Prefix: "model.",
		Sizes: []models.Named{{Name: "parallel-nano", About: "a test's", Model: nano}},
	})
}

// TestRegistered: a family that is registered only by this test is found by name, saved, loaded, scored,
// decoded and inspected, with a tied head and an untied one.
func TestRegistered(t *testing.T) {
	found, err := models.Find("parallel-nano")
	if err != nil {
		t.Fatal(err)
	}
	for _, tied := range []bool{true, false} {
		c := models.WithDims(found, models.Dims{Vocab: 257, Context: 12, Width: 8, Layers: 3, Heads: 2}).(parallel)
		c.Tied = tied
		params := graph.NewParams(1)
		if err := models.Declare(c, params); err != nil {
			t.Fatal(err)
		}
		if (params.Get("lm_head.weight") == nil) != tied {
			t.Errorf("tied %v: parameters %v", tied, params.Names())
		}
		dir := filepath.Join(t.TempDir(), "model")
		saveModel(t, dir, c, params)
		l, err := checkpoint.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		if l.Model != models.Model(c) || !slices.Equal(l.Params.Names(), params.Names()) {
			t.Errorf("loaded %+v with %v", l.Model, l.Params.Names())
		}
		g := generate.New(models.Graphs(l.Model), l.Params, c.Context)
		defer g.Close()
		ids, err := g.Generate(context.Background(), []int{1, 2, 3}, 5, generate.Options{})
		if err != nil || g.Whole() != nil {
			t.Fatal(err, g.Whole())
		}
		s := eval.NewSubject(models.Graphs(l.Model), l.Params, tokenizer.Bytes(), c.Context)
		defer s.Close()
		scored, err := s.Score(append([]int{1, 2, 3}, ids...), 3)
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range scored {
			if x.Best != ids[i] {
				t.Errorf("tied %v: token %d is %d, decoded %d", tied, i, x.Best, ids[i])
			}
		}
		if maps, err := models.AttentionMaps(l.Model, l.Params, ids, 2); err != nil || len(maps) != 2 {
			t.Errorf("%d maps, %v", len(maps), err)
		}
		if blocks, err := models.Blocks(l.Model); err != nil || blocks != "layers.*" {
			t.Errorf("blocks are %q, %v", blocks, err)
		}
	}
}

// TestRegisteredKeys: a key that may change the arithmetic is rejected by name.
func TestRegisteredKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "model")
	m, err := models.Find("parallel-nano")
	if err != nil {
		t.Fatal(err)
	}
	params := graph.NewParams(1)
	if err := models.Declare(m, params); err != nil {
		t.Fatal(err)
	}
	saveModel(t, dir, m, params)
	config, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		`"rope_theta": 1e4`:         `checkpoint_test: config.json: unknown key "rope_theta". It may change what the model computes; if not, remove it from the file`,
		`"hidden_siz": 8`:           `checkpoint_test: config.json: unknown key "hidden_siz"; did you mean "hidden_size"? It may change what the model computes; if not, remove it from the file`,
		`"num_hidden_layers": 2000`: "checkpoint_test: the number of layers is 2000, want at most 1000",
		`"hidden_dropout": 2`:       "checkpoint_test: a dropout rate of 2 is not in [0, 1); it is hidden_dropout",
	} {
		text := strings.Replace(string(config), "{", "{"+key+",", 1)
		if name, _, _ := strings.Cut(key, ":"); strings.Contains(string(config), name) {
			text = strings.Replace(text, "\n  "+name, "\n  \"ignored"+name[1:], 1)
			text = strings.Replace(text, `"ignored`, `"_attn_implementation`, 1)
		}
		if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := checkpoint.Load(dir); err == nil || err.Error() != dir+": "+want {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
}

// saveModel writes a checkpoint.
func saveModel(t *testing.T, dir string, m models.Model, params *graph.Params) {
	t.Helper()
	config, err := models.JSON(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkpoint.Save(dir, checkpoint.Contents{Config: config, Params: params}); err != nil {
		t.Fatal(err)
	}
}
