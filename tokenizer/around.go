package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// templatePiece is a part of a TemplateProcessing: a token, or the text ("A").
type templatePiece struct {
	SpecialToken *templateID `json:"SpecialToken,omitempty"`
	Sequence     *templateID `json:"Sequence,omitempty"`
}

type templateID struct {
	ID     string `json:"id"`
	TypeID int    `json:"type_id"`
}

// templateToken holds the ids of a token of a TemplateProcessing.
type templateToken struct {
	ID     string   `json:"id"`
	IDs    []int    `json:"ids"`
	Tokens []string `json:"tokens"`
}

// around returns the ids, below size, that a post-processor puts before and after a text.
// ByteLevel changes only offsets.
func (s *stage) around(where string, size int) (before, after []int, err error) {
	if s == nil || s.Type == "ByteLevel" {
		return nil, nil, nil
	}
	switch s.Type {
	case "Sequence":
		for i, one := range s.Processors {
			b, a, err := (*stage)(one).around(fmt.Sprintf("%s.processors[%d]", where, i), size)
			if err != nil {
				return nil, nil, err
			}
			before, after = append(b, before...), append(after, a...)
		}
		return before, after, nil
	case "TemplateProcessing":
		return s.template(where, size)
	}
	return nil, nil, fmt.Errorf("%s is %s, want none, \"ByteLevel\", \"TemplateProcessing\", or a \"Sequence\" of them", where, s)
}

// template is around for a TemplateProcessing.
func (s *stage) template(where string, size int) (before, after []int, err error) {
	seen := false
	for i, piece := range s.Single {
		if piece.Sequence != nil && !seen {
			seen = true
			continue
		}
		if piece.SpecialToken == nil {
			return nil, nil, fmt.Errorf("%s.single[%d]: want a \"SpecialToken\" or, once, a \"Sequence\"", where, i)
		}
		name := piece.SpecialToken.ID
		var t templateToken
		if err := plainjson.Unmarshal(s.SpecialTokens[name], &t); err != nil {
			return nil, nil, fmt.Errorf("%s.special_tokens: no ids for %q", where, name)
		}
		for _, id := range t.IDs {
			if id < 0 || id >= size {
				return nil, nil, fmt.Errorf("%s.special_tokens: %q has id %d, want 0 to %d", where, name, id, size-1)
			}
		}
		if seen {
			after = append(after, t.IDs...)
		} else {
			before = append(before, t.IDs...)
		}
	}
	if !seen && len(s.Single) > 0 {
		return nil, nil, fmt.Errorf("%s.single has no \"Sequence\", which marks the place of the text", where)
	}
	return before, after, nil
}

// templateOf returns the post-processor that puts tokens around a text.
func templateOf(t Tokenizer, before, after []int) *stage {
	s := &stage{Type: "TemplateProcessing", SpecialTokens: make(map[string]json.RawMessage)}
	add := func(ids []int) {
		for _, id := range ids {
			text, _ := t.AppendText(nil, []int{id}) // its ids are in range
			name := string(text)
			s.SpecialTokens[name], _ = json.Marshal(templateToken{name, []int{id}, []string{name}}) // which cannot fail
			s.Single = append(s.Single, templatePiece{SpecialToken: &templateID{ID: name}})
		}
	}
	add(before)
	s.Single = append(s.Single, templatePiece{Sequence: &templateID{ID: "A"}})
	add(after)
	s.Pair = append(slices.Clone(s.Single), templatePiece{Sequence: &templateID{ID: "B", TypeID: 1}})
	return s
}
