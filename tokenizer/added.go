package tokenizer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// added is a tokenizer with tokens in addition to those of its model. They are found in a
// text before it is cut: special tokens only on request, others always. It also holds what
// the tokenizer's files say beyond the model.
type added struct {
	Tokenizer              // encodes the text between added tokens
	tokens    []addedToken // all by id, including those of Tokenizer
	text      map[int]string
	size      int

	normalize   normalizer // nil if there is none
	raw, normal *finder    // for a text as it is, and as it is normalized

	limit         int   // number of ids that the model has, if fewer than size; else 0
	end, begin    int   // ids of the end and beginning of text, -1 if there is none
	before, after []int // ids around a text

	source *pipeline                  // the file, without its vocabulary; nil if there was none
	config map[string]json.RawMessage // tokenizer_config.json, with what similar files say
	files  map[string][]byte          // other files, unchanged
}

// newAdded adds tokens, which already have ids, to the tokenizer of a model. Its end of text
// is the model's, if there is one.
func newAdded(t Tokenizer, tokens []addedToken, n normalizer) *added {
	slices.SortFunc(tokens, func(a, b addedToken) int { return cmp.Compare(a.ID, b.ID) })
	a := &added{Tokenizer: t, tokens: tokens, text: make(map[int]string), size: t.Size(), normalize: n, end: -1, begin: -1}
	for _, one := range tokens {
		if a.text[one.ID] = one.Content; one.Normalized && n != nil { // the form that is searched for
			a.text[one.ID] = string(n(nil, []byte(one.Content)))
		}
		if _, ok := t.(*pieced); ok {
			a.text[one.ID] = unmarked(a.text[one.ID])
		}
		a.size = max(a.size, one.ID+1)
	}
	raw, normal := written(tokens, n)
	a.raw, a.normal = newFinder(raw), newFinder(normal)
	if id, ok := t.EndOfText(); ok {
		a.end = id
	} else if i := a.index(EndOfText); i >= 0 {
		a.end = a.tokens[i].ID
	}
	return a
}

// finding returns t as an *added, which can find its special tokens.
func finding(t Tokenizer) *added {
	t = plainly(t)
	if a, ok := t.(*added); ok {
		return a
	}
	return newAdded(t, addedTokens(t), nil)
}

// AddSpecials returns t with further special tokens, whose ids follow those of t, such as
// the _start_, _delimiter_ and _classify_ of GPT-1's fine-tuning. Tokens that t already
// has, even as ordinary ones in its vocabulary, keep their ids.
func AddSpecials(t Tokenizer, texts ...string) (Tokenizer, error) {
	old := finding(t)
	var vocab vocabulary
	if f, ok := old.Tokenizer.(filed); ok {
		vocab = f.pipeline().Model.Vocab
	}
	r := newRegister(vocab)
	for _, one := range old.tokens {
		r.keep(one)
	}
	r.next = old.size
	for i, text := range texts {
		if text == "" {
			return nil, fmt.Errorf("special token %d is empty", i)
		}
		one, _ := r.find(text) // with its flags, if it exists
		one.Content, one.Special = text, true
		r.add(one)
	}
	a := newAdded(old.Tokenizer, r.tokens, old.normalize)
	a.before, a.after, a.source, a.config, a.files, a.begin = old.before, old.after, old.source, old.config, old.files, old.begin
	if old.end >= 0 {
		a.end = old.end
	}
	if ReadsSpecial(t) {
		return reading{a}, nil
	}
	return a, nil
}

// index returns the index of a token in a.tokens, or -1.
func (a *added) index(text string) int {
	return slices.IndexFunc(a.tokens, func(t addedToken) bool { return t.Content == text })
}

// Append implements Tokenizer.
func (a *added) Append(ids []int, text []byte) ([]int, error) { return a.encode(ids, text, false, nil) }

// encode encodes a text, and finds special tokens in it if special is set. The mark, unless it is nil, is
// removed from the text between tokens.
func (a *added) encode(ids []int, text []byte, special bool, mark []byte) ([]int, error) {
	n := len(ids)
	var err error
	if !special && !a.raw.plain && !a.normal.plain && a.normalize == nil {
		ids, err = a.Tokenizer.Append(ids, text)
	} else {
		ids, err = a.between(ids, text, special, mark)
	}
	if err == nil && a.limit > 0 {
		err = a.within(ids[n:])
	}
	if err != nil {
		return ids[:n], err
	}
	return ids, nil
}

// between encodes the added tokens in a text and the text between them.
func (a *added) between(ids []int, text []byte, special bool, mark []byte) ([]int, error) {
	var err error
	between(a.raw, text, special, func(at int, part []byte, token *addedToken) bool {
		if token != nil {
			ids = append(ids, token.ID)
			return true
		}
		whole := part
		if a.normalize != nil {
			part = a.normalize(nil, part)
		}
		between(a.normal, part, special, func(i int, part []byte, token *addedToken) bool {
			if token != nil {
				ids = append(ids, token.ID)
				return true
			}
			if mark != nil {
				part = bytes.ReplaceAll(part, mark, nil)
			}
			p, ok := a.Tokenizer.(*pieced)
			if ok {
				ids, err = p.encode(ids, part, at+i == 0)
			} else {
				ids, err = a.Tokenizer.Append(ids, part)
			}
			if e, is := errors.AsType[*TextError](err); is && ok && a.normalize != nil {
				err = &TextError{e.Text, p.unwritten(whole) + int64(at), e.Problem}
			} else if is {
				err = &TextError{e.Text, e.Offset + int64(at+i), e.Problem}
			}
			return err == nil
		})
		return err == nil
	})
	return ids, err
}

// between yields the tokens in a text and the parts between them, with their offsets, until
// yield returns false.
func between(f *finder, text []byte, special bool, yield func(at int, part []byte, token *addedToken) bool) {
	done := 0
	if special || f.plain {
		for _, one := range f.all(text, special) {
			if one.start > done && !yield(done, text[done:one.start], nil) || !yield(one.start, nil, one.token) {
				return
			}
			done = one.end
		}
	}
	if done < len(text) {
		yield(done, text[done:], nil)
	}
}

// AppendText implements Tokenizer. An added token is written as it appears in a text. An id
// without a token, in a vocabulary with gaps, decodes to nothing.
func (a *added) AppendText(text []byte, ids []int) ([]byte, error) {
	n := len(text)
	base := a.Tokenizer.Size()
	for i := 0; i < len(ids); {
		if own, ok := a.text[ids[i]]; ok {
			text, i = append(text, own...), i+1
			continue
		}
		if ids[i] < 0 || ids[i] >= a.size {
			return text[:n], badID(i, ids[i], a.size)
		}
		if ids[i] >= base {
			i++
			continue
		}
		first := i // first of a run that the model decodes
		for i < len(ids) && ids[i] >= 0 && ids[i] < base {
			if _, ok := a.text[ids[i]]; ok {
				break
			}
			i++
		}
		var err error
		if text, err = a.Tokenizer.AppendText(text, ids[first:i]); err != nil {
			return text[:n], err
		}
	}
	return text, nil
}

// Size implements Tokenizer.
func (a *added) Size() int { return a.size }

// EndOfText implements Tokenizer: it is the one that the files name, or that was added.
func (a *added) EndOfText() (int, bool) { return max(a.end, 0), a.end >= 0 }

// cut implements CutFor. It does not cut where an added token is written, which is not known
// before a text is normalized, nor if the normalizer prepends something to each part.
func (a *added) cut(text []byte) int {
	if a.normalize != nil && (a.normal.longest > 0 || a.source != nil && a.source.Normalizer.prepends()) {
		return 0
	}
	for {
		i := CutFor(a.Tokenizer, text)
		if i == 0 || !a.raw.touches(text, i) && !a.normal.touches(text, i) {
			return i
		}
		text = text[:i]
	}
}
