package parquetfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"sync"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

// parquet-go v0.32.0 may misread pages compressed with LZ4 (its issue 608), and doubles its buffer forever if
// they are damaged. So it never gets to see LZ4: a plainFile looks like the same file with these columns written
// without compression, and decompresses each page when it is read.
type plainFile struct {
	r     io.ReaderAt
	parts []part // in order, without gaps

	mu   sync.Mutex // guards the fields below
	last int        // the page that was decompressed last
	page []byte
}

// part is a range of a plainFile: either given bytes, or bytes of the original file, or a page to be
// decompressed.
type part struct {
	at, size int64
	bytes    []byte
	from     int64 // offset in the original file, if bytes is nil
	lz4      int   // compressed size in the original file, after the levels; 0 if the part is not compressed
	levels   int   // bytes at the beginning of the page that are not compressed
}

// longestPage bounds the size of a page, so that a damaged file cannot request all memory.
const longestPage = 1 << 30

func hasLZ4(f *parquet.File) bool {
	for _, g := range f.Metadata().RowGroups {
		for _, c := range g.Columns {
			if c.MetaData.Codec == format.Lz4Raw {
				return true
			}
		}
	}
	return false
}

// withoutLZ4 returns a view of the file of size bytes, with the footer meta, without LZ4.
func withoutLZ4(r io.ReaderAt, size int64, meta format.FileMetaData) (*plainFile, int64, error) {
	p := &plainFile{r: r, last: -1}
	p.add(part{size: size})
	meta.RowGroups = slices.Clone(meta.RowGroups)
	for i := range meta.RowGroups {
		g := &meta.RowGroups[i]
		g.Columns = slices.Clone(g.Columns)
		for k := range g.Columns {
			c := &g.Columns[k].MetaData
			if c.Codec != format.Lz4Raw {
				continue
			}
			if err := p.addColumn(c, size); err != nil {
				return nil, 0, fmt.Errorf("row group %d, column %d: %w", i, k, err)
			}
		}
	}
	footer, err := thrift.Marshal(new(thrift.CompactProtocol), &meta)
	if err != nil {
		return nil, 0, err
	}
	footer = binary.LittleEndian.AppendUint32(footer, uint32(len(footer)))
	p.add(part{size: int64(len(footer)) + 4, bytes: append(footer, "PAR1"...)})
	return p, p.size(), nil
}

func (p *plainFile) size() int64 {
	if len(p.parts) == 0 {
		return 0
	}
	last := p.parts[len(p.parts)-1]
	return last.at + last.size
}

func (p *plainFile) add(one part) {
	one.at = p.size()
	p.parts = append(p.parts, one)
}

// addColumn adds the pages of a column and adjusts its metadata.
func (p *plainFile) addColumn(c *format.ColumnMetaData, size int64) error {
	from := c.DataPageOffset
	if d := c.DictionaryPageOffset; d > 0 && d < from {
		from = d
	}
	end := from + c.TotalCompressedSize
	if from < 0 || c.TotalCompressedSize < 0 || end < from || end > size {
		return fmt.Errorf("damaged: bytes %d to %d of a file of %d", from, end, size)
	}
	start, first := p.size(), true
	c.Codec, c.DictionaryPageOffset = format.Uncompressed, 0
	for from < end {
		r := new(thrift.CompactProtocol).NewReader(io.NewSectionReader(p.r, from, end-from))
		var h format.PageHeader
		if err := thrift.NewDecoder(r).Decode(&h); err != nil {
			return fmt.Errorf("offset %d: page header: %w", from, err)
		}
		from += int64(r.BytesRead())
		levels := 0
		if h.Type == format.DataPageV2 && h.DataPageHeaderV2.Valid {
			levels = int(h.DataPageHeaderV2.V.RepetitionLevelsByteLength) + int(h.DataPageHeaderV2.V.DefinitionLevelsByteLength)
		}
		packed, whole := int(h.CompressedPageSize), int(h.UncompressedPageSize)
		// A byte of LZ4 expands to at most 255 bytes.
		if levels < 0 || packed < levels || whole < levels || whole > longestPage || int64(packed) > end-from || whole-levels > 255*(packed-levels) {
			return fmt.Errorf("offset %d: damaged: a page of %d bytes for %d", from, packed, whole)
		}
		page := part{size: int64(whole), from: from, lz4: packed - levels, levels: levels}
		if v2 := h.DataPageHeaderV2; v2.Valid && v2.V.IsCompressed.Valid && !v2.V.IsCompressed.V {
			page.lz4 = 0
		}
		if page.lz4 == 0 && packed != whole {
			return fmt.Errorf("offset %d: damaged: a page of %d bytes for %d", from, packed, whole)
		}
		if from += int64(packed); h.Type == format.DictionaryPage {
			c.DictionaryPageOffset = p.size()
		} else if first {
			c.DataPageOffset, first = p.size(), false
		}
		h.CompressedPageSize, h.CRC = h.UncompressedPageSize, 0
		header, err := thrift.Marshal(new(thrift.CompactProtocol), &h)
		if err != nil {
			return err
		}
		p.add(part{size: int64(len(header)), bytes: header})
		p.add(page)
	}
	c.TotalCompressedSize = p.size() - start
	c.TotalUncompressedSize = c.TotalCompressedSize
	return nil
}

// ReadAt implements io.ReaderAt.
func (p *plainFile) ReadAt(b []byte, offset int64) (n int, err error) {
	if offset < 0 {
		return 0, errors.New("a negative offset")
	}
	i := sort.Search(len(p.parts), func(i int) bool { return p.parts[i].at+p.parts[i].size > offset })
	for ; n < len(b) && i < len(p.parts); i++ {
		one := &p.parts[i]
		at := offset + int64(n) - one.at
		want := b[n : n+int(min(int64(len(b)-n), one.size-at))]
		switch {
		case one.bytes != nil:
			copy(want, one.bytes[at:])
		case one.lz4 == 0:
			_, err = p.r.ReadAt(want, one.from+at)
		default:
			err = p.copyPage(want, i, at)
		}
		if err != nil && (err != io.EOF || len(want) > 0) {
			return n, err
		}
		n += len(want)
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// copyPage copies bytes of the page in part i, beginning at offset at.
func (p *plainFile) copyPage(b []byte, i int, at int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last != i {
		if err := p.decompress(i); err != nil {
			return err
		}
	}
	copy(b, p.page[at:])
	return nil
}

// decompress makes part i the current page.
func (p *plainFile) decompress(i int) error {
	one := p.parts[i]
	packed := make([]byte, one.levels+one.lz4)
	if _, err := p.r.ReadAt(packed, one.from); err != nil {
		return err
	}
	p.last, p.page = -1, append(p.page[:0], make([]byte, one.size)...)
	n := copy(p.page, packed[:one.levels])
	got, err := lz4.UncompressBlock(packed[n:], p.page[n:])
	if err != nil || got != len(p.page)-n {
		return fmt.Errorf("offset %d: damaged: LZ4 gives %d bytes, want %d", one.from, got, len(p.page)-n)
	}
	p.last = i
	return nil
}
