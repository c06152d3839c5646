package datasets

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// Split cuts a source into a training part and a validation part, which has
// about the given fraction of it; the two never share a byte.
//
// A single document is cut once: the last bytes are for validation, from
// byte int((1-fraction)·size) on or up to three bytes earlier, where a
// character starts. With 0.1 that is nanoGPT's split of ASCII text. Of several
// documents each goes to one part by a hash of its name, so that it stays
// there when others are added, and each part gets at least one.
func Split(src *Source, fraction float64) (train, validation *Source, err error) {
	if !(fraction > 0 && fraction < 1) {
		return nil, nil, fmt.Errorf("validation fraction is %v, want more than 0 and less than 1", fraction)
	}
	var t, v []Document
	switch len(src.docs) {
	case 0:
		return nil, nil, fmt.Errorf("%s: no text to split", src.name)
	case 1:
		d := &src.docs[0]
		at, err := cutBefore(d, int64((1-fraction)*float64(d.Size)))
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", d.where(), err)
		}
		if at == 0 || at == d.Size {
			return nil, nil, fmt.Errorf("%s: %s is too short to split", src.name, byteSize(d.Size))
		}
		t, v = []Document{d.section(0, at)}, []Document{d.section(at, d.Size)}
	default:
		t, v = splitDocuments(src.docs, fraction)
	}
	return newSource(src.name+" (training part)", src.unit, t), newSource(src.name+" (validation part)", src.unit, v), nil
}

// splitDocuments gives each document a number in [0, 1) by its name; those
// below fraction are for validation.
func splitDocuments(docs []Document, fraction float64) (train, validation []Document) {
	lowest, highest := 0, 0
	numbers := make([]float64, len(docs))
	for i, d := range docs {
		sum := sha256.Sum256([]byte(d.Name))
		numbers[i] = float64(binary.BigEndian.Uint64(sum[:])>>11) / (1 << 53)
		if numbers[i] < numbers[lowest] {
			lowest = i
		}
		if numbers[i] >= numbers[highest] {
			highest = i
		}
	}
	for i, d := range docs {
		if (numbers[i] < fraction || i == lowest) && i != highest {
			validation = append(validation, d)
		} else {
			train = append(train, d)
		}
	}
	return train, validation
}

// cutBefore returns the start of the character that byte at of a document
// belongs to; at itself if there is none within its length.
func cutBefore(d *Document, at int64) (int64, error) {
	c, err := d.open()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	from := max(0, at-utf8.UTFMax+1)
	b := make([]byte, min(at+1, d.Size)-from)
	if err := d.readAt(c, b, from); err != nil {
		return 0, err
	}
	for i := len(b) - 1; i >= 0; i-- {
		if utf8.RuneStart(b[i]) {
			return from + int64(i), nil
		}
	}
	return at, nil
}
