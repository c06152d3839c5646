package checkpoint

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/gorgpt/gorgpt/checkpoint/gguf"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// tokenizerMeta returns the metadata of the tokenizer: SentencePiece's if it consists of pieces, otherwise a
// BPE's.
func (c GGUF) tokenizerMeta() (gguf.Meta, error) {
	vocab := models.DimsOf(c.Model).Vocab
	w := tokenizerWriter{vocab: vocab, ends: c.Ends}
	if c.Tokenizer == nil {
		w.put("model", "none")
		w.putEnds()
		return w.meta, nil
	}
	p, notPieces := tokenizer.ToPieces(c.Tokenizer)
	if notPieces == nil {
		w.put("model", "llama")
		w.put("scores", padded(p.Scores, vocab, func(int) float32 { return -10000 }))
		w.common(p.Tokens, p.Types, []int{p.BOS, p.EOS, p.UNK, -1}, []bool{p.AddBOS, p.AddEOS, p.SpacePrefix}, cmp.Or(c.Template, p.Template))
		return w.meta, w.err
	}
	m, err := tokenizer.ToMerges(c.Tokenizer)
	if err != nil {
		return nil, fmt.Errorf("the tokenizer fits neither of llama.cpp's kinds \"gpt2\" and \"llama\": %w; %w", err, notPieces)
	}
	w.put("model", "gpt2")
	w.put("pre", m.Pre)
	w.put("merges", m.Merges)
	w.common(m.Tokens, m.Types, []int{m.BOS, m.EOS, m.UNK, m.Pad}, []bool{m.AddBOS, m.AddEOS, false}, cmp.Or(c.Template, m.Template))
	return w.meta, w.err
}

// tokenizerWriter collects a tokenizer's metadata.
type tokenizerWriter struct {
	meta  gguf.Meta
	vocab int   // of the model
	ends  []int // tokens that end a text; nil for the tokenizer's
	err   error
}

func (w *tokenizerWriter) put(key string, v any) {
	w.meta = append(w.meta, gguf.Value{Key: ggufTokenizer + key, Value: v})
}

// common writes what both kinds have. If the model has more tokens than the tokenizer, unused tokens are
// added.
func (w *tokenizerWriter) common(tokens []string, types, ids []int, flags []bool, template string) {
	if len(tokens) > w.vocab {
		w.err = fmt.Errorf("the tokenizer has %d tokens, want at most the model's %d", len(tokens), w.vocab)
		return
	}
	kinds := make([]int32, 0, w.vocab)
	for _, t := range types {
		kinds = append(kinds, int32(t))
	}
	w.put("tokens", padded(tokens, w.vocab, func(i int) string { return fmt.Sprintf("[PAD%d]", i) }))
	w.put("token_type", padded(kinds, w.vocab, func(int) int32 { return tokenizer.UnusedPiece }))
	for i, key := range []string{"bos_token_id", "eos_token_id", "unknown_token_id", "padding_token_id"} {
		if id := ids[i]; id >= 0 && (key != "eos_token_id" || len(w.ends) == 0) {
			w.put(key, uint32(id))
		}
	}
	w.putEnds()
	for i, key := range []string{"add_bos_token", "add_eos_token", "add_space_prefix"} {
		w.put(key, flags[i])
	}
	if template != "" {
		w.meta = append(w.meta, gguf.Value{Key: templateKey, Value: template})
	}
}

// putEnds writes the tokens that end a text, as far as there are keys for them.
func (w *tokenizerWriter) putEnds() {
	for i, id := range w.ends[:min(len(w.ends), len(endKeys))] {
		w.meta = append(w.meta, gguf.Value{Key: endKeys[i], Value: uint32(id)})
	}
}

// padded returns a copy of list extended to n elements.
func padded[T any](list []T, n int, more func(i int) T) []T {
	list = slices.Clone(list)
	for i := len(list); i < n; i++ {
		list = append(list, more(i))
	}
	return list
}
