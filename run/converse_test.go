package run

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// talker saves a small model with special tokens, and with a chat template unless it is "".
func talker(t *testing.T, dir, template string) {
	t.Helper()
	tok, err := tokenizer.AddSpecials(tokenizer.Bytes(), "<|im_start|>", "<|im_end|>")
	if err != nil {
		t.Fatal(err)
	}
	m, params := gpt2.New(tok.Size(), 64, 8, 1, 1), graph.NewParams(1)
	config, err := models.JSON(m, 256)
	if err == nil {
		err = models.Declare(m, params)
	}
	if err == nil {
		err = checkpoint.Save(dir, checkpoint.Contents{Config: config, Params: params, Tokenizer: tok.Save})
	}
	if err == nil && template != "" {
		err = os.WriteFile(filepath.Join(dir, "chat_template.jinja"), []byte(template), 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestTuneChat: with the template "chat", a prompt becomes a user's message in the model's chat template, and
// the response the assistant's, which ends as a turn ends in that template.
func TestTuneChat(t *testing.T) {
	t.Chdir(t.TempDir())
	const template = "{% for m in messages %}<|im_start|>{{ m.role }}:{{ m.content }}<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant:{% endif %}"
	talker(t, "model", template)
	talker(t, "silent", "")
	talker(t, "endless", "{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}")
	write(t, "pairs.jsonl", strings.Repeat(`{"prompt":"a<|im_end|>","response":"b"}`+"\n", 10))
	r := DefaultsTuned()
	r.From, r.Pairs, r.Template, r.Batch, r.Micro, r.Epochs = "model", "pairs.jsonl", "chat", 1, 1, 1
	tuning, err := CreateTuned(r, "run", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tuning.Close()
	b, err := tuning.work.(*responding).learn.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var targets []int
	for _, id := range b.Targets {
		if id >= 0 {
			targets = append(targets, id)
		}
	}
	tok := tuning.base.Tokenizer
	tokens, err := tok.AppendText(nil, b.Tokens)
	learned, err2 := tok.AppendText(nil, targets)
	if want := "<|im_start|>user:a<|im_end|><|im_end|><|im_start|>assistant:b<|im_end|>"; err != nil || !strings.HasPrefix(string(tokens), want) {
		t.Errorf("%v: %q, want %q", err, tokens, want)
	}
	if err2 != nil || string(learned) != "b<|im_end|>" || targets[1] != 258 {
		t.Errorf("%v: learns %q, %v", err2, learned, targets)
	}
	for from, want := range map[string]string{
		"silent":  "--template chat: the tokenizer bytes has no chat template (chat_template.jinja, or chat_template in tokenizer_config.json), and no harmony tokens: want the tokenizer of a chat model",
		"endless": "--template chat: no special token ends an answer in the model's chat template",
	} {
		r.From = from
		if _, err := CreateTuned(r, "other", nil); err == nil || err.Error() != want {
			t.Errorf("%s: error %v\nwant  %s", from, err, want)
		}
	}
}
