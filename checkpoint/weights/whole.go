package weights

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Whole is a tensor that files hold in consecutive pieces, such as a parameter of all experts that is stored
// expert by expert.
type Whole struct {
	Name   string
	Shape  []int
	Pieces []Piece
}

// Piece is a stored tensor, or a part of one.
type Piece struct {
	Name  string
	Shape []int
	// Of is the shape of the stored tensor if the piece is only a part of it, whose elements begin at From.
	Of   []int
	From int
}

// stored returns the shape of the stored tensor that a piece belongs to.
func (p Piece) stored() []int {
	if p.Of != nil {
		return p.Of
	}
	return p.Shape
}

// Assemble returns a source that has wholes in place of their pieces. forms are alternative lists of wholes:
// for each whole, the first form counts of which src has a piece. A whole that src itself has is kept. bare
// returns the name of a piece for that of a stored tensor. Pieces that are missing or have other shapes are
// an error. Closing it closes src.
func Assemble(src Source, forms [][]Whole, bare func(name string) string) (Source, error) {
	a := &assembled{Source: src, stored: make(map[string]Info), wholes: make(map[string]Whole)}
	for _, info := range src.Tensors() {
		name := info.Name
		if bare != nil {
			name = bare(name)
		}
		if twice, there := a.stored[name]; there {
			return nil, fmt.Errorf("%s: %s and %s are the same tensor of the model", src.Name(), Show(twice.Name), Show(info.Name))
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

// assembled is a source with wholes in place of pieces.
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
	var last string // the last tensor that was read for parts of it
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

// Map implements [Mapper] for tensors that are not wholes.
func (a *assembled) Map(name string) []float32 {
	if m, ok := a.Source.(Mapper); ok && a.wholes[name].Pieces == nil {
		return m.Map(name)
	}
	return nil
}

// Verify implements [Verifier] for tensors that are not wholes. The pieces of wholes are verified when they
// are read.
func (a *assembled) Verify(name string, mapped []float32) (bool, error) {
	if v, ok := a.Source.(Verifier); ok && a.wholes[name].Pieces == nil {
		return v.Verify(name, mapped)
	}
	return false, nil
}

// Pack implements [Packer] for tensors that are not wholes, or that are stored whole under another name.
func (a *assembled) Pack(name string) (*kernel.Packed, bool, error) {
	if w, whole := a.wholes[name]; whole {
		if len(w.Pieces) > 1 || w.Pieces[0].Of != nil {
			return nil, false, nil
		}
		name = a.stored[w.Pieces[0].Name].Name
	}
	return PackOf(a.Source, name)
}

// Split returns the tensors that t is stored as: its pieces if it is one of wholes, or t itself. They share
// its numbers. The pieces must not be parts of stored tensors.
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

// part returns a function that loads some of a tensor's numbers, or none if Load returns none, as on ranks
// that only send theirs.
func (x Tensor) part(from, to int) func() ([]float32, error) {
	return func() ([]float32, error) {
		data, err := x.Load()
		if err != nil || data == nil {
			return nil, err
		}
		return data[from:to], nil
	}
}
