package tokenizer

import (
	"encoding/json"
	"slices"

	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// The classes of transformers that imply tokens or stages.
const (
	gpt2Class  = "GPT2Tokenizer"
	gpt1Class  = "OpenAIGPTTokenizer"
	llamaClass = "LlamaTokenizer"
	qwen2Class = "Qwen2Tokenizer"
)

// classes are the supported classes: those that only do what the files say, and those implemented
// here. The last ones are names of the third in transformers 5 if there is a tokenizer.json.
var classes = []string{gpt2Class, gpt1Class, "PreTrainedTokenizer", llamaClass, qwen2Class, "TokenizersBackend", "PythonBackend", "BloomTokenizer"}

// impliedBy holds the special tokens that a class implies.
var impliedBy = map[string]map[string]string{
	gpt2Class:  {"bos_token": EndOfText, "eos_token": EndOfText, "unk_token": EndOfText},
	gpt1Class:  {"unk_token": unknownToken},
	llamaClass: {"bos_token": "<s>", "eos_token": "</s>", "unk_token": unknownToken},
	qwen2Class: {"eos_token": EndOfText, "unk_token": EndOfText, "pad_token": EndOfText},
}

// ofBackend are the model types for which transformers 5 uses a tokenizer.json as it is, even if the class
// is LlamaTokenizer.
var ofBackend = []string{"mistral", "mixtral", "ministral", "ministral3", "mistral3"}

// replaced changes a pipeline as the classes of Llama and Qwen2 do in transformers 5: they use only the
// vocabulary, the merges and the post-processor of a tokenizer.json, and replace the rest.
func (d *described) replaced(class string, p *pipeline) error {
	m := p.Model
	prefix, said, err := d.is("add_prefix_space")
	if err != nil || m == nil || m.Type != "BPE" {
		return err
	}
	switch {
	case class == qwen2Class:
		p.Normalizer, p.PreTokenizer, p.Decoder = &stage{Type: "NFC"}, qwen2.stages(), byteLevelStage(true)
		p.PreTokenizer.byteLevel().AddPrefixSpace = &prefix
		m.UnkToken, m.FuseUnk, m.ByteFallback, m.IgnoreMerges = nil, false, false, false
	case class == llamaClass && p.PreTokenizer.byteLevel() == nil && !slices.Contains(ofBackend, unquote(d.model["model_type"])):
		legacy, _, err := d.is("legacy")
		if err != nil {
			return err
		}
		scheme := "first"
		switch {
		case said && !prefix:
			scheme = "never"
		case legacy:
			scheme = "always"
		}
		s := metaspaceStages(scheme)
		p.Normalizer, p.PreTokenizer, p.Decoder = nil, s.PreTokenizer, s.Decoder
		m.UnkToken, m.FuseUnk, m.ByteFallback, m.IgnoreMerges = nil, true, true, false
	}
	return nil
}

// stageOf parses a stage given as a literal.
func stageOf(text string) *stage {
	s := new(stage)
	_ = plainjson.Unmarshal([]byte(text), s) // which cannot fail
	return s
}

// metaspaceStages returns the stages of Llama's tokenizers in transformers 5: Metaspace with a scheme.
func metaspaceStages(scheme string) *pipeline {
	quoted, _ := quote(scheme) // which cannot fail
	return &pipeline{
		PreTokenizer: stageOf(`{"type":"Metaspace","replacement":"▁","prepend_scheme":` + string(quoted) + `,"split":false}`),
		Decoder:      unmarking(true, scheme != "never"),
	}
}

// prependStages returns the stages of SentencePiece: spaces become marks, and with prefix, each text between
// special tokens gets a mark in front.
func prependStages(prefix, fallback bool) *pipeline {
	replace := `{"type":"Replace","pattern":{"String":" "},"content":"▁"}`
	if prefix {
		replace = `{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},` + replace + `]}`
	}
	return &pipeline{Normalizer: stageOf(replace), Decoder: unmarking(fallback, prefix)}
}

// unmarking returns the decoder of SentencePiece's kind.
func unmarking(fallback, strip bool) *stage {
	text := `{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},`
	if fallback {
		text += `{"type":"ByteFallback"},`
	}
	if text += `{"type":"Fuse"}`; strip {
		text += `,{"type":"Strip","content":" ","start":1,"stop":0}`
	}
	return stageOf(text + "]}")
}

// sameStages reports whether two pipelines do the same to a text before the model, and to ids after it.
func (p *pipeline) sameStages(q *pipeline) bool {
	write := func(p *pipeline) string {
		b, _ := json.Marshal([]*part{p.Normalizer.canonical(), p.PreTokenizer.canonical(), p.Decoder.canonical()}) // which cannot fail
		if p.Decoder != nil && p.Decoder.Type == "ByteLevel" {                                                     // whose switches have no effect here
			b, _ = json.Marshal([]*part{p.Normalizer.canonical(), p.PreTokenizer.canonical()})
		}
		return string(b)
	}
	return write(p) == write(q)
}

// canonical returns a stage without the fields that do not affect ids and texts, and with the switches that files omit.
func (s *stage) canonical() *part {
	if s == nil || s.Type == "Sequence" && len(s.Normalizers)+len(s.PreTokenizers)+len(s.Decoders) == 0 {
		return nil
	}
	c := *(*part)(s)
	c.raw, c.TrimOffsets, c.Invert = nil, nil, nil
	if s.Invert != nil && *s.Invert {
		c.Invert = s.Invert
	}
	if s.Type == "ByteLevel" {
		on := func(b *bool) *bool { v := b == nil || *b; return &v }
		c.AddPrefixSpace, c.UseRegex = on(s.AddPrefixSpace), on(s.UseRegex)
	}
	var pattern map[string]string
	if json.Unmarshal(s.Pattern, &pattern) == nil {
		c.Pattern, _ = json.Marshal(pattern) // which cannot fail
	}
	for _, list := range []*[]*part{&c.Normalizers, &c.PreTokenizers, &c.Decoders} {
		var all []*part
		for _, one := range *list {
			all = append(all, (*stage)(one).canonical())
		}
		*list = all
	}
	return &c
}
