package tokenizer

import (
	"strings"
	"testing"
)

// TestClass: unsupported classes are refused. In transformers 5.24's AutoTokenizer, RobertaTokenizer,
// CLIPTokenizer and others add tokens around a text (<s> and </s>, 5 tokens more in the vocabulary);
// GPT-2's, GPT-1's and the generic classes do not. config.json's class is used if
// tokenizer_config.json has none.
func TestClass(t *testing.T) {
	const pipeline = `{"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]},"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},"decoder":{"type":"ByteLevel"}}`
	const want = ": tokenizer_class is %, want GPT2Tokenizer(Fast), OpenAIGPTTokenizer(Fast), PreTrainedTokenizer(Fast), LlamaTokenizer(Fast), Qwen2TokenizerFast: others add tokens and rules of their own"
	for _, c := range []struct{ config, model, problem string }{
		{`{"tokenizer_class":"GPT2Tokenizer"}`, `{"tokenizer_class":"RobertaTokenizer"}`, ""},
		{`{"tokenizer_class":"GPT2TokenizerFast"}`, `{}`, ""},
		{`{"tokenizer_class":"PreTrainedTokenizerFast"}`, `{}`, ""},
		{`{"tokenizer_class":"PreTrainedTokenizer"}`, `{}`, ""},
		{`{"tokenizer_class":"TokenizersBackend"}`, `{}`, ""},
		{`{"tokenizer_class":null}`, `{"tokenizer_class":null}`, ""},
		{`{}`, `{"tokenizer_class":"GPT2Tokenizer"}`, ""},
		{`{"tokenizer_class":"RobertaTokenizer"}`, `{}`, configFile + strings.Replace(want, "%", "RobertaTokenizer", 1)},
		{`{"tokenizer_class":"BartTokenizerFast"}`, `{}`, configFile + strings.Replace(want, "%", "BartTokenizerFast", 1)},
		{`{"tokenizer_class":"CLIPTokenizer"}`, `{"tokenizer_class":"GPT2Tokenizer"}`, configFile + strings.Replace(want, "%", "CLIPTokenizer", 1)},
		{`{}`, `{"tokenizer_class":"RobertaTokenizer"}`, modelFile + strings.Replace(want, "%", "RobertaTokenizer", 1)},
		{`{"tokenizer_class":5}`, `{}`, configFile + ": tokenizer_class has the wrong type: 5"},
	} {
		for form, files := range map[string]map[string]string{
			"tokenizer.json": {tokenizerFile: pipeline},
			"vocab.json":     {vocabFile: course, mergesFile: courseMerges},
		} {
			files[configFile], files[modelFile] = c.config, c.model
			_, err := Load(inFolder(t, files))
			if c.problem == "" && err != nil || c.problem != "" && (err == nil || !strings.HasSuffix(err.Error(), c.problem)) {
				t.Errorf("%s, %s, %s: %v, want %s", form, c.config, c.model, err, c.problem)
			}
		}
	}
}
