package tokenizer

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestChatTemplate: the template's file takes precedence over tokenizer_config.json, which may have several templates.
// Saving keeps the template.
func TestChatTemplate(t *testing.T) {
	const ends = `"bos_token": "<s>", "eos_token": {"content": "</s>", "special": true}, "pad_token": null`
	for name, c := range map[string]struct {
		files map[string]string
		want  string
		there bool
	}{
		"none":    {map[string]string{"tokenizer_config.json": "{" + ends + "}"}, "", false},
		"text":    {map[string]string{"tokenizer_config.json": `{` + ends + `, "chat_template": "{{ 1 }}"}`}, "{{ 1 }}", true},
		"several": {map[string]string{"tokenizer_config.json": `{` + ends + `, "chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]}`}, "d", true},
		"others":  {map[string]string{"tokenizer_config.json": `{` + ends + `, "chat_template": [{"name": "tool_use", "template": "t"}]}`}, "", false},
		"file":    {map[string]string{"tokenizer_config.json": `{` + ends + `, "chat_template": "{{ 1 }}"}`, "chat_template.jinja": "{{ 2 }}\n"}, "{{ 2 }}\n", true},
	} {
		dir := t.TempDir()
		tok, err := AddSpecials(Bytes(), "<s>", "</s>")
		if err == nil {
			err = tok.Save(dir)
		}
		for file, text := range c.files {
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, file), []byte(text), 0o666)
			}
		}
		for range 2 {
			if err == nil {
				tok, err = Load(dir)
			}
			if err != nil {
				t.Fatal(err)
			}
			got, special, there := ChatTemplate(ReadSpecial(tok))
			if got != c.want || there != c.there || !maps.Equal(special, map[string]string{"bos_token": "<s>", "eos_token": "</s>"}) {
				t.Errorf("%s: %q, %v, %t", name, got, special, there)
			}
			dir = t.TempDir()
			err = tok.Save(dir)
		}
	}
	if _, special, there := ChatTemplate(Bytes()); there || special != nil {
		t.Errorf("bytes have one, and %v", special)
	}
}

// TestAppendSpecialBut: a special token with the mark in it is encoded as text, without the mark.
func TestAppendSpecialBut(t *testing.T) {
	tok, err := AddSpecials(mustGPT2(t), "<|end|>")
	if err != nil {
		t.Fatal(err)
	}
	ids, err := AppendSpecialBut(tok, []int{1}, []byte("say <·|end|> once<|end|>·"), "·")
	want, _ := tok.Append([]int{1}, []byte("say <|end|> once"))
	if want = append(want, 50257); err != nil || !slices.Equal(ids, want) {
		t.Errorf("%v, %v, want %v", ids, err, want)
	}
}
