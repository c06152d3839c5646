package datasets

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/gorgpt/gorgpt/datasets/shard"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/store"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// forValidation reports whether a document is a token shard whose name has the word "val", as
// in llm.c and nanoGPT, or "validation".
func (d Document) forValidation() bool {
	words := strings.FieldsFunc(d.Name, func(r rune) bool { return !unicode.IsLetter(r) })
	return d.tokens() && (slices.Contains(words, "val") || slices.Contains(words, "validation"))
}

// ForTraining returns the source without the token shards that are for validation by their
// names, if there are others. It is what to train on if the validation text is a different
// source. [Split] returns the same training part, and the validation shards too.
func ForTraining(src *Source) *Source {
	keep := slices.DeleteFunc(slices.Clone(src.docs), Document.forValidation)
	if len(keep) == 0 || len(keep) == len(src.docs) {
		return src
	}
	s := newSource(src.name, src.unit, keep)
	s.faults, s.left = src.faults, src.left
	return s
}

// Shards reports whether the source has token shards.
func (s *Source) Shards() bool { return slices.ContainsFunc(s.docs, Document.tokens) }

// SplitByName reports whether [Split] goes by names, because all documents are token shards, some of which are for
// validation. The fraction has no effect then.
func (s *Source) SplitByName() bool {
	train, validation := splitShards(s.docs)
	return len(train) > 0 && len(validation) > 0
}

// Tokenizers returns the folders of the tokenizers that token shards of the source were made
// with. Package pack writes them next to its shards; other shards have none.
func (s *Source) Tokenizers() []string {
	var all []string
	seen := map[string]bool{}
	for _, d := range s.docs {
		dir := store.Dir(d.path)
		if !d.tokens() || seen[dir] {
			continue
		}
		seen[dir] = true
		folder := store.Join(dir, shard.TokenizerFolder)
		if _, err := store.Stat(store.Join(dir, shard.IndexFile)); err != nil {
			continue
		}
		if info, err := store.Stat(folder); err == nil && info.IsDir() {
			all = append(all, folder)
		}
	}
	return all
}

// checkWidth returns an error if token shards of the source differ in width, or have another width
// than those of tok: their ids would stand for other tokens.
func checkWidth(src *Source, tok tokenizer.Tokenizer) error {
	var first *Document
	for i := range src.docs {
		d := &src.docs[i]
		switch {
		case !d.tokens():
		case first == nil:
			first = d
		case d.format.width != first.format.width:
			return fmt.Errorf("%s has tokens of %d bits, %s of %d: they were made with different tokenizers", first.where(), 8*first.format.width, d.where(), 8*d.format.width)
		}
	}
	if first != nil && first.format.width == 2 && shard.For(tok.Size()) != shard.GPT2 {
		return fmt.Errorf("%s has tokens of 16 bits: it was made with a tokenizer other than %s, whose vocabulary has %s tokens", first.where(), tok.Name(), plural.Thousands(tok.Size()))
	}
	return nil
}

// maxIndex bounds the index of a pack, as in package pack.
const maxIndex = 64 << 20

// checkComplete returns an error if package pack has not yet written all of a folder: a run would have only a part
// of the text, and could not be resumed once there is more.
func checkComplete(dir string) error {
	data, err := store.ReadFile(store.Join(dir, shard.IndexFile), maxIndex)
	if err != nil {
		return err
	}
	type part struct {
		Complete *bool `json:"complete"`
	}
	var index struct {
		Train part `json:"train"`
		Val   part `json:"val"`
	}
	if err := json.Unmarshal(data, &index); err != nil {
		return fmt.Errorf("%s: %w", store.Join(dir, shard.IndexFile), err)
	}
	for _, p := range []part{index.Train, index.Val} {
		if p.Complete != nil && !*p.Complete {
			return fmt.Errorf("%s: gorgpt pack has not finished this folder; run that gorgpt pack command again", dir)
		}
	}
	return nil
}

// checkMade returns an error if shards of the source were made with another tokenizer than tok:
// their ids would stand for other tokens.
func checkMade(src *Source, tok tokenizer.Tokenizer) error {
	if err := checkWidth(src, tok); err != nil {
		return err
	}
	for _, folder := range src.Tokenizers() {
		if err := checkComplete(store.Dir(folder)); err != nil {
			return err
		}
		made, err := tokenizer.Load(folder)
		if err != nil {
			return err
		}
		other, err := printTokenizer(tokenizer.ReadSpecial(made)) // with --special or without: the ids are made
		if err != nil {
			return fmt.Errorf("%s: %w", folder, err)
		}
		print, err := printTokenizer(tokenizer.ReadSpecial(tok))
		if err != nil {
			return err
		}
		if strings.TrimPrefix(other, made.Name()) != strings.TrimPrefix(print, tok.Name()) {
			return fmt.Errorf("%s: the shards beside it were made with this tokenizer (%s, %s tokens), not with the one given (%s, %s)",
				folder, made.Name(), plural.Thousands(made.Size()), tok.Name(), plural.Thousands(tok.Size()))
		}
	}
	return nil
}
