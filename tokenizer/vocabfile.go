package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// addedOf returns the tokens that are found in a text before it is cut: control tokens and the unknown one,
// which are special, and user-defined ones. Without types, they are those that have a name.
func addedOf(tokens []string, types []int, roles map[string]int) (all []addedToken) {
	for id, token := range tokens {
		special, named := false, false
		for _, role := range roles {
			named = named || role == id
		}
		if types != nil {
			special = types[id] == ControlPiece || types[id] == UnknownPiece
			named = types[id] == UserPiece
		} else {
			special = named
		}
		if special || named {
			all = append(all, addedToken{ID: id, Content: token, Special: special})
		}
	}
	return all
}

// aroundOf returns the post-processor that puts the beginning and the end of text around a text, nil if there is neither.
func aroundOf(tokens []string, begins bool, begin int, ends bool, end int) *stage {
	if begins, ends = begins && begin >= 0, ends && end >= 0; !begins && !ends {
		return nil
	}
	s := &stage{Type: "TemplateProcessing", SpecialTokens: make(map[string]json.RawMessage)}
	add := func(on bool, id int) {
		if !on {
			return
		}
		name := tokens[id]
		s.SpecialTokens[name], _ = json.Marshal(templateToken{name, []int{id}, []string{name}}) // which cannot fail
		s.Single = append(s.Single, templatePiece{SpecialToken: &templateID{ID: name}})
	}
	add(begins, begin)
	s.Single = append(s.Single, templatePiece{Sequence: &templateID{ID: "A"}})
	add(ends, end)
	s.Pair = append(slices.Clone(s.Single), templatePiece{Sequence: &templateID{ID: "B", TypeID: 1}})
	return s
}

// files returns the tokenizer.json of a pipeline, and the tokenizer_config.json that names its special tokens.
func (p *pipeline) files(tokens []string, roles map[string]int, template string) (tokenizerJSON, configJSON []byte, err error) {
	p.Version = "1.0"
	if p.AddedTokens == nil {
		p.AddedTokens = []addedToken{}
	}
	config := map[string]any{"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": false}
	for role, id := range roles {
		if id >= 0 {
			config[role] = tokens[id]
		}
	}
	if template != "" {
		config["chat_template"] = template
	}
	if tokenizerJSON, err = marshal(p); err != nil {
		return nil, nil, err
	}
	configJSON, err = marshal(config)
	return tokenizerJSON, configJSON, err
}

// marshal writes JSON, with < and > as they are.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

// listed returns all tokens by id, and their types. Ids without a token are unused, with llama.cpp's names.
func (a *added) listed() (tokens []string, types []int) {
	tokens, types = make([]string, a.size), make([]int, a.size)
	for text, id := range a.pipeline().Model.Vocab {
		tokens[id], types[id] = text, NormalPiece
	}
	for _, one := range a.tokens {
		tokens[one.ID], types[one.ID] = one.Content, UserPiece
		if one.Special {
			types[one.ID] = ControlPiece
		}
	}
	for id := range tokens {
		if types[id] == 0 {
			tokens[id], types[id] = fmt.Sprintf("[PAD%d]", id), UnusedPiece
		}
	}
	return tokens, types
}

// ends returns the ids of the beginning and end of text and of padding, whether a text gets a beginning and an
// end, and the chat template.
func (a *added) ends() (begin, end, pad int, begins, ends bool, template string, err error) {
	begin, end, pad = a.begin, a.end, -1
	if i := a.index(unquote(a.config["pad_token"])); i >= 0 {
		pad = a.tokens[i].ID
	}
	begins, ends = len(a.before) > 0, len(a.after) > 0
	if begin < 0 && len(a.before) == 1 {
		begin = a.before[0]
	}
	if begins && !slices.Equal(a.before, []int{begin}) || ends && !slices.Equal(a.after, []int{end}) {
		err = errors.New("the tokenizer puts tokens other than beginning and end of text around a text")
	}
	template, _, _ = ChatTemplate(a)
	return begin, end, pad, begins, ends, template, err
}
