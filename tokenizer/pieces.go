package tokenizer

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// Pieces is a vocabulary of SentencePiece's byte-pair encoding, as in its models, GGUF files ("llama") and
// llama2.c's tokenizer.bin.
type Pieces struct {
	Tokens []string  // by id, with a space as U+2581
	Scores []float32 // by id: the pair that makes the token with the highest score merges first; if nil, minus the id
	Types  []int     // by id, see the constants; if nil, UNK is unknown, BOS and EOS control, <0xNN> bytes, others normal

	BOS, EOS, UNK  int  // ids, -1 for none
	AddBOS, AddEOS bool // whether a text for the model gets them
	SpacePrefix    bool // whether a text, and text after a special token, gets a space in front

	Template string // chat template, for tokenizer_config.json; "" for none
}

// Types of tokens in SentencePiece's sentencepiece_model.proto and GGUF's tokenizer.ggml.token_type.
const (
	NormalPiece  = 1 + iota
	UnknownPiece // stands for characters without a token
	ControlPiece // not found in texts, unless special tokens are asked for
	UserPiece    // always found as a whole
	UnusedPiece
	BytePiece // <0xNN>
)

// maxPiece bounds the length in bytes of tokens made by merges; published ones have less than 200.
const maxPiece = 512

// checkTokens checks the lengths and ids of a vocabulary. It returns the tokens, in which an empty one, which
// no text contains, gets the name that llama.cpp gives it.
func checkTokens(tokens []string, types []int, ids map[string]int) ([]string, error) {
	if len(tokens) == 0 || len(tokens) > maxID {
		return nil, fmt.Errorf("%d tokens, want 1 to 2^30", len(tokens))
	}
	if types != nil && len(types) != len(tokens) {
		return nil, fmt.Errorf("%d types for %d tokens", len(types), len(tokens))
	}
	for id, t := range types {
		if t < NormalPiece || t > BytePiece {
			return nil, fmt.Errorf("token %d has type %d, want %d to %d", id, t, NormalPiece, BytePiece)
		}
	}
	for role, id := range ids {
		if id < -1 || id >= len(tokens) {
			return nil, fmt.Errorf("%s is token %d, want 0 to %d, or -1 for none", role, id, len(tokens)-1)
		}
	}
	tokens = slices.Clone(tokens)
	owner := make(map[string]int, len(tokens))
	for id, token := range tokens {
		if token == "" {
			token = fmt.Sprintf("[EMPTY_%d]", id)
			tokens[id] = token
		}
		if other, ok := owner[token]; ok {
			return nil, fmt.Errorf("tokens %d and %d are both %s", other, id, clip(fmt.Sprintf("%q", token)))
		}
		owner[token] = id
		if !utf8.ValidString(token) {
			return nil, fmt.Errorf("token %d, %s, is not valid UTF-8", id, clip(fmt.Sprintf("%q", token)))
		}
	}
	return tokens, nil
}

// roles returns the ids of the tokens that have a name.
func (p *Pieces) roles() map[string]int {
	return map[string]int{"bos_token": p.BOS, "eos_token": p.EOS, "unk_token": p.UNK}
}

// FromPieces returns the tokenizer.json and the tokenizer_config.json of a vocabulary, which [LoadFS] and
// transformers can open. A text is encoded as by llama.cpp and SentencePiece, except for pieces with equal
// scores. They merge these from left to right, but a tokenizer.json orders pairs; the order is transformers'.
func FromPieces(p Pieces) (tokenizerJSON, configJSON []byte, err error) {
	if p.Tokens, err = checkTokens(p.Tokens, p.Types, p.roles()); err != nil {
		return nil, nil, err
	}
	if p.Scores != nil && len(p.Scores) != len(p.Tokens) {
		return nil, nil, fmt.Errorf("%d scores for %d tokens", len(p.Scores), len(p.Tokens))
	}
	if p.Types == nil {
		p.Types = p.guessed()
	}
	v := vocabularyOf(p.Tokens)
	m := &model{Type: "BPE", FuseUnk: true, Vocab: v, ByteFallback: slices.Contains(p.Types, BytePiece)}
	if p.UNK >= 0 {
		m.UnkToken = &p.Tokens[p.UNK]
	}
	if m.Merges, err = p.merges(v); err != nil {
		return nil, nil, err
	}
	s := prependStages(p.SpacePrefix, m.ByteFallback)
	s.Model, s.AddedTokens = m, addedOf(p.Tokens, p.Types, p.roles())
	s.PostProcessor = aroundOf(p.Tokens, p.AddBOS, p.BOS, p.AddEOS, p.EOS)
	return s.files(p.Tokens, p.roles(), p.Template)
}

// guessed returns types for tokens given without any.
func (p *Pieces) guessed() []int {
	types := make([]int, len(p.Tokens))
	for id, token := range p.Tokens {
		types[id] = NormalPiece
		if _, ok := byteOf(token); ok {
			types[id] = BytePiece
		}
	}
	for _, id := range []int{p.BOS, p.EOS} {
		if id >= 0 {
			types[id] = ControlPiece
		}
	}
	if p.UNK >= 0 {
		types[p.UNK] = UnknownPiece
	}
	return types
}

// vocabularyOf returns the vocabulary of tokens that are listed by id.
func vocabularyOf(tokens []string) vocabulary {
	v := make(vocabulary, len(tokens))
	for id, token := range tokens {
		v[token] = id
	}
	return v
}

// merges returns the pairs of tokens that make a token, by decreasing score of that token; pairs of the same
// score are in the order of transformers' generate_merges. Control tokens and the like are not made by merges.
func (p *Pieces) merges(v vocabulary) (mergeList, error) {
	type ranked struct {
		fileMerge
		score       float32
		left, right int // characters
	}
	makes := func(id int) bool { return p.Types[id] == NormalPiece || p.Types[id] == UserPiece }
	var all []ranked
	for id, token := range p.Tokens {
		if !makes(id) {
			continue
		}
		if len(token) > maxPiece {
			return nil, fmt.Errorf("token %d has %d bytes, want at most %d", id, len(token), maxPiece)
		}
		score := float32(-id)
		if p.Scores != nil {
			if score = p.Scores[id]; math.IsNaN(float64(score)) {
				return nil, fmt.Errorf("token %d has score NaN", id)
			}
		}
		first, n := len(all), utf8.RuneCountInString(token)
		for left, i := 0, 0; i < len(token); left++ {
			a, okA := v[token[:i]]
			b, okB := v[token[i:]]
			if i > 0 && okA && okB && makes(a) && makes(b) {
				all = append(all, ranked{fileMerge{left: token[:i], right: token[i:]}, score, left, n - left})
			}
			_, width := utf8.DecodeRuneInString(token[i:])
			i += width
		}
		slices.SortFunc(all[first:], func(a, b ranked) int { return cmp.Compare(v[a.fileMerge.left], v[b.fileMerge.left]) })
	}
	slices.SortStableFunc(all, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.left, a.left), cmp.Compare(b.right, a.right))
	})
	merges := make(mergeList, len(all))
	for i, one := range all {
		merges[i] = one.fileMerge
	}
	return merges, nil
}

// scores returns the scores of tokens as SentencePiece assigns them: 0, −1, −2, … in the order in which merges make them,
// then by id for those that no merge makes. Control tokens and the like have the score 0.
func (b *pieced) scores(types []int) []float32 {
	scores, scored := make([]float32, len(types)), make(map[int]bool)
	next := func(id int) {
		if !scored[id] && (types[id] == NormalPiece || types[id] == UserPiece) {
			scores[id] = float32(-len(scored))
			scored[id] = true
		}
	}
	for _, id := range b.merges.results {
		next(int(id))
	}
	for id := range types {
		next(id)
	}
	return scores
}

// ToPieces returns the vocabulary of a tokenizer of SentencePiece's kind, from which [FromPieces] makes one that
// encodes as t does, except for the order of pairs that make the same token, which have the same score.
func ToPieces(t Tokenizer) (p Pieces, err error) {
	a := finding(t)
	b, ok := a.Tokenizer.(*pieced)
	if !ok {
		return p, fmt.Errorf("the tokenizer is of the kind %s, want SentencePiece's byte-pair encoding", t.Name())
	}
	src := a.pipeline()
	fallback := src.Model.ByteFallback
	switch {
	case src.sameStages(prependStages(true, fallback)), src.sameStages(metaspaceStages("first")), src.sameStages(metaspaceStages("always")):
		p.SpacePrefix = true
	case !src.sameStages(prependStages(false, fallback)) && !src.sameStages(metaspaceStages("never")) || b.whole:
		return p, errors.New("the tokenizer normalizes or cuts texts in a way that such a file cannot record")
	}
	p.Tokens, p.Types = a.listed()
	for id, token := range b.tokens {
		if _, ok := byteOf(token); ok && fallback {
			p.Types[id] = BytePiece
		}
	}
	p.UNK = int(b.unknown)
	if p.UNK >= 0 {
		p.Types[p.UNK] = UnknownPiece
	}
	p.Scores = b.scores(p.Types)
	if p.BOS, p.EOS, _, p.AddBOS, p.AddEOS, p.Template, err = a.ends(); err != nil {
		return p, err
	}
	merges, err := p.merges(vocabularyOf(p.Tokens))
	if err == nil && !sameMerges(merges, src.Model.Merges) {
		err = errors.New("the tokenizer's merges do not follow from scores of its tokens, as SentencePiece's do")
	}
	return p, err
}

// sameMerges reports whether two lists make the same tokens in the same order, each from the same pairs.
func sameMerges(a, b mergeList) bool {
	if len(a) != len(b) {
		return false
	}
	pairs := make(map[[2]string]bool, len(a))
	for _, m := range a {
		pairs[[2]string{m.left, m.right}] = true
	}
	for i, m := range b {
		if m.left+m.right != a[i].left+a[i].right || !pairs[[2]string{m.left, m.right}] {
			return false
		}
	}
	return true
}
