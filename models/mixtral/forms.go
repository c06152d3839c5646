package mixtral

import (
	"fmt"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/models/family"
)

// forms returns the two ways in which files hold experts: one by one, as in the published files and as
// transformers writes them, and fused, as transformers holds them in memory, where the rows of w1 come before
// those of w3.
func forms(m family.Model) [][]weights.Whole {
	c := m.(Config)
	var single, fused []weights.Whole
	for i := range c.Layers {
		block, mlp := fmt.Sprintf("layers.%d.block_sparse_moe.", i), fmt.Sprintf("layers.%d.mlp.", i)
		in, out := []int{c.Inner, c.Width}, []int{c.Width, c.Inner} // of one expert
		stack := func(shape []int) []int { return append([]int{c.Experts}, shape...) }
		both := weights.Piece{Name: mlp + "experts.gate_up_proj", Shape: in, Of: stack([]int{2 * c.Inner, c.Width})}
		for _, w := range []struct {
			name  string
			shape []int
		}{{"w1", in}, {"w2", out}, {"w3", in}} {
			one := weights.Whole{Name: block + "experts." + w.name + ".weight", Shape: stack(w.shape)}
			part := one
			for e := range c.Experts {
				one.Pieces = append(one.Pieces, weights.Piece{Name: fmt.Sprintf("%sexperts.%d.%s.weight", block, e, w.name), Shape: w.shape})
				both.From = 2 * e * c.Inner * c.Width
				if w.name == "w3" {
					both.From += c.Inner * c.Width
				}
				part.Pieces = append(part.Pieces, both)
			}
			if w.name == "w2" {
				part.Pieces = []weights.Piece{{Name: mlp + "experts.down_proj", Shape: one.Shape}}
			}
			single, fused = append(single, one), append(fused, part)
		}
		gate := []int{c.Experts, c.Width}
		fused = append(fused, weights.Whole{Name: block + "gate.weight", Shape: gate, Pieces: []weights.Piece{{Name: mlp + "gate.weight", Shape: gate}}})
	}
	return [][]weights.Whole{single, fused}
}
