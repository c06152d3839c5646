package pickle

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// readZip reads the layout of PyTorch 1.6 and later.
func (f *File) readZip() error {
	archive, err := zip.NewReader(f.file, f.file.Size())
	if err != nil {
		return fmt.Errorf("a zip archive that is damaged or cut short: %w", err)
	}
	files := make(map[string]*zip.File, len(archive.File))
	var main string
	for _, z := range archive.File {
		files[z.Name] = z
		if strings.HasSuffix(z.Name, "/data.pkl") && main == "" {
			main = z.Name
		}
	}
	if main == "" {
		return errors.New("a zip archive without data.pkl: not a file of torch.save")
	}
	dir := strings.TrimSuffix(main, "data.pkl")
	if z := files[dir+"byteorder"]; z != nil {
		order := make([]byte, len("little"))
		at, err := offset(z)
		if err != nil {
			return err
		}
		if _, err := f.file.ReadAt(order, at); err != nil || !bytes.Equal(order, []byte("little")) {
			return fmt.Errorf("%s: want \"little\": a file from a big-endian machine", weights.Show(z.Name))
		}
	}
	at, err := offset(files[main])
	if err != nil {
		return err
	}
	v, _, err := run(f.section(at, int64(min(files[main].UncompressedSize64, maxPickle))), at)
	if err != nil {
		return err
	}
	places := make(map[string]int64) // offsets by key
	return f.take(v, func(s *storage) error {
		z := files[dir+"data/"+s.key]
		if z == nil {
			return fmt.Errorf("no %s in the archive", weights.Show(dir+"data/"+s.key))
		}
		if z.UncompressedSize64 != uint64(s.length*s.width) {
			return fmt.Errorf("%s has %d bytes, want %d", weights.Show(z.Name), z.UncompressedSize64, s.length*s.width)
		}
		at, ok := places[s.key]
		if !ok {
			if at, err = offset(z); err != nil {
				return err
			}
			places[s.key] = at
		}
		s.at = at
		return nil
	})
}

// offset returns the position of an entry's bytes.
func offset(z *zip.File) (int64, error) {
	if z.Method != zip.Store {
		return 0, fmt.Errorf("%s is compressed, want it stored as PyTorch does", weights.Show(z.Name))
	}
	at, err := z.DataOffset()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", weights.Show(z.Name), err)
	}
	return at, nil
}
