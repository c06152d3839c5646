package pickle

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// version is the second number of a file before PyTorch 1.6.
const version = 1001

// readLegacy reads the layout before PyTorch 1.6.
func (f *File) readLegacy() error {
	r := f.section(0, f.file.Size())
	var values [5]any
	at := int64(0)
	for i := range values {
		var err error
		if values[i], at, err = run(r, at); err != nil {
			return err
		}
	}
	if values[1] != int64(version) {
		return fmt.Errorf("version %v, want %d", values[1], version)
	}
	if machine, ok := values[2].(*dict); !ok || machine.get("little_endian") != true {
		return errors.New("not of a little-endian machine")
	}
	keys, ok := values[4].(*list)
	if !ok {
		return errors.New("no list of storages behind the tensors")
	}
	lengths, err := storages(values[3])
	if err != nil {
		return err
	}
	places := make(map[string]int64, len(keys.items))
	for _, k := range keys.items {
		key, _ := k.(string)
		s := lengths[key]
		if _, twice := places[key]; s == nil || twice {
			return fmt.Errorf("storage %s is listed twice, or no tensor's", weights.Show(key))
		}
		var count [8]byte
		if _, err := f.file.ReadAt(count[:], at); err != nil {
			return fmt.Errorf("offset %d: storage %s: the file is cut short", at, weights.Show(key))
		}
		if n := binary.LittleEndian.Uint64(count[:]); n != uint64(s.length) {
			return fmt.Errorf("offset %d: storage %s has %d numbers, want %d", at, weights.Show(key), n, s.length)
		}
		places[key] = at + 8
		at += 8 + s.length*s.width
		if at > f.file.Size() {
			return fmt.Errorf("storage %s reaches to offset %d, the file to %d: cut short", weights.Show(key), at, f.file.Size())
		}
	}
	return f.take(values[3], func(s *storage) error {
		place, ok := places[s.key]
		if !ok {
			return fmt.Errorf("storage %s is not in the file", weights.Show(s.key))
		}
		s.at = place
		return nil
	})
}

// storages returns the storages of a dictionary of tensors by their keys.
func storages(v any) (map[string]*storage, error) {
	out := make(map[string]*storage)
	d, _ := v.(*dict)
	if d == nil {
		return out, nil // take says what is wrong
	}
	for _, it := range d.items {
		t, ok := it.value.(*tensor)
		if !ok {
			continue
		}
		if s := out[t.storage.key]; s != nil && (s.length != t.storage.length || s.dtype != t.storage.dtype) {
			return nil, fmt.Errorf("storage %s has two lengths or types", weights.Show(s.key))
		}
		out[t.storage.key] = t.storage
	}
	return out, nil
}

// get returns the value of a text, or nil.
func (d *dict) get(key string) any {
	for _, it := range d.items {
		if it.key == key {
			return it.value
		}
	}
	return nil
}
