package tfbundle

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"slices"
	"testing"

	"github.com/klauspost/compress/snappy"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/gorgpt/gorgpt/checkpoint/internal/sourcetest"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// fixture was written by TensorFlow, run by testdata/models/make.py. Package checkpoint's tests compare its numbers.
const fixture = "../testdata/models/gpt2/tf/model.ckpt"

// mask masks a checksum as LevelDB does.
func mask(sum uint32) uint32 { return (sum>>15 | sum<<17) + 0xa282ead8 }

// pair is an entry of the index.
type pair struct{ key, value string }

// block makes a block of entries, with full keys, and its trailer.
func block(compress bool, pairs ...pair) []byte {
	var b []byte
	for _, p := range pairs {
		b = binary.AppendUvarint(b, 0)
		b = binary.AppendUvarint(b, uint64(len(p.key)))
		b = binary.AppendUvarint(b, uint64(len(p.value)))
		b = append(append(b, p.key...), p.value...)
	}
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = binary.LittleEndian.AppendUint32(b, 1)
	kind := byte(0)
	if compress {
		b, kind = snappy.Encode(nil, b), 1
	}
	b = append(b, kind)
	return binary.LittleEndian.AppendUint32(b, mask(crc32.Checksum(b, castagnoli)))
}

// index makes an index of blocks.
func index(blocks ...[]byte) []byte {
	var file []byte
	var places []pair
	for i, b := range blocks {
		place := binary.AppendUvarint(nil, uint64(len(file)))
		place = binary.AppendUvarint(place, uint64(len(b)-trailerSize))
		places = append(places, pair{fmt.Sprint(i), string(place)})
		file = append(file, b...)
	}
	return indexOf(file, places...)
}

// indexOf makes an index of blocks that are already encoded, given their places.
func indexOf(file []byte, places ...pair) []byte {
	top := block(false, places...)
	footer := binary.AppendUvarint(nil, 0)
	footer = binary.AppendUvarint(footer, 0)
	footer = binary.AppendUvarint(footer, uint64(len(file)))
	footer = binary.AppendUvarint(footer, uint64(len(top)-trailerSize))
	footer = append(footer, make([]byte, 40-len(footer))...)
	file = append(append(file, top...), footer...)
	return binary.LittleEndian.AppendUint64(file, tableMagic)
}

// message makes a protocol buffer of numbers, given as alternating fields and values.
func message(fields ...uint64) string {
	var b []byte
	for i := 0; i < len(fields); i += 2 {
		b = protowire.AppendTag(b, protowire.Number(fields[i]), protowire.VarintType)
		b = protowire.AppendVarint(b, fields[i+1])
	}
	return string(b)
}

// float describes a float32 tensor in data file 0.
func float(at, size uint64, sum uint32, shape ...uint64) string {
	b := []byte(message(1, 1, 4, at, 5, size))
	var dims []byte
	for _, d := range shape {
		dims = protowire.AppendTag(dims, 2, protowire.BytesType)
		dims = protowire.AppendBytes(dims, []byte(message(1, d)))
	}
	b = protowire.AppendTag(b, 2, protowire.BytesType)
	b = protowire.AppendBytes(b, dims)
	b = protowire.AppendTag(b, 6, protowire.Fixed32Type)
	return string(protowire.AppendFixed32(b, mask(sum)))
}

// bundle reads an in-memory bundle with one data file.
func bundle(index, data []byte) (*Bundle, error) {
	return New("m", index, func(path string) (*weights.File, error) {
		if path != "m.data-00000-of-00001" {
			return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
		}
		return weights.NewFile(path, bytes.NewReader(data), int64(len(data))), nil
	})
}

var (
	numbers = []float32{1, 2, 3, 4, 5, 6}
	data    = weights.Bytes(numbers)
	sum     = crc32.Checksum(data, castagnoli)
	head    = pair{"", message(1, 1)}
)

// TestBlocks reads an index of several blocks, one of them compressed.
func TestBlocks(t *testing.T) {
	b, err := bundle(index(
		block(false, head, pair{"model/a", float(0, 24, sum, 2, 3)}),
		block(true, pair{"model/b", float(20, 4, crc32.Checksum(data[20:], castagnoli))}, pair{"step", message(1, 9, 5, 8)}),
	), data)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	got := sourcetest.ReadAll(t, b, len(data))
	if len(got) != 2 || !slices.Equal(got[0].Data, numbers) || !slices.Equal(got[0].Shape, []int{2, 3}) || !slices.Equal(got[1].Data, numbers[5:]) {
		t.Errorf("tensors %+v", got)
	}
	sourcetest.Error(t, b.Read("step", make([]float32, 1)), "m: step is I64, want F64, F32, F16 or BF16")
	sourcetest.Error(t, b.Read("none", nil), "m: no tensor none")
}

func TestBadFiles(t *testing.T) {
	good := index(block(false, head, pair{"a", float(0, 24, sum, 6)}))
	damaged := bytes.Clone(good)
	damaged[3] ^= 1
	one := func(p ...pair) []byte { return index(block(false, p...)) }
	first := block(false, head)
	place := string([]byte{0, byte(len(first) - trailerSize)})
	again := indexOf(first, pair{"0", place}, pair{"1", place})
	for _, test := range []struct {
		name  string
		index []byte
		want  string
	}{
		{"empty", nil, "m.index: 0 bytes, want at least 48: not an index"},
		{"cut", good[:len(good)-1], fmt.Sprintf("m.index: offset %d: magic 0x4775248b80fb5700, want 0xdb4775248b80fb57: not an index, or cut short", len(good)-9)},
		{"damaged", damaged, ""},
		{"without a header", one(pair{"a", float(0, 24, sum, 6)}), "m.index: the block at offset 0: no header before the tensors: not a TensorFlow checkpoint"},
		{"no tensor", index(), "m.index: empty: not a TensorFlow checkpoint"},
		{"many files", one(pair{"", message(1, 1<<40)}), "m.index: the block at offset 0: 1099511627776 data files, want 1 to 1000"},
		{"two files", one(pair{"", message(1, 2)}), "m.data-00000-of-00002: file does not exist"},
		{"big-endian", one(pair{"", message(1, 1, 2, 1)}), "m.index: the block at offset 0: a checkpoint from a big-endian machine"},
		{"other file", one(head, pair{"a", message(1, 1, 3, 1, 5, 4)}), "m.index: the block at offset 0: a: in data file 1 of 1, counted from 0"},
		{"twice", one(head, pair{"a", float(0, 4, 0)}, pair{"a", float(0, 4, 0)}), "m.index: the block at offset 0: a appears twice"},
		{"beyond", one(head, pair{"a", float(4, 24, sum, 6)}), "m.data-00000-of-00001: a has 24 bytes at offset 4, but the file has only 24: it is cut short"},
		{"offset overflow", one(head, pair{"a", float(1<<64-1, 24, sum, 6)}), "m.data-00000-of-00001: a has 24 bytes at offset 18446744073709551615, but the file has only 24: it is cut short"},
		{"size", one(head, pair{"a", float(0, 24, sum, 7)}), "m.index: the block at offset 0: a: 24 bytes do not fill F32 of shape (7)"},
		{"huge", one(head, pair{"a", float(0, 24, sum, 1<<60)}), "m.index: the block at offset 0: a: 24 bytes do not fill F32 of shape (1152921504606846976)"},
		{"overflow", one(head, pair{"a", float(0, 0, sum, 1<<60, 1<<60)}), "m.index: the block at offset 0: a: bad shape (1152921504606846976, 1152921504606846976)"},
		{"negative", one(head, pair{"a", float(0, 24, sum, 1<<64-6)}), "m.index: the block at offset 0: a: a dimension of -6"},
		{"block again", again, fmt.Sprintf("m.index: the block at offset %d: blocks that overlap", len(first))},
		{"broken entry", one(head, pair{"a", "\x12\xff"}), "m.index: the block at offset 0: a: a broken protocol buffer: unexpected EOF"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := bundle(test.index, data)
			if test.want == "" {
				got := crc32.Checksum(damaged[:len(block(false, head, pair{"a", float(0, 24, sum, 6)}))-4], castagnoli)
				want := crc32.Checksum(good[:len(block(false, head, pair{"a", float(0, 24, sum, 6)}))-4], castagnoli)
				test.want = fmt.Sprintf("m.index: offset 0: the checksum of a block is %08x, want %08x: the file is damaged", got, want)
			}
			sourcetest.Error(t, err, test.want)
		})
	}
}

func TestReadErrors(t *testing.T) {
	sliced := []byte(float(0, 24, sum, 6))
	sliced = protowire.AppendTag(sliced, 7, protowire.BytesType)
	sliced = protowire.AppendBytes(sliced, nil)
	b, err := bundle(index(block(false, head, pair{"a", float(0, 24, sum+1, 6)}, pair{"b", string(sliced)})), data)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, 6)
	sourcetest.Error(t, b.Read("a", x), fmt.Sprintf("m.data-00000-of-00001: offset 0: the checksum of a is %08x, want %08x: the file is damaged", sum, sum+1))
	sourcetest.Error(t, b.Read("a", x[:5]), "m: a is (6), 6 numbers; the buffer holds 5")
	sourcetest.Error(t, b.Read("b", x), "m: b is stored in slices, as for a model partitioned over machines; save it unpartitioned")
}

// TestSnappyBomb: a compressed block that claims to hold 2³¹ bytes is rejected.
func TestSnappyBomb(t *testing.T) {
	b := append([]byte("\xff\xff\xff\xff\x07"), 1)
	b = binary.LittleEndian.AppendUint32(b, mask(crc32.Checksum(b, castagnoli)))
	_, err := bundle(index(b), data)
	sourcetest.Error(t, err, "m.index: offset 0: a compressed block: 2147483647 bytes, want at most 16777216")
}

func FuzzBundle(f *testing.F) {
	tf, err := os.ReadFile(fixture + ".index")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(tf, uint16(8000))
	f.Add(index(block(false, head, pair{"a", float(0, 24, sum, 2, 3)})), uint16(24))
	f.Add(index(block(true, head, pair{"a", float(0, 24, sum, 2, 3)})), uint16(24))
	f.Fuzz(func(t *testing.T, index []byte, size uint16) {
		b, err := bundle(index, make([]byte, size))
		if err != nil {
			sourcetest.OneLine(t, err)
			return
		}
		sourcetest.ReadAll(t, b, int(size))
	})
}

// FuzzEntries is FuzzBundle without the checksums.
func FuzzEntries(f *testing.F) {
	f.Add([]byte(float(0, 24, sum, 2, 3)), block(false, head))
	f.Fuzz(func(t *testing.T, entry, rest []byte) {
		if _, err := bundle(index(block(false, head, pair{"a", string(entry)})), data); err != nil {
			sourcetest.OneLine(t, err)
		}
		rest = append(bytes.Clone(rest), 0)
		rest = binary.LittleEndian.AppendUint32(rest, mask(crc32.Checksum(rest, castagnoli)))
		if _, err := bundle(index(rest), data); err != nil {
			sourcetest.OneLine(t, err)
		}
	})
}

func ExampleOpen() {
	b, err := Open(fixture)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer b.Close()
	for _, t := range b.Tensors()[:4] {
		fmt.Println(t.Name, t.Type, t.Shape)
	}
	// Output:
	// global_step I64 []
	// model/h0/attn/c_attn/b F32 [24]
	// model/h0/attn/c_attn/w F32 [1 8 24]
	// model/h0/attn/c_proj/b F32 [8]
}
