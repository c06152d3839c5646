package tfbundle

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/klauspost/compress/snappy"
)

const (
	footerSize  = 48
	tableMagic  = 0xdb4775248b80fb57
	trailerSize = 5 // after a block: compression, checksum

	// maxBlock bounds a block once decompressed. TensorFlow starts a new block at 256 kB, which only a single
	// value may exceed.
	maxBlock = 16 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// unmask undoes LevelDB's masking of checksums that are stored among the data they cover.
func unmask(masked uint32) uint32 {
	rot := masked - 0xa282ead8
	return rot>>17 | rot<<15
}

// table calls f with each key and value of a sorted-string table, in order. Both are valid only during the
// call.
func table(file []byte, f func(key, value []byte) error) error {
	if len(file) < footerSize {
		return fmt.Errorf("%d bytes, want at least %d: not an index", len(file), footerSize)
	}
	footer := file[len(file)-footerSize:]
	if got := binary.LittleEndian.Uint64(footer[40:]); got != tableMagic {
		return fmt.Errorf("offset %d: magic %#x, want %#x: not an index, or cut short", len(file)-8, got, uint64(tableMagic))
	}
	rest := footer[:40]
	var err error
	if _, rest, err = readPlace(rest); err != nil {
		return fmt.Errorf("offset %d: %w", len(file)-footerSize, err)
	}
	top, _, err := readPlace(rest)
	if err != nil {
		return fmt.Errorf("offset %d: %w", len(file)-footerSize, err)
	}
	var blocks []place
	err = readBlock(file, top, func(_, value []byte) error {
		p, _, err := readPlace(value)
		// Each block begins after the previous one ends. Otherwise, a small file could have the same block
		// read over and over.
		if n := len(blocks); err == nil && n > 0 && (p.at <= blocks[n-1].at || p.at-blocks[n-1].at < blocks[n-1].size) {
			err = errors.New("blocks that overlap")
		}
		blocks = append(blocks, p)
		return err
	})
	for _, p := range blocks {
		if err == nil {
			err = readBlock(file, p, f)
		}
	}
	return err
}

// place is the position and size of a block.
type place struct{ at, size uint64 }

func readPlace(b []byte) (place, []byte, error) {
	at, n := binary.Uvarint(b)
	if n <= 0 {
		return place{}, nil, errors.New("a broken place of a block")
	}
	size, m := binary.Uvarint(b[n:])
	if m <= 0 {
		return place{}, nil, errors.New("a broken place of a block")
	}
	return place{at, size}, b[n+m:], nil
}

// readBlock calls f with each entry of a block.
func readBlock(file []byte, p place, f func(key, value []byte) error) error {
	if end := uint64(len(file)); p.at > end || p.size > end-p.at || trailerSize > end-p.at-p.size {
		return fmt.Errorf("a block of %d bytes at offset %d reaches beyond the end, %d", p.size, p.at, end)
	}
	block := file[p.at : p.at+p.size]
	trailer := file[p.at+p.size:][:trailerSize]
	checked := file[p.at : p.at+p.size+1]
	if got, want := crc32.Checksum(checked, castagnoli), unmask(binary.LittleEndian.Uint32(trailer[1:])); got != want {
		return fmt.Errorf("offset %d: the checksum of a block is %08x, want %08x: the file is damaged", p.at, got, want)
	}
	switch trailer[0] {
	case 0:
	case 1:
		n, err := snappy.DecodedLen(block)
		if err == nil && n > maxBlock {
			err = fmt.Errorf("%d bytes, want at most %d", n, maxBlock)
		}
		if err == nil {
			block, err = snappy.Decode(nil, block)
		}
		if err != nil {
			return fmt.Errorf("offset %d: a compressed block: %w", p.at, err)
		}
	default:
		return fmt.Errorf("offset %d: unknown compression %d", p.at, trailer[0])
	}
	if err := entries(block, f); err != nil {
		return fmt.Errorf("the block at offset %d: %w", p.at, err)
	}
	return nil
}

var errEntry = errors.New("an entry reaches beyond the block")

// entries calls f with each entry in a block's bytes.
func entries(block []byte, f func(key, value []byte) error) error {
	if len(block) < 4 {
		return errors.New("too short")
	}
	restarts := uint64(binary.LittleEndian.Uint32(block[len(block)-4:]))
	if restarts > uint64(len(block)-4)/4 {
		return fmt.Errorf("%d restarts do not fit in it", restarts)
	}
	rest := block[:uint64(len(block)-4)-4*restarts]
	var key []byte
	for len(rest) > 0 {
		var sizes [3]uint64 // shared, further, value
		for i := range sizes {
			v, n := binary.Uvarint(rest)
			if n <= 0 {
				return errEntry
			}
			sizes[i], rest = v, rest[n:]
		}
		shared, further, size := sizes[0], sizes[1], sizes[2]
		if shared > uint64(len(key)) || further > uint64(len(rest)) || size > uint64(len(rest))-further {
			return errEntry
		}
		key = append(key[:shared], rest[:further]...)
		if err := f(key, rest[further:further+size]); err != nil {
			return err
		}
		rest = rest[further+size:]
	}
	return nil
}
