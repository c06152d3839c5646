package llmc

import (
	"fmt"
	"math/bits"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// Dims are the sizes in a file's header.
type Dims struct {
	Context, Vocab, Layers, Heads, Width int

	// Padded is the number of rows of wte in the file.
	Padded int
}

// pad returns d with the padded vocabulary that llm.c requires.
func (d Dims) pad() Dims {
	d.Padded = (d.Vocab + 127) / 128 * 128
	return d
}

// place is a tensor in the file.
type place struct {
	weights.Info       // in Hugging Face's layout
	transposed   bool  // in the file
	at           int64 // offset in numbers
	pad          int   // numbers after it that belong to no tensor
}

// group is one of the 16 groups in the file.
type group struct {
	name       string
	rows, cols int // of the tensor in Hugging Face's layout; rows is 0 for a vector
	layered    bool
}

// groups lists the groups in the order of the file.
func (d Dims) groups() []group {
	c := d.Width
	return []group{
		{"wte.weight", d.Vocab, c, false},
		{"wpe.weight", d.Context, c, false},
		{"ln_1.weight", 0, c, true},
		{"ln_1.bias", 0, c, true},
		{"attn.c_attn.weight", c, 3 * c, true},
		{"attn.c_attn.bias", 0, 3 * c, true},
		{"attn.c_proj.weight", c, c, true},
		{"attn.c_proj.bias", 0, c, true},
		{"ln_2.weight", 0, c, true},
		{"ln_2.bias", 0, c, true},
		{"mlp.c_fc.weight", c, 4 * c, true},
		{"mlp.c_fc.bias", 0, 4 * c, true},
		{"mlp.c_proj.weight", 4 * c, c, true},
		{"mlp.c_proj.bias", 0, c, true},
		{"ln_f.weight", 0, c, false},
		{"ln_f.bias", 0, c, false},
	}
}

// count returns how many numbers a file holds, without listing the tensors. It returns false if no file can
// hold them.
func (d Dims) count() (uint64, bool) {
	n, ok := uint64(0), true
	add := func(factors ...int) {
		product := uint64(1)
		for _, f := range factors {
			hi, lo := bits.Mul64(product, uint64(f))
			ok = ok && hi == 0
			product = lo
		}
		n += product
		ok = ok && n < 1<<60 && product < 1<<60
	}
	add(d.Padded-d.Vocab, d.Width)
	for _, g := range d.groups() {
		layers := 1
		if g.layered {
			layers = d.Layers
		}
		add(layers, max(g.rows, 1), g.cols)
	}
	return n, ok
}

// places lists all tensors.
func (d Dims) places(t weights.DType) []place {
	var all []place
	at := int64(0)
	add := func(g group, name string) {
		p := place{Info: weights.Info{Name: name, Type: t, Shape: []int{g.cols}}, at: at}
		if g.rows > 0 {
			p.Shape = []int{g.rows, g.cols}
			p.transposed = g.layered
		}
		if name == "wte.weight" {
			p.pad = (d.Padded - d.Vocab) * d.Width
		}
		at += int64(p.Size() + p.pad)
		all = append(all, p)
	}
	for _, g := range d.groups() {
		if !g.layered {
			add(g, g.name)
			continue
		}
		for i := range d.Layers {
			add(g, fmt.Sprintf("h.%d.%s", i, g.name))
		}
	}
	return all
}
