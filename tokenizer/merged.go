package tokenizer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Merged is a vocabulary of byte-level byte-pair encoding, as in GGUF files ("gpt2").
type Merged struct {
	Tokens []string // by id, with bytes written as in GPT-2's files
	Merges []string // "a b", in the order of their ranks
	Types  []int    // by id, as in [Pieces]; if nil, BOS, EOS, UNK and Pad are control tokens, others normal
	Pre    string   // how a text is cut: llama.cpp's name for it, tokenizer.ggml.pre; see [Pres]

	BOS, EOS, UNK, Pad int  // ids, -1 for none
	AddBOS, AddEOS     bool // whether a text for the model gets them

	Template string // chat template, for tokenizer_config.json; "" for none
}

// roles returns the ids of the tokens that have a name.
func (m *Merged) roles() map[string]int {
	return map[string]int{"bos_token": m.BOS, "eos_token": m.EOS, "unk_token": m.UNK, "pad_token": m.Pad}
}

// FromMerges returns the tokenizer.json and the tokenizer_config.json of a vocabulary, which [LoadFS] and
// transformers can open. A text is encoded as by llama.cpp.
func FromMerges(m Merged) (tokenizerJSON, configJSON []byte, err error) {
	if m.Tokens, err = checkTokens(m.Tokens, m.Types, m.roles()); err != nil {
		return nil, nil, err
	}
	how, ok := pres[m.Pre]
	if !ok {
		return nil, nil, unknownPre(m.Pre)
	}
	merges := make(mergeList, len(m.Merges))
	for i, text := range m.Merges {
		if len(text) > 0 { // a token may begin with a space, as some files have them
			left, right, _ := strings.Cut(text[1:], " ")
			merges[i].left, merges[i].right = text[:1]+left, right
		}
		if merges[i].right == "" || strings.Contains(merges[i].right, " ") {
			return nil, nil, fmt.Errorf("merge %d is %s, want two tokens with a space between", i, clip(fmt.Sprintf("%q", text)))
		}
	}
	p := how.stages()
	p.PreTokenizer.byteLevel().AddPrefixSpace = new(bool)
	p.Model = &model{Type: "BPE", Vocab: vocabularyOf(m.Tokens), Merges: merges, IgnoreMerges: how.whole}
	p.AddedTokens = addedOf(m.Tokens, m.Types, m.roles())
	p.PostProcessor = aroundOf(m.Tokens, m.AddBOS, m.BOS, m.AddEOS, m.EOS)
	return p.files(m.Tokens, m.roles(), m.Template)
}

// ToMerges returns the vocabulary of a byte-level tokenizer, from which [FromMerges] makes one that encodes as
// t does.
func ToMerges(t Tokenizer) (m Merged, err error) {
	a := finding(t)
	if _, ok := a.Tokenizer.(*byteLevel); !ok {
		return m, fmt.Errorf("the tokenizer is of the kind %s, want byte-level byte-pair encoding", t.Name())
	}
	p := a.pipeline()
	if a.normalize != nil {
		return m, errors.New("the tokenizer normalizes texts, which such a file cannot record")
	}
	if c := a.Tokenizer.(*byteLevel).cutting; c != nil && c.prefix {
		return m, errors.New("the tokenizer puts a space before a text, which llama.cpp does not do for byte-level BPE")
	}
	for _, name := range Pres() {
		s := pres[name].stages()
		s.PreTokenizer.byteLevel().AddPrefixSpace = new(bool)
		if pres[name].whole == p.Model.IgnoreMerges && p.sameStages(s) {
			m.Pre = name
			break
		}
	}
	if m.Pre == "" {
		return m, errors.New("the tokenizer splits texts in a way for which llama.cpp has no name")
	}
	m.Tokens, m.Types = a.listed()
	for _, one := range p.Model.Merges {
		m.Merges = append(m.Merges, one.left+" "+one.right)
	}
	m.UNK = -1
	if p.Model.UnkToken != nil {
		m.UNK = slices.Index(m.Tokens, *p.Model.UnkToken)
	}
	m.BOS, m.EOS, m.Pad, m.AddBOS, m.AddEOS, m.Template, err = a.ends()
	return m, err
}
