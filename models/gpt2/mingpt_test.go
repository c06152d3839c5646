package gpt2_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// tolActivation bounds the difference between float32 activations and those that PyTorch recorded in float32,
// relative to elements above 1.
const tolActivation = 1e-5

// stored is a tensor in llm-viz's files: base64 of little-endian float32.
type stored struct {
	Shape []int
	Data  string
}

func (s stored) floats(t *testing.T) []float32 {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(s.Data)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, len(raw)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return x
}

// readStored reads one of llm-viz's files, without its "config".
func readStored(t *testing.T, name string) map[string]stored {
	path := filepath.Join("..", "..", "..", "shared", "data", "weights", "llm-viz", name)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("no trained minGPT to compare with: %v", err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	tensors := make(map[string]stored)
	for name, raw := range all {
		var s stored
		if json.Unmarshal(raw, &s) == nil && s.Data != "" {
			tensors[name] = s
		}
	}
	return tensors
}

// TestMinGPT runs a trained minGPT (3 layers, 3 heads, width 48, which sorts six digits), built from the
// layers of this module. It compares every activation that PyTorch recorded: all in the first block, those
// between blocks, and those of the head, which is untied.
func TestMinGPT(t *testing.T) {
	const batch, context, width, heads, blocks, vocab = 3, 11, 48, 3, 3, 3
	weights := readStored(t, "gpt-nano-sort-model.json")
	want := readStored(t, "gpt-nano-sort-t0-partials.json")

	params := graph.NewParams(1)
	s := graph.New(params)
	nodes := make(map[string]*G.Node)
	tokens := s.Ints("tokens", batch, context)
	nodes["tok_emb"], _ = layers.Embedding(s.At("wte"), tokens, vocab, width, graph.Init{})
	x := layers.LearnedPositions(s.At("wpe"), nodes["tok_emb"], context, graph.Init{})
	nodes["x"] = x
	for i := range blocks {
		b := s.At("h.%d", i)
		keep := func(name string, n *G.Node) *G.Node {
			if i == 0 {
				nodes[name] = n
			}
			return n
		}
		n := keep("ln1", layers.LayerNorm(b.At("ln_1"), x, layers.Norm{}))
		qkv := keep("qkv", layers.Linear(b.At("attn.c_attn"), n, 3*width, layers.Weights{}))
		queries, keys, values := ops.QKV(b, qkv, heads, heads)
		q := keep("q", ops.SplitHeads(b, queries))
		k := keep("k", ops.SplitHeads(b, keys))
		v := keep("v", ops.SplitHeads(b, values))
		scores := ops.Scale(b, ops.BatchedMatMul(b, q, k, false, true), 1/math.Sqrt(width/heads))
		scores = keep("att", ops.CausalMask(b, scores, 0))
		attention := keep("attSm", ops.Softmax(b, scores))
		y := keep("y", ops.MergeHeads(b, ops.BatchedMatMul(b, attention, v, false, false), heads))
		y = keep("yProj", layers.Linear(b.At("attn.c_proj"), y, width, layers.Weights{}))
		x = keep("attnResid", ops.Add(b, x, y))
		n = keep("ln2", layers.LayerNorm(b.At("ln_2"), x, layers.Norm{}))
		h := keep("fc", layers.Linear(b.At("mlp.c_fc"), n, 4*width, layers.Weights{}))
		h = keep("gelu", ops.GELU(b, h))
		h = keep("mlp", layers.Linear(b.At("mlp.c_proj"), h, width, layers.Weights{}))
		x = keep("mlpResid", ops.Add(b, x, h))
		nodes[[]string{"block0", "block1", "block2"}[i]] = x
	}
	nodes["ln_f"] = layers.LayerNorm(s.At("ln_f"), x, layers.Norm{})
	nodes["lm_head"] = layers.Head(s.At("lm_head"), nodes["ln_f"], vocab, graph.Init{})
	nodes["probs"] = ops.Softmax(s, nodes["lm_head"])
	var outs G.Nodes
	for _, n := range nodes {
		outs = append(outs, n)
	}
	p, err := s.Compile(outs...)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	// V·C twice, T·C, L·(12C² + 13C), 2C.
	if params.Count() != 85_728 {
		t.Errorf("%d parameters, want 85,728", params.Count())
	}
	for _, param := range params.All() {
		from, ok := weights["transformer."+param.Name()]
		if !ok {
			from = weights[param.Name()]
		}
		data := from.floats(t)
		// PyTorch's Linear is (outputs, inputs); embeddings and the head have the same layout here.
		if shape := param.Shape(); shape.Dims() == 2 && strings.Contains(param.Name(), ".c_") {
			for i := range shape[0] {
				for j := range shape[1] {
					param.Data()[i*shape[1]+j] = data[j*shape[0]+i]
				}
			}
			continue
		}
		if copy(param.Data(), data) != param.Size() {
			t.Fatalf("%s: %d values, want %d", param.Name(), len(data), param.Size())
		}
	}
	var ids []int
	for _, v := range want["idx"].floats(t) {
		ids = append(ids, int(v))
	}
	if err := p.SetInts("tokens", ids); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	for name, n := range nodes {
		got, want := p.Value(n), want[name].floats(t)
		if len(got) != len(want) {
			t.Fatalf("%s has %d values, want %d", name, len(got), len(want))
		}
		for i, w := range want {
			if name == "att" && i%context > i/context%context {
				continue // scores of later positions are minus infinity there, and some large number here
			}
			if d := math.Abs(float64(got[i]) - float64(w)); !(d <= tolActivation*max(1, math.Abs(float64(w)))) {
				t.Errorf("%s[%d] is %v, want %v", name, i, got[i], w)
				break
			}
		}
	}
}
