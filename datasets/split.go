package datasets

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// Split divides a source into a training part and a validation part, which has
// about the given fraction of it; the two never share a byte.
//
// A single document is cut once: its end is for validation, from byte
// int((1-fraction)·size), or up to three bytes earlier so that the cut is at the
// start of a character. With 0.1 this is nanoGPT's split of ASCII text. With several
// documents, each goes to one part by a hash of its name, so that it stays
// there when others are added. If the size of a part is then off by more than a
// factor of two, as it may be with few or very unequal documents, each document that
// still fits is taken for validation instead, in the order of that hash; if these
// fill less than half of the validation part, the largest document is cut too.
//
// In files that hold many texts, such as JSON lines or Parquet, each text goes to a part
// by a hash of the text, whatever the number of files. Token shards with "val" or
// "validation" as a word in their name are for validation, unless all are.
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
	for i := range rest {
		rest[i].split = true
	}
	switch {
	case len(src.docs) == 0:
		return nil, nil, fmt.Errorf("%s: no text to split", src.name)
	case len(rest) == 0:
	default:
		learn, check := splitShards(rest)
		if check == nil {
			if learn, check, err = splitDocuments(rest, fraction); err == errShort {
				err = fmt.Errorf("%s: %s %w", src.name, byteSize(src.size), err)
			}
			if err != nil {
				return nil, nil, err
			}
		}
		t, v = append(t, learn...), append(v, check...)
	}
	train, validation = newSource(src.name+" (training part)", src.unit, t), newSource(src.name+" (validation part)", src.unit, v)
	train.faults, validation.faults = src.faults, src.faults
	return train, validation, nil
}

// splitShards divides token shards by forValidation, if all documents are shards and
// some are for training.
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
// below fraction are for validation, if together they are about as large as they should be.
func splitDocuments(docs []Document, fraction float64) (train, validation []Document, err error) {
	numbers := make([]float64, len(docs))
	taken := make([]bool, len(docs)) // for validation
	total, got := int64(0), int64(0)
	for i, d := range docs {
		sum := sha256.Sum256([]byte(d.Name))
		numbers[i] = unit(sum[:])
		total += d.Size
		if taken[i] = numbers[i] < fraction; taken[i] {
			got += d.Size
		}
	}
	want, cut := fraction*float64(total), -1
	var first, last Document
	if far(float64(got), want) || far(float64(total-got), float64(total)-want) {
		if got = fill(docs, numbers, taken, want); float64(got) < want/2 {
			if cut, first, last, err = cutLargest(docs, fraction, want-float64(got)); err != nil {
				return nil, nil, err
			}
		}
	}
	for i, d := range docs {
		switch {
		case i == cut && first.Size == 0: // it is too short
			validation = append(validation, d)
		case i == cut:
			train, validation = append(train, first), append(validation, last)
		case taken[i]:
			validation = append(validation, d)
		default:
			train = append(train, d)
		}
	}
	return train, validation, nil
}

// fill takes each document that still fits into a size, in the order of their numbers, and
// returns the total size of those taken.
func fill(docs []Document, numbers []float64, taken []bool, size float64) (got int64) {
	order := make([]int, len(docs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(numbers[a], numbers[b]) })
	for _, i := range order {
		if taken[i] = float64(got+docs[i].Size) <= size; taken[i] {
			got += docs[i].Size
		}
	}
	return got
}

var errShort = errors.New("is too short to split")

// cutLargest cuts the largest document so that its end has about the given size. If it is
// too short for that, cutLargest returns the index of the smallest document and cuts nothing.
func cutLargest(docs []Document, fraction, size float64) (i int, first, last Document, err error) {
	bySize := func(a, b Document) int { return cmp.Compare(a.Size, b.Size) }
	d := slices.MaxFunc(docs, bySize)
	at := d.Size - int64(math.Ceil(size))
	if len(docs) == 1 {
		at = int64((1 - fraction) * float64(d.Size)) // as in nanoGPT
	}
	if at, err = cutBefore(&d, at); err != nil {
		return 0, first, last, fmt.Errorf("%s: %w", d.where(), err)
	}
	switch {
	case at > 0 && at < d.Size:
		return index(docs, d), d.section(0, at), d.section(at, d.Size), nil
	case len(docs) == 1:
		return 0, first, last, errShort
	}
	return index(docs, slices.MinFunc(docs, bySize)), first, last, nil
}

// index finds the first document of a name and size.
func index(docs []Document, one Document) int {
	return slices.IndexFunc(docs, func(d Document) bool { return d.Name == one.Name && d.Size == one.Size })
}

// far reports whether got is not within a factor of two of want.
func far(got, want float64) bool { return got < want/2 || got > 2*want }

// cutBefore returns the start of the character or token that byte at of a document
// belongs to, or at itself if no character starts within reach.
func cutBefore(d *Document, at int64) (int64, error) {
	if d.tokens() {
		return at - at%d.format.width, nil
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
