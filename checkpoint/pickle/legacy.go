package pickle

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// version is the second number in a file written before PyTorch 1.6.
const version = 1001

// readLegacy reads the layout before PyTorch 1.6.
func (f *File) readLegacy() error {
	r := f.section(0, f.file.Size())
	var values [5]any
	var named []*storage
	at := int64(0)
	for i := range values {
		v, m, err := run(r, at)
		if err != nil {
			return err
		}
		values[i], at = v, m.at
		named = append(named, m.storages...)
	}
	if values[1] != int64(version) {
		return fmt.Errorf("version %s, want %d", showNumber(values[1]), version)
	}
	if machine, ok := values[2].(*dict); !ok || machine.get("little_endian") != true {
		return errors.New("not from a little-endian machine")
	}
	keys, ok := values[4].(*list)
	if !ok {
		return errors.New("no list of storages after the tensors")
	}
	lengths, err := byKey(named)
	if err != nil {
		return err
	}
	places := make(map[string]int64, len(keys.items))
	for _, k := range keys.items {
		key, _ := k.(string)
		s := lengths[key]
		if _, twice := places[key]; s == nil || twice {
			return fmt.Errorf("storage %s is listed twice, or belongs to no tensor", weights.Show(key))
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
			return fmt.Errorf("storage %s extends to offset %d, but the file ends at %d: it is cut short", weights.Show(key), at, f.file.Size())
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

// byKey maps the storages that a pickle names by key.
func byKey(named []*storage) (map[string]*storage, error) {
	out := make(map[string]*storage)
	for _, s := range named {
		if other := out[s.key]; other != nil && (other.length != s.length || other.dtype != s.dtype) {
			return nil, fmt.Errorf("storage %s has two lengths or types", weights.Show(s.key))
		}
		out[s.key] = s
	}
	return out, nil
}

// get returns the value of a string key, or nil.
func (d *dict) get(key string) any {
	for _, it := range d.items {
		if it.key == key {
			return it.value
		}
	}
	return nil
}
