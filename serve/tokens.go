package serve

import (
	"encoding/json"
	"net/http"

	"github.com/gorgpt/gorgpt/internal/legible"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// tokenize answers POST /tokenize: the tokens of a text. The text is in the field prompt, as for vLLM, or in content,
// as for llama.cpp's server.
func (s *Server) tokenize(r *http.Request) (any, *Error) {
	b, failed := ReadBody(r)
	if failed != nil {
		return nil, failed
	}
	m, failed := s.model(b.Text("model", ""))
	names := b.Bool("return_token_strs", false)
	text, prompted := b.take("prompt")
	name, flag := "prompt", "add_special_tokens"
	content, there := b.take("content")
	if there {
		if prompted {
			b.fail("content", "prompt is given too; want only one of them")
		}
		text, prompted, name, flag = content, true, "content", "add_special"
		if !b.Bool("parse_special", true) {
			b.fail("parse_special", "special tokens written in a text are always parsed")
		}
		if b.Bool("with_pieces", false) {
			b.fail("with_pieces", "not supported; use return_token_strs for the tokens' texts")
		}
	}
	around := b.Bool(flag, !there)
	var of string
	if !prompted || json.Unmarshal(text, &of) != nil {
		b.fail(name, "want a string")
	}
	if err := b.Err(); err != nil {
		return nil, err
	}
	if failed != nil {
		return nil, failed
	}
	ids, _, failed := m.encode(b.ctx, name, of, around)
	if failed != nil {
		return nil, failed
	}
	out := struct {
		Count  int      `json:"count"`
		Most   int      `json:"max_model_len"`
		Tokens []int    `json:"tokens"`
		Names  []string `json:"token_strs"`
	}{len(ids), m.Context, append([]int{}, ids...), nil}
	if names {
		out.Names = []string{}
		for _, id := range ids {
			out.Names = append(out.Names, m.texts.name(id, false))
		}
	}
	return out, nil
}

// detokenize answers POST /detokenize: the text of tokens.
func (s *Server) detokenize(r *http.Request) (any, *Error) {
	b, failed := ReadBody(r)
	if failed != nil {
		return nil, failed
	}
	m, failed := s.model(b.Text("model", ""))
	value, there := b.take("tokens")
	ids, ok := idsOf(value)
	if !there || !ok {
		b.fail("tokens", "want a list of tokens")
	}
	if err := b.Err(); err != nil {
		return nil, err
	}
	if failed != nil {
		return nil, failed
	}
	if failed := m.checkIDs("tokens", ids); failed != nil {
		return nil, failed
	}
	for i, id := range ids {
		if id >= m.Tokenizer.Size() {
			return nil, invalid("tokens", "token %d, at index %d, is only padding of the model's vocabulary: the tokenizer has %d tokens", id, i, m.Tokenizer.Size())
		}
	}
	text, err := tokenizer.Text(m.Tokenizer, ids)
	if err != nil {
		return nil, invalid("tokens", "%v", err)
	}
	valid := legible.Text(string(text))
	return map[string]string{"prompt": valid, "content": valid}, nil
}

// tokenizerInfo answers GET /tokenizer_info: what lm-evaluation-harness needs to know of a tokenizer that it uses by
// HTTP.
func (s *Server) tokenizerInfo(r *http.Request) (any, *Error) {
	m, failed := s.model(r.URL.Query().Get("model"))
	if failed != nil {
		return nil, failed
	}
	spelled := func(id int, ok bool) *string {
		if !ok {
			return nil
		}
		text := string(m.texts.raw(id))
		return &text
	}
	out := struct {
		Class    string  `json:"tokenizer_class"`
		Size     int     `json:"vocab_size"`
		Begin    *string `json:"bos_token"`
		End      *string `json:"eos_token"`
		Pad      *string `json:"pad_token"`
		Template *string `json:"chat_template"`
	}{Class: m.Tokenizer.Name(), Size: m.Tokenizer.Size(), Begin: spelled(tokenizer.Beginning(m.Tokenizer)), End: spelled(m.Tokenizer.EndOfText())}
	if source, special, there := tokenizer.ChatTemplate(m.Tokenizer); there {
		out.Template = &source
		if pad, named := special["pad_token"]; named {
			out.Pad = &pad
		}
	}
	return out, nil
}
