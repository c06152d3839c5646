package checkpoint

import (
	"bytes"
	"fmt"
	"math"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/mapped"
	"github.com/gorgpt/gorgpt/models"
)

// ReadParams fills all parameters from src, without initializing them first. names maps stored tensors to
// parameters. Names in src may have the prefixes of a wrapper that the model was saved in, such as "module.".
// Tensors that are not weights, such as masks in old files, and heads for other tasks are skipped. If the
// model's head is tied, a stored head must equal the token embedding and is skipped, or is used in place of
// the embedding if that is missing. Tensors that the model lacks because they are zero may be stored if they
// are zero.
//
// Missing tensors, tensors that the model has no place for, and wrong shapes are reported in one error that
// lists them. After such an error the parameters are unchanged; after an error while reading values, which
// includes NaNs and infinities, they must not be used.
func ReadParams(src weights.Source, ps *graph.Params, names models.Tensors) error {
	return readParams(src, ps, names, func(src weights.Source, stored weights.Info, p *graph.Param) error {
		return fillParam(src, stored.Name, p)
	})
}

// MapParams is [ReadParams] for a model that is only run, not trained. If the source supports it, the
// parameters use its mapped memory (see [weights.Mapper]), so that they take no memory except the system's
// page cache, which processes share and which is reclaimed under memory pressure. MXFP4 weights stay in that
// format ([graph.Param.AdoptPacked]).
//
// The file must not be modified in place while the parameters are in use; if it is truncated, a graph that
// reads them returns an error. Replacing it by another file, as [Save] does, is safe. Training works too and
// does not change the file, but costs more than after ReadParams, since each page is copied at its first
// update. Two stores of parameters that are mapped from one source share memory.
func MapParams(src weights.Source, ps *graph.Params, names models.Tensors) error {
	return MapParamsAs(src, ps, names, mappedAsStored)
}

// MapParamsAs is [MapParams] with matrices in the given width. Matrices that are stored in it are used as
// they are; others are rounded to it one after the other, so that only a few are in memory as plain numbers
// at a time.
func MapParamsAs(src weights.Source, ps *graph.Params, names models.Tensors, w Width) error {
	return readParams(src, ps, names, w.fill)
}

// fillParam reads a parameter into newly allocated memory.
func fillParam(src weights.Source, name string, p *graph.Param) error {
	return p.Fill(func(data []float32) error { return ReadPart(src, name, p, data) })
}

// ReadPart reads the part of a stored parameter that this process holds: all of it, or a rank's part. If the
// file is mapped, no more than that part is allocated.
func ReadPart(src weights.Source, name string, p *graph.Param, part []float32) error {
	if !p.Cut() {
		return src.Read(name, part)
	}
	if m, ok := src.(weights.Mapper); ok {
		if whole := m.Map(name); whole != nil {
			if v, ok := src.(weights.Verifier); ok {
				if _, err := v.Verify(name, whole); err != nil {
					return err
				}
			}
			return p.Take(part, whole)
		}
	}
	whole := make([]float32, p.Whole().TotalSize())
	if err := src.Read(name, whole); err != nil {
		return err
	}
	return p.Take(part, whole)
}

func readParams(src weights.Source, ps *graph.Params, names models.Tensors, read func(weights.Source, weights.Info, *graph.Param) error) error {
	return mapped.Guard(func() error { return readGuarded(src, ps, names, read) })
}

func readGuarded(src weights.Source, ps *graph.Params, names models.Tensors, read func(weights.Source, weights.Info, *graph.Param) error) error {
	src, err := asParams(src, names)
	if err != nil {
		return err
	}
	src, err = weights.Assemble(src, names.Forms, names.Bare)
	if err != nil {
		return err
	}
	plan, err := match(src, ps, names)
	if err != nil {
		return fmt.Errorf("%s: %w", src.Name(), err)
	}
	if err := checkZeros(src, plan.zeros); err != nil {
		return err
	}
	// In parallel, since the page cache can be read faster than one core can copy.
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, m := range plan.params {
		group.Go(func() error {
			return mapped.Guard(func() error {
				if err := read(src, m.stored, m.param); err != nil {
					return err
				}
				return checkFinite(src, m)
			})
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if plan.head.param != nil {
		return checkHead(src, plan.head, plan.params)
	}
	return nil
}

// asParams returns a source whose tensors have the layout of the parameters.
func asParams(src weights.Source, names models.Tensors) (weights.Source, error) {
	src, err := weights.Packed(src)
	if err != nil {
		return nil, err
	}
	swapped := make(map[string]bool)
	for _, t := range src.Tensors() {
		if t.Type != weights.MXFP4 && names.Swapped(names.Bare(t.Name)) {
			swapped[t.Name] = true
		}
	}
	if len(swapped) == 0 {
		return src, nil
	}
	return weights.Transposed(src, func(name string) bool { return swapped[name] }), nil
}

// checkFinite returns an error if there is a NaN or an infinity: it would make all results of the model
// useless.
func checkFinite(src weights.Source, m matched) error {
	w, columns := m.param.Packed()
	if w == nil {
		x := m.param.Data()
		if i := notFinite(x); i >= 0 {
			return notFiniteError(src, m.stored.Name, i, x[i])
		}
		return nil
	}
	i := w.NotFinite()
	if i < 0 {
		return nil
	}
	row := make([]float32, w.Cols)
	w.DecodeRows(row, i/w.Cols)
	v := row[i%w.Cols]
	if columns { // convert to an index into the parameter
		shape := m.param.Shape()
		in, out := shape[len(shape)-2], shape[len(shape)-1]
		i = i/(in*out)*in*out + i%in*out + i/in%out
	}
	return notFiniteError(src, m.stored.Name, i, v)
}

func notFiniteError(src weights.Source, name string, i int, v float32) error {
	return fmt.Errorf("%s: %s: element %d is %v, want a finite number", src.Name(), weights.Show(name), i, v)
}

// notFinite returns the index of the first NaN or infinity, or -1. For both, x-x is NaN, and a sum stays NaN.
// Four independent sums keep the processor busy, so that the check runs at the speed of memory.
func notFinite(x []float32) int {
	const block = 1024
	for at := 0; at < len(x); at += block {
		b := x[at:min(at+block, len(x))]
		var s0, s1, s2, s3 float32
		for rest := b; len(rest) >= 4; rest = rest[4:] {
			s0 += rest[0] - rest[0]
			s1 += rest[1] - rest[1]
			s2 += rest[2] - rest[2]
			s3 += rest[3] - rest[3]
		}
		if s0+s1+s2+s3 == 0 && len(b)%4 == 0 {
			continue
		}
		for i, v := range b {
			if v-v != 0 {
				return at + i
			}
		}
	}
	return -1
}

// checkZeros returns an error unless the tensors hold only zeros.
func checkZeros(src weights.Source, zeros []weights.Info) error {
	var nonzero []string
	for _, t := range zeros {
		x := make([]float32, t.Size())
		if err := src.Read(t.Name, x); err != nil {
			return err
		}
		if slices.ContainsFunc(x, func(v float32) bool { return v != 0 }) {
			nonzero = append(nonzero, weights.Show(t.Name))
		}
	}
	if len(nonzero) > 0 {
		return fmt.Errorf("%s: the config declares these absent, but they are not zero: %s", src.Name(), few(nonzero))
	}
	return nil
}

// checkHead compares the stored head with the embedding. It reads the stored embedding if the parameter may
// have been rounded.
func checkHead(src weights.Source, head matched, params []matched) error {
	x := make([]float32, head.stored.Size())
	if err := src.Read(head.stored.Name, x); err != nil {
		return err
	}
	i := -1
	if w, _ := head.param.Packed(); w == nil {
		i = firstDifference(x, head.param.Data())
	} else {
		embedding := make([]float32, len(x))
		at := slices.IndexFunc(params, func(m matched) bool { return m.param == head.param })
		if err := src.Read(params[at].stored.Name, embedding); err != nil {
			return err
		}
		i = firstDifference(x, embedding)
	}
	if i >= 0 {
		return fmt.Errorf("%s: %s differs from %s at element %d: the checkpoint's head is not tied, the model's is",
			src.Name(), models.HeadName, head.param.Name(), i)
	}
	return nil
}

// firstDifference returns the first index at which the numbers differ, or -1.
func firstDifference(a, b []float32) int {
	if bytes.Equal(weights.Bytes(a), weights.Bytes(b)) {
		return -1
	}
	for i := range a {
		if a[i] != b[i] && math.Float32bits(a[i]) != math.Float32bits(b[i]) {
			return i
		}
	}
	return -1
}
