package safetensors

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gorgpt/gorgpt/checkpoint/weights"

	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// maxHeader is the maximum length of a header in bytes. The reference library has the same limit, against
// files that only waste memory.
const maxHeader = 100_000_000

// metadataKey is the key in the header that does not name a tensor.
const metadataKey = "__metadata__"

// entry is a tensor with its place.
type entry struct {
	weights.Info
	begin, end uint64 // bytes, from the start of the data
}

// dtypeBits holds the size of one number of every type in the format: a file may hold tensors that are never
// read, such as the attention masks of old GPT-2 files.
var dtypeBits = map[weights.DType]uint64{
	"F64": 64, weights.F32: 32, weights.F16: 16, weights.BF16: 16, "C64": 64,
	"I64": 64, "I32": 32, "I16": 16, "I8": 8,
	"U64": 64, "U32": 32, "U16": 16, "U8": 8, "BOOL": 8,
	"F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
	"F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
}

// headerEntry is a tensor in the JSON of the header.
type headerEntry struct {
	Type    weights.DType `json:"dtype"`
	Shape   []int         `json:"shape"`
	Offsets []uint64      `json:"data_offsets"`
}

// parseHeader reads the JSON header of a file with dataSize bytes of data. It returns the tensors in the
// order of the data, which they fill without gap or overlap. Errors lack the file's name.
func parseHeader(header []byte, dataSize uint64) ([]entry, map[string]string, error) {
	if !utf8.Valid(header) {
		return nil, nil, errors.New("offset 8: the header is not UTF-8")
	}
	// The object is read key by key, since a map would hide duplicates.
	dec := json.NewDecoder(bytes.NewReader(header))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return nil, nil, errors.New("offset 8: the header is not a JSON object")
	}
	var (
		infos    []entry
		metadata map[string]string
		seen     = map[string]bool{}
	)
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return nil, nil, headerError("header", dec, err)
		}
		name := tok.(string) // the decoder allows only strings as keys
		if seen[name] {
			return nil, nil, fmt.Errorf("offset %d: the header names %s twice", 8+dec.InputOffset(), weights.Show(name))
		}
		seen[name] = true
		if name == metadataKey {
			if err := dec.Decode(&metadata); err != nil {
				return nil, nil, headerError(name, dec, err)
			}
			continue
		}
		var e headerEntry
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, nil, headerError(name, dec, err)
		}
		if err := plainjson.Unmarshal(raw, &e); err != nil {
			return nil, nil, headerError(name, dec, err)
		}
		info, err := e.info(name)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", weights.Show(name), err)
		}
		infos = append(infos, info)
	}
	if _, err := dec.Token(); err != nil {
		return nil, nil, headerError("header", dec, err)
	}
	if rest := header[dec.InputOffset():]; len(bytes.TrimSpace(rest)) > 0 {
		return nil, nil, fmt.Errorf("offset %d: want spaces up to the end of the header", 8+dec.InputOffset())
	}
	if err := checkLayout(infos, dataSize); err != nil {
		return nil, nil, err
	}
	return infos, metadata, nil
}

// headerError describes what is wrong with the JSON under a key, without encoding/json's wording.
func headerError(key string, dec *json.Decoder, err error) error {
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		where := weights.Show(key)
		if wrongType.Field != "" {
			where += ": " + wrongType.Field
		}
		return fmt.Errorf("%s: got %s, want %s", where, weights.Show(wrongType.Value), jsonWants(key, wrongType.Field))
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = errors.New("it ends too early")
	}
	return fmt.Errorf("offset %d: %s: bad JSON: %w", 8+dec.InputOffset(), weights.Show(key), err)
}

// jsonWants describes what the header should have under a key.
func jsonWants(key, field string) string {
	switch field, _, _ := strings.Cut(field, "."); {
	case key == metadataKey:
		return "a map from strings to strings"
	case field == "dtype":
		return "a string such as \"F32\""
	case field == "shape" || field == "data_offsets":
		return "non-negative integers"
	}
	return "an object with dtype, shape and data_offsets"
}

// info checks a single entry: it must have all fields, and as many bytes as its shape takes.
func (e headerEntry) info(name string) (entry, error) {
	width, ok := dtypeBits[e.Type]
	if !ok {
		return entry{}, fmt.Errorf("unknown dtype %s", weights.Show(string(e.Type)))
	}
	if e.Shape == nil {
		return entry{}, errors.New("no shape")
	}
	if len(e.Offsets) != 2 {
		return entry{}, fmt.Errorf("data_offsets has %d numbers, want [begin, end]", len(e.Offsets))
	}
	n, ok := weights.SizeOf(e.Shape)
	hi, size := bits.Mul64(uint64(n), width)
	if !ok || hi != 0 {
		return entry{}, fmt.Errorf("shape %s is negative or too large", weights.ShapeText(e.Shape))
	}
	begin, end := e.Offsets[0], e.Offsets[1]
	if begin > end {
		return entry{}, fmt.Errorf("data_offsets are [%d, %d], want the first not above the second", begin, end)
	}
	if size%8 != 0 || end-begin != size/8 {
		return entry{}, fmt.Errorf("data_offsets [%d, %d] span %d bytes, want %d for %s %s",
			begin, end, end-begin, (size+7)/8, e.Type, weights.ShapeText(e.Shape))
	}
	return entry{weights.Info{Name: name, Type: e.Type, Shape: e.Shape}, begin, end}, nil
}

// checkLayout sorts the tensors by place and checks that they fill the data exactly. Therefore, no reader
// allocates more than the file holds.
func checkLayout(infos []entry, dataSize uint64) error {
	slices.SortFunc(infos, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end), cmp.Compare(a.Name, b.Name))
	})
	next := uint64(0)
	for _, t := range infos {
		switch {
		case t.begin > next:
			return fmt.Errorf("%s begins at byte %d of the data, want %d: no gaps", weights.Show(t.Name), t.begin, next)
		case t.begin < next:
			return fmt.Errorf("%s begins at byte %d of the data, want %d: it overlaps another tensor", weights.Show(t.Name), t.begin, next)
		}
		next = t.end
	}
	if next != dataSize {
		return fmt.Errorf("%d bytes of data, want %d as the header says", dataSize, next)
	}
	return nil
}
