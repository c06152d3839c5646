package tokenizer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// added is a tokenizer with tokens beside those of its model, which are found in a text
// before it is cut: special ones if one asks for them, others always. It also is what files
// say beyond the model.
type added struct {
	Tokenizer              // encodes what stands between the tokens
	tokens    []addedToken // all by id, those of Tokenizer too
	text      map[int]string
	size      int

	normalize   normalizer // nil: none
	raw, normal *finder    // for a text as it is, and as it is normalized

	limit         int   // ids that the model has, if it has fewer; else 0
	end, begin    int   // ids, -1 if there is none
	before, after []int // ids around a text

	source *pipeline                  // the file, without its vocabulary; nil if there was none
	config map[string]json.RawMessage // tokenizer_config.json, and what else there was of its kind
	files  map[string][]byte          // others, as they were
}

// newAdded adds tokens, whose ids are their own, to a tokenizer of a model. Its end of text
// is that of the model.
func newAdded(t Tokenizer, tokens []addedToken, n normalizer) *added {
	slices.SortFunc(tokens, func(a, b addedToken) int { return cmp.Compare(a.ID, b.ID) })
	a := &added{Tokenizer: t, tokens: tokens, text: make(map[int]string), size: t.Size(), normalize: n, end: -1, begin: -1}
	for _, one := range tokens {
		if a.text[one.ID] = one.Content; one.Normalized && n != nil { // as it is searched for
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

// finding is t as an added, which finds its special tokens.
func finding(t Tokenizer) *added {
	t = plainly(t)
	if a, ok := t.(*added); ok {
		return a
	}
	return newAdded(t, addedTokens(t), nil)
}

// AddSpecials returns t with further special tokens, whose ids follow those of t: the
// _start_, _delimiter_ and _classify_ of GPT-1's fine-tuning, for one. Those that t
// has already, in its vocabulary even, keep their ids.
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
		one, _ := r.find(text) // with its flags, if it is there
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

// index is where a token is among those added, or -1.
func (a *added) index(text string) int {
	return slices.IndexFunc(a.tokens, func(t addedToken) bool { return t.Content == text })
}

// Append implements Tokenizer.
func (a *added) Append(ids []int, text []byte) ([]int, error) { return a.encode(ids, text, false, nil) }

// encode encodes a text, and finds its special tokens if asked to. What stands between them is without
// a mark, which is nil for none.
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

// between encodes the tokens that were added and what stands between them.
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

// between yields the tokens of a text and what is between them, with where it begins, until
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

// AppendText implements Tokenizer. A token that was added is written as it is in a text. An
// id that no token has, of a vocabulary with gaps, is no text.
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
		first := i // of those that the model decodes
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

// EndOfText implements Tokenizer: the one that the files name, or that was added.
func (a *added) EndOfText() (int, bool) { return max(a.end, 0), a.end >= 0 }

// cut implements CutFor: not where a token is written, which is not known of a text that is
// yet to be normalized, nor where a part would get something in front.
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
