package tokenizer

import (
	"encoding/json"
	"slices"

	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// The classes of transformers that have tokens or stages of their own.
const (
	gpt2Class  = "GPT2Tokenizer"
	gpt1Class  = "OpenAIGPTTokenizer"
	llamaClass = "LlamaTokenizer"
	qwen2Class = "Qwen2Tokenizer"
)

// classes are those that do what the files say, or what is done here. The last ones are names of
// the third in transformers 5, where there is a tokenizer.json.
var classes = []string{gpt2Class, gpt1Class, "PreTrainedTokenizer", llamaClass, qwen2Class, "TokenizersBackend", "PythonBackend", "BloomTokenizer"}

// impliedBy are the special tokens of a class.
var impliedBy = map[string]map[string]string{
	gpt2Class:  {"bos_token": EndOfText, "eos_token": EndOfText, "unk_token": EndOfText},
	gpt1Class:  {"unk_token": unknownToken},
	llamaClass: {"bos_token": "<s>", "eos_token": "</s>", "unk_token": unknownToken},
	qwen2Class: {"eos_token": EndOfText, "unk_token": EndOfText, "pad_token": EndOfText},
}

// ofBackend are model types for which transformers 5 takes a tokenizer.json as it is where the class is
// LlamaTokenizer.
var ofBackend = []string{"mistral", "mixtral", "ministral", "ministral3", "mistral3"}

// replaced is what the classes of Llama and Qwen2 do in transformers 5, whatever a tokenizer.json says:
// of that, they take the vocabulary, the merges and the post-processor.
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

// stageOf reads a stage that is written here.
func stageOf(text string) *stage {
	s := new(stage)
	_ = plainjson.Unmarshal([]byte(text), s) // which cannot fail
	return s
}

// metaspaceStages are those of Llama's tokenizers in transformers 5: Metaspace with a scheme.
func metaspaceStages(scheme string) *pipeline {
	quoted, _ := quote(scheme) // which cannot fail
	return &pipeline{
		PreTokenizer: stageOf(`{"type":"Metaspace","replacement":"▁","prepend_scheme":` + string(quoted) + `,"split":false}`),
		Decoder:      unmarking(true, scheme != "never"),
	}
}

// prependStages are those of SentencePiece: spaces become marks, and each text between special tokens
// gets one in front if there is to be a prefix.
func prependStages(prefix, fallback bool) *pipeline {
	replace := `{"type":"Replace","pattern":{"String":" "},"content":"▁"}`
	if prefix {
		replace = `{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},` + replace + `]}`
	}
	return &pipeline{Normalizer: stageOf(replace), Decoder: unmarking(fallback, prefix)}
}

// unmarking is the decoder of SentencePiece's kind.
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

// sameStages tells whether two pipelines do the same to a text before the model, and to ids after it.
func (p *pipeline) sameStages(q *pipeline) bool {
	write := func(p *pipeline) string {
		b, _ := json.Marshal([]*part{p.Normalizer.canonical(), p.PreTokenizer.canonical(), p.Decoder.canonical()}) // which cannot fail
		if p.Decoder != nil && p.Decoder.Type == "ByteLevel" {                                                     // whose switches mean nothing there
			b, _ = json.Marshal([]*part{p.Normalizer.canonical(), p.PreTokenizer.canonical()})
		}
		return string(b)
	}
	return write(p) == write(q)
}

// canonical is a stage without what does not matter to ids and texts, and with switches that files leave out.
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
