package tfbundle

import (
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// maxIndex bounds the size of an index; that of gpt2-xl is 15 kB.
const maxIndex = 4 << 20

// maxShards bounds the data files of a bundle.
const maxShards = 1000

// Bundle reads tensors from a TensorFlow checkpoint. It is a [weights.Source].
type Bundle struct {
	prefix  string
	shards  []*weights.File
	infos   []weights.Info
	entries map[string]entry
}

// Open opens the checkpoint PREFIX, which consists of the files PREFIX.index and PREFIX.data-…. The caller
// closes it.
func Open(prefix string) (*Bundle, error) {
	index, err := weights.ReadText(prefix+".index", maxIndex)
	if err != nil {
		return nil, err
	}
	return New(prefix, index, func(path string) (*weights.File, error) {
		return weights.Open(path, "the data of a TensorFlow checkpoint")
	})
}

// New reads a checkpoint whose index is in memory. The function open opens a data file by its path.
func New(prefix string, index []byte, open func(path string) (*weights.File, error)) (*Bundle, error) {
	b := &Bundle{prefix: prefix, entries: make(map[string]entry)}
	shards, err := b.readIndex(index)
	if err != nil {
		return nil, fmt.Errorf("%s.index: %w", prefix, err)
	}
	for i := range shards {
		f, err := open(fmt.Sprintf("%s.data-%05d-of-%05d", prefix, i, shards))
		if err != nil {
			return nil, errors.Join(err, b.Close())
		}
		b.shards = append(b.shards, f)
	}
	for _, t := range b.infos {
		e := b.entries[t.Name]
		f := b.shards[e.shard]
		if size := uint64(f.Size()); e.at > size || e.size > size-e.at {
			return nil, errors.Join(fmt.Errorf("%s: %s has %d bytes at offset %d, but the file has only %d: it is cut short",
				f.Name(), weights.Show(t.Name), e.size, e.at, size), b.Close())
		}
	}
	return b, nil
}

// readIndex lists the tensors and returns the number of data files.
func (b *Bundle) readIndex(index []byte) (int, error) {
	var head *header
	err := table(index, func(key, value []byte) error {
		if head == nil {
			h, err := parseHeader(value)
			switch {
			case len(key) > 0:
				return errors.New("no header before the tensors: not a TensorFlow checkpoint")
			case err != nil:
				return err
			case h.shards < 1 || h.shards > maxShards:
				return fmt.Errorf("%d data files, want 1 to %d", h.shards, maxShards)
			case h.bigEndian:
				return errors.New("a checkpoint from a big-endian machine")
			}
			head = &h
			return nil
		}
		name := string(key)
		e, err := parseEntry(name, value)
		if err != nil {
			return fmt.Errorf("%s: %w", weights.Show(name), err)
		}
		if e.shard >= head.shards {
			return fmt.Errorf("%s: in data file %d of %d, counted from 0", weights.Show(name), e.shard, head.shards)
		}
		if _, twice := b.entries[name]; twice {
			return fmt.Errorf("%s appears twice", weights.Show(name))
		}
		b.entries[name] = e
		b.infos = append(b.infos, e.Info)
		return nil
	})
	if err != nil {
		return 0, err
	}
	if head == nil {
		return 0, errors.New("empty: not a TensorFlow checkpoint")
	}
	return int(head.shards), nil
}

// Name returns the checkpoint's prefix.
func (b *Bundle) Name() string { return filepath.Clean(b.prefix) }

// Tensors describes the tensors, sorted by name. The slice belongs to b.
func (b *Bundle) Tensors() []weights.Info { return b.infos }

// Read reads the whole tensor of the given name into dst, row-major, and checks its checksum. len(dst) must
// be the tensor's size.
func (b *Bundle) Read(name string, dst []float32) error {
	e, ok := b.entries[name]
	if !ok {
		return fmt.Errorf("%s: no tensor %s", b.Name(), weights.Show(name))
	}
	if e.sliced {
		return fmt.Errorf("%s: %s is stored in slices, as for a model partitioned over machines; save it unpartitioned", b.Name(), weights.Show(name))
	}
	if err := weights.CheckRead(e.Info, len(dst)); err != nil {
		return fmt.Errorf("%s: %w", b.Name(), err)
	}
	f := b.shards[e.shard]
	// Piece by piece, to compute the checksum of the stored bytes while they are in the core's cache.
	width := e.Type.Width()
	buf := make([]byte, min(int(e.size), 1<<16))
	sum, at := uint32(0), int64(e.at)
	for rest := dst; len(rest) > 0; {
		n := min(len(rest), len(buf)/width)
		piece := buf[:n*width]
		if _, err := f.ReadAt(piece, at); err != nil {
			return fmt.Errorf("%s: offset %d: %w, in %s", f.Name(), at, err, weights.Show(name))
		}
		sum = crc32.Update(sum, castagnoli, piece)
		weights.Decode(rest[:n], piece, e.Type)
		rest, at = rest[n:], at+int64(len(piece))
	}
	if sum != e.checksum {
		return fmt.Errorf("%s: offset %d: the checksum of %s is %08x, want %08x: the file is damaged", f.Name(), e.at, weights.Show(name), sum, e.checksum)
	}
	return nil
}

// Close closes the data files.
func (b *Bundle) Close() error {
	var errs []error
	for _, f := range b.shards {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
