package datasets

import (
	"crypto/sha256"
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
//
// The texts of a file of many, of JSON lines or Parquet, go to one part or the other
// by a hash of the text, whatever the number of files. Of token shards, those with
// "val" in the name are for validation, if there are any and others too.
func Split(src *Source, fraction float64) (train, validation *Source, err error) {
	if !(fraction > 0 && fraction < 1) {
		return nil, nil, fmt.Errorf("validation fraction is %v, want more than 0 and less than 1", fraction)
	}
	var t, v []Document
	rest := make([]Document, 0, len(src.docs))
	for _, d := range src.docs {
		if d.format == nil || !d.format.text {
			rest = append(rest, d)
			continue
		}
		if d.share != nil {
			return nil, nil, fmt.Errorf("%s: it is split already", src.name)
		}
		d.share = &share{fraction: fraction}
		t = append(t, d)
		d.share = &share{fraction: fraction, validation: true}
		v = append(v, d)
	}
	switch {
	case len(src.docs) == 0:
		return nil, nil, fmt.Errorf("%s: no text to split", src.name)
	case len(rest) == 0:
	case len(src.docs) == 1:
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
		learn, check := splitShards(rest)
		if check == nil {
			learn, check = splitDocuments(rest, fraction)
		}
		t, v = append(t, learn...), append(v, check...)
	}
	train, validation = newSource(src.name+" (training part)", src.unit, t), newSource(src.name+" (validation part)", src.unit, v)
	train.faults, validation.faults = src.faults, src.faults
	return train, validation, nil
}

// splitShards takes the token shards whose name has the word "val" for validation,
// if all documents are shards and some are for training.
func splitShards(docs []Document) (train, validation []Document) {
	for _, d := range docs {
		switch {
		case !d.tokens():
			return nil, nil
		case d.forValidation():
			validation = append(validation, d)
		default:
			train = append(train, d)
		}
	}
	if len(train) == 0 {
		return nil, nil
	}
	return train, validation
}

// splitDocuments gives each document a number in [0, 1) by its name; those
// below fraction are for validation.
func splitDocuments(docs []Document, fraction float64) (train, validation []Document) {
	lowest, highest := 0, 0
	numbers := make([]float64, len(docs))
	for i, d := range docs {
		sum := sha256.Sum256([]byte(d.Name))
		numbers[i] = unit(sum[:])
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
// belongs to, or token; at itself if there is none within its length.
func cutBefore(d *Document, at int64) (int64, error) {
	if d.format != nil {
		return at - at%tokenBytes, nil
	}
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
