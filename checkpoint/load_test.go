package checkpoint_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// saveBytes saves a small model with a byte tokenizer, and points out/best to it.
func saveBytes(t *testing.T, out string) (models.Model, *graph.Params) {
	t.Helper()
	m, params := saveVocab(t, filepath.Join(out, "step-1"), tokenizer.Bytes().Size())
	if err := checkpoint.Point(out, "best", "step-1"); err != nil {
		t.Fatal(err)
	}
	return m, params
}

// saveVocab saves a small model with the given vocabulary size and a byte tokenizer.
func saveVocab(t *testing.T, dir string, vocab int) (models.Model, *graph.Params) {
	t.Helper()
	m := gpt2.New(vocab, 6, 4, 1, 2)
	params := graph.NewParams(1)
	if err := models.Declare(m, params); err != nil {
		t.Fatal(err)
	}
	config, err := models.JSON(m, -1)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkpoint.Save(dir, checkpoint.Contents{Config: config, Params: params, Tokenizer: tokenizer.Bytes().Save}); err != nil {
		t.Fatal(err)
	}
	return m, params
}

// TestLoad: a saved model is loaded, also through a pointer, and without a tokenizer.
func TestLoad(t *testing.T) {
	out := t.TempDir()
	m, params := saveBytes(t, out)
	l, err := checkpoint.Load(filepath.Join(out, "best"))
	if err != nil {
		t.Fatal(err)
	}
	if l.Model != m || l.Tokenizer.Name() != tokenizer.Bytes().Name() || l.Path != filepath.Join(out, "step-1") {
		t.Errorf("%+v", l)
	}
	if end, _ := l.Tokenizer.EndOfText(); !slices.Equal(l.Ends, []int{end}) {
		t.Errorf("ends %v, want the tokenizer's %d", l.Ends, end)
	}
	for _, p := range params.All() {
		if got := l.Params.Get(p.Name()); got == nil || !slices.Equal(got.Data(), p.Data()) {
			t.Errorf("%s differs", p.Name())
		}
	}
	if err := os.Remove(filepath.Join(out, "step-1", "tokenizer.json")); err != nil {
		t.Fatal(err)
	}
	if l, err := checkpoint.Load(filepath.Join(out, "step-1")); err != nil || l.Tokenizer != nil {
		t.Errorf("%v, tokenizer %v; want none", err, l.Tokenizer)
	}
}

// TestLoadErrors: an error is one line that names the file.
func TestLoadErrors(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"no checkpoint": {"config.json", "", ": no config.json in it: not a checkpoint"},
		"config":        {"config.json", "{", "config.json: unexpected end of JSON input"},
		"model":         {"config.json", `{"model_type": "bert"}`, `: config.json: model_type is "bert", want gpt2 or gpt3 or gpt_neo or gpt_oss or llama or mixtral or nanochat or openai-gpt`},
		"sizes":         {"config.json", `{"model_type": "gpt2", "vocab_size": 256, "n_positions": 6, "n_embd": 5, "n_layer": 1, "n_head": 2}`, ": gpt2: width 5 is not a multiple of 2 heads"},
		"weights":       {"model.safetensors", "", ": no weights in it, want model.safetensors or pytorch_model.bin"},
		"tokenizer":     {"tokenizer.json", "{}", `tokenizer.json: `},
		"half of one":   {"vocab.json", "{}", "merges.txt is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			out := t.TempDir()
			saveBytes(t, out)
			dir := filepath.Join(out, "step-1")
			if name == "half of one" {
				if err := os.Remove(filepath.Join(dir, "tokenizer.json")); err != nil {
					t.Fatal(err)
				}
			}
			file := filepath.Join(dir, c.file)
			if err := os.WriteFile(file, []byte(c.text), 0o666); err != nil {
				t.Fatal(err)
			}
			if c.text == "" {
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
			}
			_, err := checkpoint.Load(dir)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v\nwant …%s", err, c.want)
			}
		})
	}
	t.Run("a larger tokenizer", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "step-1")
		saveVocab(t, dir, 200)
		l, err := checkpoint.Load(dir) // as in transformers; only a text with a token that the model lacks is an error
		if err != nil {
			t.Fatal(err)
		}
		if ids, err := l.Tokenizer.Append(nil, []byte("a")); err != nil || !slices.Equal(ids, []int{97}) {
			t.Errorf("%v, %v", ids, err)
		}
		if _, err := l.Tokenizer.Append(nil, []byte("a\xd0")); err == nil || err.Error() != `offset 0: token "\xd0" has id 208, which the model, with 200 tokens, does not have` {
			t.Error(err)
		}
		if id, ok := l.Tokenizer.EndOfText(); ok || len(l.Ends) > 0 {
			t.Errorf("end of text %d, %v", id, l.Ends)
		}
	})
}

// TestLoadEdited: a model that was saved with an edit can be loaded only with that edit.
func TestLoadEdited(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "edited")
	edit := graph.Remove("h.*.mlp")
	m := models.Edit(gpt2.New(8, 6, 4, 1, 2), edit)
	params := graph.NewParams(1)
	if err := models.Declare(m, params); err != nil {
		t.Fatal(err)
	}
	config, err := models.JSON(m, -1)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkpoint.Save(dir, checkpoint.Contents{Config: config, Params: params}); err != nil {
		t.Fatal(err)
	}
	l, err := checkpoint.Load(dir, edit)
	if err != nil {
		t.Fatal(err)
	}
	if got := l.Params.Names(); !slices.Equal(got, params.Names()) || l.Params.Get("h.0.mlp.c_fc.weight") != nil {
		t.Errorf("loaded %q", got)
	}
	if _, err := checkpoint.Load(dir); err == nil || !strings.HasPrefix(err.Error(), dir+": config.json: the model was edited by Remove(h.*.mlp); ") {
		t.Errorf("without the edit: %v", err)
	}
	// Parameters that were loaded before an edit include the weights of layers that it removed.
	whole := graph.NewParams(1)
	if err := models.Declare(gpt2.New(8, 6, 4, 1, 2), whole); err != nil {
		t.Fatal(err)
	}
	if err := checkpoint.Save(dir, checkpoint.Contents{Config: config, Params: whole}); err != nil {
		t.Fatal(err)
	}
	if l, err = checkpoint.Load(dir, edit); err != nil {
		t.Fatal(err)
	}
	if got := l.Params.Names(); !slices.Equal(got, params.Names()) {
		t.Errorf("loaded %q", got)
	}
	for _, name := range params.Names() {
		if !slices.Equal(l.Params.Get(name).Data(), whole.Get(name).Data()) {
			t.Errorf("%s is another", name)
		}
	}
}

// TestLoadEditedAfterwards: parameters that were loaded before an edit still include the weights of layers
// that it removes; nothing uses them.
func TestLoadEditedAfterwards(t *testing.T) {
	base := gpt2.New(8, 6, 4, 1, 2)
	own := func(s *graph.Scope, x *G.Node) *G.Node { return layers.Linear(s, x, 4, layers.Weights{}) }
	for name, edit := range map[string]graph.Option{"removed": graph.Remove("h.0.mlp"), "replaced": graph.Replace("h.*.mlp", own)} {
		params := graph.NewParams(1)
		if err := models.Declare(base, params); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), name)
		m := models.Edit(base, edit)
		if err := models.Declare(m, params); err != nil {
			t.Fatal(err)
		}
		config, err := models.JSON(m, -1)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkpoint.Save(dir, checkpoint.Contents{Config: config, Params: params}); err != nil {
			t.Fatal(err)
		}
		l, err := checkpoint.Load(dir, edit)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if l.Params.Get("h.0.mlp.c_fc.weight") != nil {
			t.Errorf("%s: a weight of the layer is there", name)
		}
		if want := params.Get("h.0.attn.c_attn.weight"); !slices.Equal(l.Params.Get("h.0.attn.c_attn.weight").Data(), want.Data()) {
			t.Errorf("%s: other weights", name)
		}
		read := graph.NewParams(2)
		if err := models.Declare(m, read); err != nil {
			t.Fatal(err)
		}
		d, err := checkpoint.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Params(read); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAdapter: a PEFT adapter, beside a model or alone, is an error, since transformers with peft would apply it.
func TestAdapter(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "m")
	saveVocab(t, dir, 257)
	write := func(dir string) {
		if err := os.WriteFile(filepath.Join(dir, "adapter_config.json"), []byte(`{"peft_type":"LORA","base_model_name_or_path":"gpt2"}`), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write(dir)
	alone := t.TempDir()
	write(alone)
	const want = ": adapter_config.json: LoRA and other adapters cannot be loaded; merge it into its model first (PEFT's merge_and_unload) and save that, or remove the adapter's files"
	for _, dir := range []string{dir, alone} {
		if _, err := checkpoint.Load(dir); err == nil || err.Error() != dir+want {
			t.Errorf("Load: %v", err)
		}
		if _, err := checkpoint.Recognize(dir); err == nil || err.Error() != dir+want {
			t.Errorf("Recognize: %v", err)
		}
	}
}
