package weights

import (
	"slices"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Transposed returns a source for src, in which the matrices that pick selects by name are stored transposed,
// as in torch.nn.Linear: (out, in) for Hugging Face's (in, out). For tensors with more axes, this concerns
// the last two. Closing it closes src.
func Transposed(src Source, pick func(name string) bool) Source {
	t := transposed{src, slices.Clone(src.Tensors()), pick}
	for i, info := range t.infos {
		if t.picks(info) {
			t.infos[i].Shape = Swapped(info.Shape)
		}
	}
	return t
}

type transposed struct {
	Source
	infos []Info
	pick  func(name string) bool
}

func (t transposed) Tensors() []Info { return t.infos }

func (t transposed) picks(info Info) bool { return len(info.Shape) >= 2 && t.pick(info.Name) }

// Read implements [Source].
func (t transposed) Read(name string, dst []float32) error {
	i := slices.IndexFunc(t.infos, func(info Info) bool { return info.Name == name })
	if i < 0 || !t.picks(t.infos[i]) {
		return t.Source.Read(name, dst)
	}
	stored := make([]float32, len(dst))
	if err := t.Source.Read(name, stored); err != nil {
		return err
	}
	Transpose(dst, stored, t.infos[i].Shape)
	return nil
}

// Pack implements [Packer].
func (t transposed) Pack(name string) (*kernel.Packed, bool, error) {
	m, columns, err := PackOf(t.Source, name)
	i := slices.IndexFunc(t.infos, func(info Info) bool { return info.Name == name })
	return m, columns != (i >= 0 && t.picks(t.infos[i])), err
}

// Verify implements [Verifier].
func (t transposed) Verify(name string, mapped []float32) (bool, error) {
	if v, ok := t.Source.(Verifier); ok {
		return v.Verify(name, mapped)
	}
	return false, nil
}

// Swapped returns a shape with its last two axes exchanged.
func Swapped(shape []int) []int {
	s, n := slices.Clone(shape), len(shape)
	s[n-1], s[n-2] = s[n-2], s[n-1]
	return s
}

// Transpose sets dst, which has the given shape, to src with its last two axes transposed.
func Transpose(dst, src []float32, shape []int) {
	rows, cols := shape[len(shape)-2], shape[len(shape)-1]
	for n := rows * cols; len(dst) > 0; dst, src = dst[n:], src[n:] {
		kernel.Transpose(dst[:n], src[:n], rows, cols)
	}
}

// Map implements [Mapper] for tensors that are not transposed.
func (t transposed) Map(name string) []float32 {
	if m, ok := t.Source.(Mapper); ok && !t.pick(name) {
		return m.Map(name)
	}
	return nil
}
