package checkpoint

import (
	"errors"
	"io/fs"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// Verify reads all weights of a checkpoint, the optimizer's tensors and the adapters, and compares them with
// the checksums that [Save] writes. It returns the number of tensors that have one; for a model saved by
// another program, this is 0. Loading and resuming check what they read; Verify is for checkpoints that are
// not read yet, such as copies.
func Verify(dir string) (checked int, err error) {
	d, err := Open(dir)
	if err != nil {
		return 0, err
	}
	opens := []func() (weights.Source, error){
		d.Weights,
		func() (weights.Source, error) { return opened(d.Optimizer()) },
		func() (weights.Source, error) { return opened(d.Adapters()) },
	}
	for i, open := range opens {
		src, err := open()
		if i > 0 && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return checked, err
		}
		n, err := verify(src)
		if err := errors.Join(err, src.Close()); err != nil {
			return checked, err
		}
		checked += n
	}
	return checked, nil
}

// verify checks the tensors of a source.
func verify(src weights.Source) (checked int, err error) {
	v, ok := src.(weights.Verifier)
	if !ok {
		return 0, nil
	}
	for _, info := range src.Tensors() {
		has, err := v.Verify(info.Name, nil)
		if err != nil {
			return checked, err
		}
		if has {
			checked++
		}
	}
	return checked, nil
}
