package weights

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Whole is a tensor that files hold in pieces, one after the other: a parameter of all experts, whose experts are
// stored one by one.
type Whole struct {
	Name   string
	Shape  []int
	Pieces []Piece
}

// Piece is a stored tensor, or a part of one.
type Piece struct {
	Name  string
	Shape []int
	// Of is the shape of the stored tensor, if Shape is that of a part of it, whose elements begin at From.
	Of   []int
	From int
}

// stored is the shape of the tensor that a piece is of.
func (p Piece) stored() []int {
	if p.Of != nil {
		return p.Of
	}
	return p.Shape
}

// Assemble is a source that has wholes instead of their pieces. Of several forms, each with a list of wholes, the first counts of which src has
// a piece; a whole that src has itself stays. bare gives the name of a piece for that of a stored tensor. Pieces
// that are missing or of other shapes are an error. It closes src.
func Assemble(src Source, forms [][]Whole, bare func(name string) string) (Source, error) {
	a := &assembled{Source: src, stored: make(map[string]Info), wholes: make(map[string]Whole)}
	for _, info := range src.Tensors() {
		name := info.Name
		if bare != nil {
			name = bare(name)
		}
		a.stored[name] = info
	}
	used := make(map[string]bool)
	var missing, wrong []string
	var infos []Info
	for _, w := range slices.Concat(forms...) {
		_, has := a.stored[w.Name]
		_, done := a.wholes[w.Name]
		first := slices.IndexFunc(w.Pieces, func(p Piece) bool { _, there := a.stored[p.Name]; return there })
		if first < 0 || done || has && !used[w.Name] {
			continue
		}
		a.wholes[w.Name] = w
		infos = append(infos, Info{Name: w.Name, Type: a.stored[w.Pieces[first].Name].Type, Shape: w.Shape})
		for _, p := range w.Pieces {
			used[p.Name] = true
			switch info, there := a.stored[p.Name]; {
			case !there:
				missing = append(missing, "missing "+p.Name)
			case !slices.Equal(info.Shape, p.stored()):
				wrong = append(wrong, fmt.Sprintf("%s is %s, want %s", Show(info.Name), ShapeText(info.Shape), ShapeText(p.stored())))
			case !info.Type.Readable():
				wrong = append(wrong, fmt.Sprintf("%s is %s, want F64, F32, F16 or BF16", Show(info.Name), info.Type))
			}
		}
	}
	if len(a.wholes) == 0 {
		return src, nil
	}
	if faults := slices.Compact(append(missing, wrong...)); len(faults) > 0 {
		return nil, fmt.Errorf("%s: %s", src.Name(), strings.Join(faults[:min(len(faults), 5)], "; "))
	}
	for name, info := range a.stored {
		if used[name] {
			continue
		}
		infos = append(infos, info)
	}
	slices.SortStableFunc(infos, func(x, y Info) int { return strings.Compare(x.Name, y.Name) })
	a.infos = infos
	return a, nil
}

// assembled is a source with wholes.
type assembled struct {
	Source
	stored map[string]Info // by bare name
	wholes map[string]Whole
	infos  []Info
}

func (a *assembled) Tensors() []Info { return a.infos }

// Read implements [Source].
func (a *assembled) Read(name string, dst []float32) error {
	w, whole := a.wholes[name]
	if !whole {
		return a.Source.Read(name, dst)
	}
	if err := CheckRead(Info{Name: name, Type: F32, Shape: w.Shape}, len(dst)); err != nil {
		return fmt.Errorf("%s: %w", a.Name(), err)
	}
	var last string // the tensor in part
	var part []float32
	for _, p := range w.Pieces {
		n, _ := SizeOf(p.Shape)
		of, stored := dst[:n], a.stored[p.Name]
		dst = dst[n:]
		if p.Of == nil {
			if err := a.Source.Read(stored.Name, of); err != nil {
				return err
			}
			continue
		}
		if part == nil || last != p.Name {
			last, part = p.Name, make([]float32, stored.Size())
			if err := a.Source.Read(stored.Name, part); err != nil {
				return err
			}
		}
		copy(of, part[p.From:])
	}
	return nil
}

// Map implements [Mapper]: it gives what is no whole.
func (a *assembled) Map(name string) []float32 {
	if m, ok := a.Source.(Mapper); ok && a.wholes[name].Pieces == nil {
		return m.Map(name)
	}
	return nil
}

// Verify implements [Verifier]: it checks what is no whole. Reading the pieces of one has checked them.
func (a *assembled) Verify(name string, mapped []float32) (bool, error) {
	if v, ok := a.Source.(Verifier); ok && a.wholes[name].Pieces == nil {
		return v.Verify(name, mapped)
	}
	return false, nil
}

// Pack implements [Packer], for what is no whole, or is one under another name.
func (a *assembled) Pack(name string) (*kernel.Packed, bool, error) {
	if w, whole := a.wholes[name]; whole {
		if len(w.Pieces) > 1 || w.Pieces[0].Of != nil {
			return nil, false, nil
		}
		name = a.stored[w.Pieces[0].Name].Name
	}
	return PackOf(a.Source, name)
}

// Split is what is stored of a tensor: its pieces, if it is one of wholes, that are not parts of others, or itself. They share its
// numbers.
func Split(t Tensor, wholes []Whole) []Tensor {
	i := slices.IndexFunc(wholes, func(w Whole) bool { return w.Name == t.Name })
	if i < 0 {
		return []Tensor{t}
	}
	var all []Tensor
	from := 0
	for _, p := range wholes[i].Pieces {
		n, _ := SizeOf(p.Shape)
		to := from + n
		piece := Tensor{Name: p.Name, Shape: p.Shape}
		if t.Load == nil {
			piece.Data = t.Data[from:to]
		} else {
			piece.Load = t.part(from, to)
		}
		all, from = append(all, piece), to
	}
	return all
}

// part loads some of a tensor's numbers; none where there are none, as on ranks that only give theirs.
func (x Tensor) part(from, to int) func() ([]float32, error) {
	return func() ([]float32, error) {
		data, err := x.Load()
		if err != nil || data == nil {
			return nil, err
		}
		return data[from:to], nil
	}
}
