package pickle

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// maxPickle bounds the part of a file that is not numbers; that of gpt2-xl is 100 kB.
const maxPickle = 8 << 20

// zipMagic begins a zip archive, legacyMagic a file written before PyTorch 1.6.
var (
	zipMagic    = []byte("PK\x03\x04")
	legacyMagic = []byte("\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.")
)

// File reads tensors from a file of torch.save. It implements [weights.Source] and [weights.Mapper].
type File struct {
	file    *weights.File
	infos   []weights.Info
	tensors map[string]*tensor
	users   map[int64]int // number of tensors that use a storage, by its offset
	root    any           // the pickle's value
}

// Open opens a file of torch.save that holds a dictionary of tensors. The caller
// closes it.
func Open(path string) (*File, error) {
	return weights.OpenAs(path, "a file of torch.save", read)
}

// New reads such a file of size bytes from r. Errors use the given name.
func New(name string, r io.ReaderAt, size int64) (*File, error) {
	return read(weights.NewFile(name, r, size))
}

// IsFile reports whether a file that starts with these bytes may have been written by torch.save.
func IsFile(start []byte) bool {
	return bytes.HasPrefix(start, zipMagic) || bytes.HasPrefix(start, legacyMagic)
}

func read(file *weights.File) (*File, error) {
	f := &File{file: file, tensors: make(map[string]*tensor), users: make(map[int64]int)}
	start := make([]byte, min(int64(len(legacyMagic)), file.Size()))
	if _, err := file.ReadAt(start, 0); err != nil {
		return nil, fmt.Errorf("%s: offset 0: %w", file.Name(), err)
	}
	var err error
	switch {
	case bytes.HasPrefix(start, zipMagic):
		err = f.readZip()
	case bytes.HasPrefix(start, legacyMagic):
		err = f.readLegacy()
	default:
		err = errors.New("offset 0: neither a zip archive nor a pickle of PyTorch: not a file of torch.save")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file.Name(), err)
	}
	return f, nil
}

// section is a buffered reader of a part of the file.
func (f *File) section(at, size int64) *bufio.Reader {
	return bufio.NewReader(io.NewSectionReader(f.file, at, min(size, maxPickle)))
}

// stateKeys are keys under which training programs store model.state_dict() along with other things.
var stateKeys = []string{"model", "state_dict", "model_state_dict", "module"}

// state returns the dictionary of tensors in a pickle's value: the value itself, or one of its entries. If
// another entry has tensors of the same names, such as averaged weights, it returns an error, since either
// could be meant.
func state(v any) (*dict, error) {
	d, _ := v.(*dict)
	if d == nil {
		return nil, errors.New("not a dictionary of tensors: save model.state_dict()")
	}
	for _, key := range stateKeys {
		inner, ok := d.get(key).(*dict)
		if !ok {
			continue
		}
		for _, it := range d.items {
			if other, ok := it.value.(*dict); ok && other != inner && inner.sharesTensor(other) {
				return nil, fmt.Errorf("weights under both %q and %s: save only the ones you want", key, showKey(it.key))
			}
		}
		return inner, nil
	}
	return d, nil
}

// sharesTensor reports whether both dictionaries have a tensor of the same name.
func (d *dict) sharesTensor(other *dict) bool {
	names := make(map[string]bool, len(d.items))
	for name := range d.tensors() {
		names[name] = true
	}
	for name := range other.tensors() {
		if names[name] {
			return true
		}
	}
	return false
}

// tensors yields the tensors whose keys are names; a key may be anything, such as a tuple of numbers.
func (d *dict) tensors() iter.Seq2[string, *tensor] {
	return func(yield func(string, *tensor) bool) {
		for _, it := range d.items {
			name, named := it.key.(string)
			if t, ok := it.value.(*tensor); ok && named && !yield(name, t) {
				return
			}
		}
	}
}

// take lists the tensors in a pickle's value, and uses place to locate their storages.
func (f *File) take(v any, place func(*storage) error) error {
	f.root = v
	d, err := state(v)
	if err != nil {
		return err
	}
	for _, it := range d.items {
		name, ok := it.key.(string)
		t, isTensor := it.value.(*tensor)
		if !ok || !isTensor {
			return fmt.Errorf("%v is not a tensor: save only model.state_dict()", showKey(it.key))
		}
		if f.tensors[name] != nil {
			return fmt.Errorf("%s appears twice", weights.Show(name))
		}
		if !t.storage.found {
			if err := place(t.storage); err != nil {
				return fmt.Errorf("%s: %w", weights.Show(name), err)
			}
			if s := t.storage; s.at < 0 || s.length > (f.file.Size()-s.at)/s.width {
				return fmt.Errorf("%s: storage %s of %d bytes at offset %d reaches beyond the end, %d: the file is cut short",
					weights.Show(name), weights.Show(s.key), s.length*s.width, s.at, f.file.Size())
			}
			t.storage.found = true
		}
		f.tensors[name] = t
		f.users[t.storage.at]++
		f.infos = append(f.infos, weights.Info{Name: name, Type: t.storage.dtype, Shape: t.shape})
	}
	return nil
}

func showKey(key any) string {
	if s, ok := key.(string); ok {
		return weights.Show(s)
	}
	return fmt.Sprintf("a key of type %T", key)
}

// Plain returns the strings, numbers (int64 and float64), booleans and nils of the dictionary under a key
// beside the tensors, such as nanoGPT's "model_args"; nil if there is none.
func (f *File) Plain(key string) map[string]any {
	d, _ := f.root.(*dict)
	if d == nil {
		return nil
	}
	inner, ok := d.get(key).(*dict)
	if !ok {
		return nil
	}
	plain := make(map[string]any)
	for _, it := range inner.items {
		name, ok := it.key.(string)
		switch it.value.(type) {
		case nil, bool, int64, float64, string:
			if ok {
				plain[name] = it.value
			}
		}
	}
	return plain
}

// Name returns the path the file was opened by.
func (f *File) Name() string { return f.file.Name() }

// Tensors describes the tensors, in the order of the file. The slice belongs
// to f.
func (f *File) Tensors() []weights.Info { return f.infos }

// Read reads the whole tensor of the given name into dst, row-major, whatever its
// strides. len(dst) must be the tensor's size.
func (f *File) Read(name string, dst []float32) error {
	t := f.tensors[name]
	if t == nil {
		return fmt.Errorf("%s: no tensor %s", f.Name(), weights.Show(name))
	}
	if err := weights.CheckRead(weights.Info{Name: name, Type: t.storage.dtype, Shape: t.shape}, len(dst)); err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	if len(dst) == 0 {
		return nil
	}
	to := dst
	if !t.contiguous() {
		to = make([]float32, t.span())
	}
	if err := f.file.Floats(to, t.storage.dtype, t.at()); err != nil {
		return fmt.Errorf("%w, in %s", err, weights.Show(name))
	}
	if !t.contiguous() {
		t.gather(dst, to)
	}
	if t.negated {
		for i, x := range dst {
			dst[i] = -x
		}
	}
	return nil
}

// at is the offset of the first number in the file.
func (t *tensor) at() int64 { return t.storage.at + t.offset*t.storage.width }

// Map implements [weights.Mapper]. It returns nil for a tensor that shares its storage with another, as a
// tied head does: writing to one would change the other.
func (f *File) Map(name string) []float32 {
	t := f.tensors[name]
	if t == nil || t.storage.dtype != weights.F32 || !t.contiguous() || t.negated || f.users[t.storage.at] > 1 {
		return nil
	}
	n, _ := weights.SizeOf(t.shape)
	return f.file.Map(n, t.at())
}

// Close closes the file. What Map returned remains valid.
func (f *File) Close() error { return f.file.Close() }
