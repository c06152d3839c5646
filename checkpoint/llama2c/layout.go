package llama2c

import (
	"fmt"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// Ids that are fixed in run.c.
const (
	unknown = 0
	BOS     = 1 // begins a text
	EOS     = 2 // ends a conversation's turn
	bytesAt = 3 // the byte 0; the other 255 follow
)

// Dims are the sizes in a file's header.
type Dims struct {
	Width, Inner, Layers, Heads, KVHeads, Vocab, Context int

	// Tied says that the head shares the token embedding.
	Tied bool
}

// headSize is the number of rows of a head, D.
func (d Dims) headSize() int { return d.Width / d.Heads }

// check returns what is wrong with the sizes in a file, or nil. Within these bounds no product overflows.
func (d Dims) check() error {
	for _, size := range []struct {
		name    string
		n, most int
	}{
		{"width", d.Width, 1 << 18}, {"inner width", d.Inner, 1 << 20}, {"number of layers", d.Layers, 1000}, {"number of heads", d.Heads, 1 << 12},
		{"number of key/value heads", d.KVHeads, d.Heads}, {"vocabulary", d.Vocab, 1 << 22}, {"context", d.Context, 1 << 24},
	} {
		if size.n < 1 || size.n > size.most {
			return fmt.Errorf("the %s is %d, want 1 to %d", size.name, size.n, size.most)
		}
	}
	switch {
	case d.Width%(2*d.Heads) != 0:
		return fmt.Errorf("the width %d does not give each of %d heads an even number of columns", d.Width, d.Heads)
	case d.Heads%d.KVHeads != 0:
		return fmt.Errorf("the number of heads, %d, is not a multiple of %d key/value heads", d.Heads, d.KVHeads)
	}
	return nil
}

// group is a tensor of each layer, or one of the whole model.
type group struct {
	name       string
	rows, cols int // rows is 0 for a vector
	layered    bool
	heads      int // number of heads whose rows are in pairs
}

// The names are Hugging Face's, without their prefix.
const (
	embedding = "embed_tokens.weight"
	lastNorm  = "norm.weight"
	headName  = "lm_head.weight"
)

// norms lists the vectors of a file, those of layers first.
func (d Dims) norms() []group {
	return []group{
		{name: "input_layernorm.weight", cols: d.Width, layered: true},
		{name: "post_attention_layernorm.weight", cols: d.Width, layered: true},
		{name: lastNorm, cols: d.Width},
	}
}

// matrices lists the matrices of a file except the head, the embedding first.
func (d Dims) matrices() []group {
	c, kv := d.Width, d.KVHeads*d.headSize()
	return []group{
		{embedding, d.Vocab, c, false, 0},
		{"self_attn.q_proj.weight", c, c, true, d.Heads},
		{"self_attn.k_proj.weight", kv, c, true, d.KVHeads},
		{"self_attn.v_proj.weight", kv, c, true, 0},
		{"self_attn.o_proj.weight", c, c, true, 0},
		{"mlp.gate_proj.weight", d.Inner, c, true, 0},
		{"mlp.down_proj.weight", c, d.Inner, true, 0},
		{"mlp.up_proj.weight", d.Inner, c, true, 0},
	}
}

// angles stands for the cosines and sines in the first form, which are not tensors.
const angles = ""

// groups lists the groups of a file in order, by its version.
func (d Dims) groups(version int) []group {
	norms, matrices := d.norms(), d.matrices()
	all := append(norms, matrices...)
	if version == 0 {
		all = []group{matrices[0], norms[0], matrices[1], matrices[2], matrices[3], matrices[4], norms[1], matrices[5], matrices[6], matrices[7], norms[2],
			{name: angles, rows: d.Context, cols: d.headSize()}}
	}
	if !d.Tied {
		all = append(all, group{name: headName, rows: d.Vocab, cols: d.Width})
	}
	return all
}

// place is a tensor in the file.
type place struct {
	weights.Info
	heads int   // number of heads whose rows are in pairs
	at    int64 // offset of its numbers in bytes; scale is the offset of the groups' scales
	scale int64
}

// places lists all tensors of a file of the given version with groups of the given size, and returns the end
// of the file.
func (d Dims) places(version, group int) (all []place, end int64) {
	end = headerSize(version)
	for _, g := range d.groups(version) {
		for i := range layersOf(g, d) {
			p := place{Info: weights.Info{Name: g.name, Type: weights.F32, Shape: []int{g.rows, g.cols}}, heads: g.heads, at: end}
			if g.rows == 0 {
				p.Shape = p.Shape[1:]
			}
			if g.layered {
				p.Name = fmt.Sprintf("layers.%d.%s", i, g.name)
			}
			if version == 2 && g.rows > 0 {
				p.Type, p.scale = weights.Q8_0, end+int64(p.Size())
				end = p.scale + int64(4*(p.Size()/group))
			} else {
				end += int64(4 * p.Size())
			}
			if g.name != angles {
				all = append(all, p)
			}
		}
	}
	return all, end
}

// layersOf returns the number of tensors in a group.
func layersOf(g group, d Dims) int {
	if g.layered {
		return d.Layers
	}
	return 1
}
