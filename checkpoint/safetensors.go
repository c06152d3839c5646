package checkpoint

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxHeader is the longest header in bytes; the reference library has the same
// bound, against files that only cost memory.
const maxHeader = 100_000_000

// metadataKey is the header's key that names no tensor.
const metadataKey = "__metadata__"

// Info describes a stored tensor.
type Info struct {
	Name  string
	Type  DType
	Shape []int // empty for a scalar

	begin, end uint64 // bytes, from the start of the data
}

// Size returns the number of elements.
func (t Info) Size() int {
	n, _ := sizeOf(t.Shape)
	return n
}

// sizeOf returns the number of elements of a shape, and whether it is one:
// no negative sizes, and a product that fits an int.
func sizeOf(shape []int) (int, bool) {
	n := uint64(1)
	for _, d := range shape {
		if d < 0 {
			return 0, false
		}
		hi, lo := bits.Mul64(n, uint64(d))
		if hi != 0 || lo > math.MaxInt {
			return 0, false
		}
		n = lo
	}
	return int(n), true
}

// shapeText writes a shape as (768, 2304).
func shapeText(shape []int) string {
	const most = 16 // what is longer came out of a broken file
	var b strings.Builder
	for i, d := range shape {
		if i > 0 {
			b.WriteString(", ")
		}
		if i == most {
			b.WriteString("…")
			break
		}
		fmt.Fprint(&b, d)
	}
	return "(" + b.String() + ")"
}

// show makes a name out of a file fit for an error's one line.
func show(name string) string {
	const most = 100
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "…"
	}
	if quoted := strconv.Quote(name); name == "" || quoted != `"`+name+`"` {
		return quoted
	}
	return name
}

// headerEntry is a tensor in the JSON of the header.
type headerEntry struct {
	Type    DType    `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets []uint64 `json:"data_offsets"`
}

// parseHeader reads the JSON header of a file whose data has dataSize bytes.
// The tensors it returns are in the order of the data, which they fill without
// gap or overlap. Errors lack the file's name.
func parseHeader(header []byte, dataSize uint64) ([]Info, map[string]string, error) {
	if !utf8.Valid(header) {
		return nil, nil, errors.New("offset 8: the header is not UTF-8")
	}
	// The object is read key by key, since a map would hide duplicates.
	dec := json.NewDecoder(bytes.NewReader(header))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return nil, nil, errors.New("offset 8: the header is not a JSON object")
	}
	var (
		infos    []Info
		metadata map[string]string
		seen     = map[string]bool{}
	)
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return nil, nil, headerError("header", dec, err)
		}
		name := tok.(string) // the decoder lets only strings be keys
		if seen[name] {
			return nil, nil, fmt.Errorf("offset %d: the header names %s twice", 8+dec.InputOffset(), show(name))
		}
		seen[name] = true
		if name == metadataKey {
			if err := dec.Decode(&metadata); err != nil {
				return nil, nil, headerError(name, dec, err)
			}
			continue
		}
		var e headerEntry
		if err := dec.Decode(&e); err != nil {
			return nil, nil, headerError(name, dec, err)
		}
		info, err := e.info(name)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", show(name), err)
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

// headerError says what is wrong with the JSON under a key, without Go's words
// for it.
func headerError(key string, dec *json.Decoder, err error) error {
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		where := show(key)
		if wrongType.Field != "" {
			where += ": " + wrongType.Field
		}
		return fmt.Errorf("%s: got %s, want %s", where, show(wrongType.Value), jsonWants(key, wrongType.Field))
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = errors.New("it ends too early")
	}
	return fmt.Errorf("offset %d: %s: bad JSON: %w", 8+dec.InputOffset(), show(key), err)
}

// jsonWants names what the header should have under a key.
func jsonWants(key, field string) string {
	switch field, _, _ := strings.Cut(field, "."); {
	case key == metadataKey:
		return "a map from text to text"
	case field == "dtype":
		return "a text such as \"F32\""
	case field == "shape" || field == "data_offsets":
		return "whole numbers that are not negative"
	}
	return "an object with dtype, shape and data_offsets"
}

// info checks an entry by itself: all fields there, and as many bytes as the
// shape takes.
func (e headerEntry) info(name string) (Info, error) {
	width, ok := dtypeBits[e.Type]
	if !ok {
		return Info{}, fmt.Errorf("unknown dtype %s", show(string(e.Type)))
	}
	if e.Shape == nil {
		return Info{}, errors.New("no shape")
	}
	if len(e.Offsets) != 2 {
		return Info{}, fmt.Errorf("data_offsets has %d numbers, want [begin, end]", len(e.Offsets))
	}
	n, ok := sizeOf(e.Shape)
	hi, size := bits.Mul64(uint64(n), width)
	if !ok || hi != 0 {
		return Info{}, fmt.Errorf("shape %s is negative or too large", shapeText(e.Shape))
	}
	begin, end := e.Offsets[0], e.Offsets[1]
	if begin > end {
		return Info{}, fmt.Errorf("data_offsets are [%d, %d], want the first not above the second", begin, end)
	}
	if size%8 != 0 || end-begin != size/8 {
		return Info{}, fmt.Errorf("data_offsets [%d, %d] span %d bytes, want %d for %s %s",
			begin, end, end-begin, (size+7)/8, e.Type, shapeText(e.Shape))
	}
	return Info{Name: name, Type: e.Type, Shape: e.Shape, begin: begin, end: end}, nil
}

// checkLayout sorts the tensors by their place and checks that they fill the
// data exactly. So no reader allocates more than the file holds.
func checkLayout(infos []Info, dataSize uint64) error {
	slices.SortFunc(infos, func(a, b Info) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end), cmp.Compare(a.Name, b.Name))
	})
	next := uint64(0)
	for _, t := range infos {
		switch {
		case t.begin > next:
			return fmt.Errorf("%s begins at byte %d of the data, want %d: no gaps", show(t.Name), t.begin, next)
		case t.begin < next:
			return fmt.Errorf("%s begins at byte %d of the data, want %d: it overlaps another tensor", show(t.Name), t.begin, next)
		}
		next = t.end
	}
	if next != dataSize {
		return fmt.Errorf("%d bytes of data, want %d as the header says", dataSize, next)
	}
	return nil
}
