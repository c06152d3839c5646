package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// pre says how a byte-level tokenizer cuts a text: by patterns, applied one after the other. The last one may
// be GPT-2's.
type pre struct {
	splits []string // patterns before the last one
	last   string   // a pattern; if "", the parts that the others leave are not cut
	whole  bool     // a piece that is a token is encoded as it, whatever the merges make of it
}

// Patterns in tokenizer.json files. Those that are used elsewhere too are in the variable patterns.
const (
	eachNumber    = `\p{N}`
	threeNumbers  = `\p{N}{1,3}`
	cjk           = `[一-龥぀-ゟ゠-ヿ]+`
	punctuation   = `[\p{P}\$\+<=>\^~\|]+`
	deepseek      = `[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_` + "`{|}~][A-Za-z]+|[^\r\n" + `\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[` + "\r\n]*|" + `\s*[` + "\r\n]+|" + `\s+(?!\S)|\s+`
	qwen35        = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	bloom         = ` ?[^(\s|.,!?…。，、।۔،)]+`
	threeOfDigits = `[0-9][0-9][0-9]`
)

// pres maps llama.cpp's names in tokenizer.ggml.pre, for byte-level vocabularies, to how they cut. The names
// in a line cut alike.
var pres = func() map[string]pre {
	all := make(map[string]pre)
	for names, how := range map[string]pre{
		"gpt-2 phi-2 mpt olmo jais trillion granite-docling jina-es jina-de gigachat jina-v2-es jina-v2-de mellum a.x-4.0 exaone4 roberta-bpe": {last: gpt2Pieces.regex},
		"smollm starcoder refact command-r codeshell exaone minerva-7b mellum2":                                                                {splits: []string{eachNumber}, last: gpt2Pieces.regex},
		"llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 glm4":                                                               {last: cl100k.regex, whole: true},
		"dbrx smaug-bpe chatglm-bpe":                            {last: cl100k.regex},
		"qwen2 deepseek-r1-qwen megrez stablelm2 hunyuan kormo": {last: qwen2.regex},
		"qwen35":                       {last: qwen35},
		"tekken":                       {last: tekken.regex, whole: true},
		"gpt-4o llama4 kanana2":        {last: o200k.regex},
		"deepseek-v3 hunyuan-dense":    {splits: []string{threeNumbers, cjk, deepseek}},
		"deepseek-coder":               {splits: []string{`[\r\n]`, `\s?\p{L}+`, `\s?\p{P}+`, `[一-龥ࠀ-一가-퟿]+`, eachNumber}},
		"falcon":                       {splits: []string{`[\p{P}\$\+<=>\^~\|` + "`]+", gpt2Pieces.regex, threeOfDigits}},
		"bloom poro-chat gpt3-finnish": {splits: []string{bloom}},
		"viking":                       {splits: []string{bloom, eachNumber}},
		"default":                      {splits: []string{punctuation, gpt2Pieces.regex, `\p{N}+`, threeOfDigits}},
	} {
		for name := range strings.FieldsSeq(names) {
			all[name] = how
		}
	}
	return all
}()

// Pres returns the names that [FromMerges] accepts in Merged.Pre, those of GPT-2, Llama 3, SmolLM and Qwen2 first.
func Pres() []string {
	first := []string{"gpt-2", "llama-bpe", "smollm", "qwen2", "tekken", "gpt-4o"}
	for _, name := range slices.Sorted(maps.Keys(pres)) {
		if !slices.Contains(first, name) {
			first = append(first, name)
		}
	}
	return first
}

// unknownPre returns the error for an unknown name.
func unknownPre(name string) error {
	if name == "" {
		return errors.New("the file does not say how its vocabulary cuts texts (tokenizer.ggml.pre), as files from before May 2024 do not: use a newer file, or the Hugging Face directory")
	}
	return fmt.Errorf("tokenizer.ggml.pre is %s, which is unknown: want one of %s", clip(fmt.Sprintf("%q", name)), strings.Join(Pres(), ", "))
}

// stages returns the pipeline that cuts in this way, without a model.
func (h pre) stages() *pipeline {
	p := &pipeline{Decoder: byteLevelStage(true)}
	var steps []*part
	for _, regex := range h.splits {
		if regex == eachNumber {
			yes := true
			steps = append(steps, &part{Type: "Digits", IndividualDigits: &yes})
			continue
		}
		steps = append(steps, (*part)(splitBy(regex)))
	}
	level := byteLevelStage(h.last == gpt2Pieces.regex)
	if h.last != "" && h.last != gpt2Pieces.regex {
		steps = append(steps, (*part)(splitBy(h.last)))
	}
	if p.PreTokenizer = level; len(steps) > 0 {
		p.PreTokenizer = &stage{Type: "Sequence", PreTokenizers: append(steps, (*part)(level))}
	}
	return p
}

// splitBy returns a Split by a pattern.
func splitBy(regex string) *stage {
	pattern, _ := json.Marshal(map[string]string{"Regex": regex}) // which cannot fail
	no := false
	return &stage{Type: "Split", Pattern: pattern, Behavior: "Isolated", Invert: &no}
}
