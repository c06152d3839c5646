package main

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/ops"
)

// piece is a change to GPT-2 that came after it: keys of its config.json, or edits by path. The code is
// that of docs/cookbook.md.
type piece struct {
	name  string
	set   []string
	edits func(c gpt2.Config) []graph.Option
}

// of returns a GPT-2 with the piece.
func (p piece) of(c gpt2.Config) (models.Model, error) {
	m, err := models.Set(c, p.set...)
	if err != nil || p.edits == nil {
		return m, err
	}
	return models.Edit(m, p.edits(c)...), nil
}

// changed returns a piece that changes the settings of all attention layers.
func changed(name string, changes ...func(c *layers.AttentionConfig)) piece {
	return edit(name, layers.EditAttention("h.*.attn", changes...))
}

// edit returns a piece of edits that do not depend on the sizes.
func edit(name string, edits ...graph.Option) piece {
	return piece{name, nil, func(gpt2.Config) []graph.Option { return edits }}
}

// pieces returns those of docs/layers.md, one by one.
func pieces() []piece {
	return []piece{
		{name: "no biases", set: []string{"bias=false"}},
		edit("RMSNorm", graph.Replace("h.*.ln_*", rms), graph.Replace("ln_f", rms)),
		edit("RoPE", graph.Remove("wpe"), layers.EditAttention("h.*.attn", layers.Rotary(ops.RotaryOptions{}))),
		edit("ALiBi", graph.Remove("wpe"), layers.EditAttention("h.*.attn", func(c *layers.AttentionConfig) { c.Slopes = ops.ALiBi(c.Heads) })),
		changed("GQA", func(c *layers.AttentionConfig) { c.KVHeads = c.Heads / 2 }),
		changed("MQA", func(c *layers.AttentionConfig) { c.KVHeads = 1 }),
		changed("QK-norm", layers.QKNorm(layers.RMS{})),
		changed("sinks", func(c *layers.AttentionConfig) { c.Sinks = true }),
		{name: "windows", edits: func(c gpt2.Config) []graph.Option {
			return []graph.Option{layers.EditAttention("h.*[02468].attn", func(a *layers.AttentionConfig) { a.Window = c.Context / 4 })}
		}},
		changed("soft-cap of scores", func(c *layers.AttentionConfig) { c.SoftCap = 50 }),
		{name: "SiLU", set: []string{"activation_function=silu"}},
		{name: "squared ReLU", set: []string{"activation_function=relu2"}},
		{name: "SwiGLU", edits: gated(ops.SiLU)},
		{name: "GEGLU", edits: gated(ops.GELU)},
		edit("parallel block", graph.Replace("h.*.ln_2", func(s *graph.Scope, _ *G.Node) *G.Node { return s.Result("ln_1") })),
		edit("gates of branches", graph.Before("h.*.*.residual", func(s *graph.Scope, x *G.Node) *G.Node {
			return layers.Gate(s.At("gate"), x, graph.Ones())
		})),
		edit("skip of the embedding", graph.Before("h.*", func(s *graph.Scope, x *G.Node) *G.Node {
			return ops.Add(s, x, layers.Gate(s.At("skip"), s.Result("wte"), graph.Zeros()))
		})),
		edit("skip of values", layers.EditAttention("h.[1-9]*.attn", func(c *layers.AttentionConfig) {
			c.Value = func(s *graph.Scope, v *G.Node) *G.Node {
				return ops.Add(s, v, layers.Gate(s.At("skip"), s.Result("h.0.attn.values"), graph.Zeros()))
			}
		})),
		{name: "untied head", set: []string{"tie_word_embeddings=false"}},
		edit("soft-cap of logits", layers.EditHead(func(c *layers.HeadConfig) { c.SoftCap = 15 })),
		edit("z-loss", layers.EditHead(func(c *layers.HeadConfig) { c.ZLoss = 1e-4 })),
		edit("label smoothing", layers.EditHead(func(c *layers.HeadConfig) { c.Smoothing = 0.1 })),
	}
}

func rms(s *graph.Scope, x *G.Node) *G.Node { return layers.RMSNorm(s, x, layers.RMS{}) }

// gated returns edits that make the MLP a gated one with about as many weights.
func gated(f layers.Activation) func(c gpt2.Config) []graph.Option {
	return func(c gpt2.Config) []graph.Option {
		return []graph.Option{graph.Replace("h.*.mlp", func(s *graph.Scope, x *G.Node) *G.Node {
			return layers.GatedMLP(s, x, 8*c.Width/3, f, c.Weights())
		})}
	}
}

// menus returns combinations of pieces in current models.
func menus() []piece {
	all := make(map[string]piece)
	for _, p := range pieces() {
		all[p.name] = p
	}
	bare := func(s *graph.Scope, x *G.Node) *G.Node { return layers.RMSNorm(s, x, layers.RMS{NoGain: true}) }
	return []piece{
		together("Llama's", all["no biases"], all["RMSNorm"], all["RoPE"], all["GQA"], all["SwiGLU"]),
		together("nanochat's", all["no biases"], all["squared ReLU"], all["untied head"], all["soft-cap of logits"], all["RoPE"],
			changed("", layers.QKNorm(layers.RMS{NoGain: true})),
			edit("", graph.Replace("h.*.ln_*", bare), graph.Replace("ln_f", bare), graph.After("wte", bare))),
	}
}

// together returns the combination of some pieces.
func together(name string, all ...piece) piece {
	p := piece{name: name, edits: func(c gpt2.Config) (edits []graph.Option) {
		for _, one := range all {
			if one.edits != nil {
				edits = append(edits, one.edits(c)...)
			}
		}
		return edits
	}}
	for _, one := range all {
		p.set = append(p.set, one.set...)
	}
	return p
}
