package cli

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/checkpoint/safetensors"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
)

// fixture returns the absolute path of a test file, which may be a model of package checkpoint.
func fixture(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestVerify flips a bit in a checkpoint that convert wrote: models --verify and convert
// name the file and the tensor.
func TestVerify(t *testing.T) {
	root := fixture(t, "../checkpoint/testdata/models")
	t.Chdir(t.TempDir())
	run := func(wantStatus int, want string, args ...string) {
		t.Helper()
		status, stdout, stderr := gorgpt(t, t.Context(), args...)
		if got := stdout + stderr; status != wantStatus || !strings.Contains(got, want) {
			t.Errorf("%v: status %d\n%s\nwant status %d and %s", args, status, got, wantStatus, want)
		}
	}
	hf := filepath.Join(root, "gpt2/hf")
	run(0, hf+": nothing was verified: it has no checksums; model directories that gorgpt writes have them", "models", "--verify", hf)
	run(0, "out", "convert", hf, "out")
	run(0, "out: 28 tensors verified", "models", "--verify", "out")

	text, err := os.ReadFile("out/model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)-2] ^= 1 // in the last tensor, wte.weight
	if err := os.WriteFile("out/model.safetensors", text, 0o666); err != nil {
		t.Fatal(err)
	}
	const want = "out/model.safetensors: wte.weight: its bytes have the checksum "
	run(1, want, "models", "--verify", "out")
	run(1, want, "convert", "out", "again")
}

// TestConvert converts every kind of input: the resulting weights are the same bit for bit, and
// converting llm.c's files to llm.c gives the original files.
func TestConvert(t *testing.T) {
	root := fixture(t, "../checkpoint/testdata/models")
	t.Chdir(t.TempDir())
	weights := func(dir string) string {
		b, err := os.ReadFile(filepath.Join(dir, "model.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	const (
		gpt2 = "gpt2 of another size: 1,912 parameters, 2 layers, 2 heads, width 8, context 6, vocabulary 13\n"
		gpt1 = "openai-gpt of another size: 1,896 parameters, 2 layers, 2 heads, width 8, context 6, vocabulary 13\n"
		none = "tokenizer: no files beside the weights; to read and write text, copy tokenizer.json, or vocab.json and merges.txt, into OUT\n" // the path as it was given
	)
	for _, c := range []struct{ in, want, like string }{
		{"gpt2/hf", "Hugging Face directory (model.safetensors, F32)\n" + gpt2 + none, ""},
		{"gpt2/sharded", "Hugging Face directory (model.safetensors.index.json, F32)\n" + gpt2 + none, "gpt2_hf"},
		{"gpt2/bf16", "Hugging Face directory (model.safetensors, BF16)\n" + gpt2 + none, "gpt2_hf"},
		{"gpt2/zip", "Hugging Face directory (pytorch_model.bin, F32)\n" + gpt2 + none, "gpt2_hf"},
		{"gpt2/legacy/pytorch_model.bin", "PyTorch file (pytorch_model.bin, F32)\n" + gpt2 + none, "gpt2_hf"},
		{"gpt2/tf", "OpenAI GPT-2, TensorFlow checkpoint (model.ckpt, F32)\n" + gpt2 + "tokenizer: merges.txt, vocab.json, and tokenizer.json made from them\n", "gpt2_hf"},
		{"gpt2/llmc.bin", "llm.c model file (llmc.bin, F32)\n" + gpt2 + none, "gpt2_hf"},
		{"gpt2/llmc_bf16.bin", "llm.c model file (llmc_bf16.bin, BF16)\n" + gpt2 + none, "gpt2_hf"},
		{"gpt1/hf", "Hugging Face directory (model.safetensors, F32)\n" + gpt1 + none, ""},
		{"gpt1/npy", "OpenAI GPT-1, params_*.npy (npy, F32)\n" + gpt1 + none, "gpt1_hf"},
	} {
		out := strings.NewReplacer("/", "_", ".", "_").Replace(c.in)
		status, stdout, stderr := gorgpt(t, t.Context(), "convert", filepath.Join(root, c.in), out)
		want := strings.ReplaceAll(c.want, "OUT", out) + out + "\n"
		if status != 0 || stdout != want || stderr != "" {
			t.Errorf("%s: status %d, output\n%s%swant\n%s", c.in, status, stdout, stderr, want)
		} else if c.like != "" && weights(out) != weights(c.like) {
			t.Errorf("%s: other weights than %s", c.in, c.like)
		}
	}
	if got, err := os.ReadFile("gpt2_tf/vocab.json"); err != nil || len(got) < 100 {
		t.Errorf("vocab.json is %q, %v", got, err)
	}
	for out, args := range map[string][]string{"llmc.bin": nil, "llmc_bf16.bin": {"--dtype", "bf16"}} {
		status, _, stderr := gorgpt(t, t.Context(), append([]string{"convert", "gpt2_tf", out}, args...)...)
		got, _ := os.ReadFile(out)
		want, err := os.ReadFile(filepath.Join(root, "gpt2", out))
		if err != nil {
			t.Fatal(err)
		}
		if status != 0 || !bytes.Equal(got, want) {
			t.Errorf("%s: status %d %s; the file differs from llm.c's", out, status, stderr)
		}
	}
}

// TestConvertTypes writes 16-bit numbers into several files, and reads them back.
func TestConvertTypes(t *testing.T) {
	in := fixture(t, "../checkpoint/testdata/models/gpt2/hf")
	t.Chdir(t.TempDir())
	for dtype, name := range map[string]string{"f16": "float16", "bf16": "bfloat16"} {
		status, stdout, stderr := gorgpt(t, t.Context(), "convert", in, dtype, "--dtype", dtype, "--shard-size", "2KB", "--json")
		var told struct{ Kind, Model, Stored, Out, To, DType string }
		if err := json.Unmarshal([]byte(stdout), &told); status != 0 || err != nil || told.DType != strings.ToUpper(dtype) || told.To != "hf" || told.Out != dtype {
			t.Fatalf("status %d, %+v, %v %s", status, told, err, stderr)
		}
		var config map[string]any
		text, err := os.ReadFile(filepath.Join(dtype, "config.json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &config); err != nil || config["torch_dtype"] != name || config["summary_type"] != "cls_index" {
			t.Errorf("config %s, %v; want torch_dtype %s and what was there", text, err, name)
		}
		if files, err := filepath.Glob(filepath.Join(dtype, "model-*.safetensors")); err != nil || len(files) != 3 {
			t.Errorf("files %q, %v; want 3", files, err)
		}
		if status, _, stderr := gorgpt(t, t.Context(), "convert", dtype, dtype+"-back"); status != 0 {
			t.Fatal(stderr)
		}
		if status, _, stderr := gorgpt(t, t.Context(), "convert", in, dtype+"-straight"); status != 0 {
			t.Fatal(stderr)
		}
		back, err := os.ReadFile(dtype + "-back/model.safetensors")
		if err != nil {
			t.Fatal(err)
		}
		straight, err := os.ReadFile(dtype + "-straight/model.safetensors")
		if err != nil || !bytes.Equal(back, straight) {
			t.Errorf("%s: read back it differs, %v", dtype, err)
		}
	}
}

// TestConvertErrors: an error is one line that names file, tensor, got and want; nothing is left behind.
func TestConvertErrors(t *testing.T) {
	root := fixture(t, "../checkpoint/testdata/models")
	t.Chdir(t.TempDir())
	for dir, config := range map[string]string{
		"deeper": `{"model_type": "gpt2", "vocab_size": 13, "n_positions": 6, "n_embd": 8, "n_layer": 3, "n_head": 2}`,
		"wider":  `{"model_type": "gpt2", "vocab_size": 13, "n_positions": 6, "n_embd": 1152921504606846976, "n_layer": 1, "n_head": 2}`,
		"longer": `{"model_type": "gpt2", "vocab_size": 13, "n_positions": 9, "n_embd": 8, "n_layer": 2, "n_head": 2}`,
		"bert":   `{"model_type": "bert"}`,
		"cut":    `{"model_type": "gpt2", "vocab_size": 13, "n_positions": 6, "n_embd": 8, "n_layer": 2, "n_head": 2}`,
		"erf":    `{"model_type": "gpt2", "vocab_size": 13, "n_positions": 6, "n_embd": 8, "n_layer": 2, "n_head": 2, "activation_function": "gelu"}`,
	} {
		if err := os.CopyFS(dir, os.DirFS(filepath.Join(root, "gpt2/hf"))); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "config.json"), config)
	}
	if err := os.Truncate("cut/model.safetensors", 9000); err != nil {
		t.Fatal(err)
	}
	write(t, "note.txt", "hello")
	before := list(t)
	for _, c := range []struct {
		args   string
		status int
		want   string
	}{
		{"convert a", 2, `want gorgpt convert IN OUT [flags], got the argument "a"; as in: gorgpt convert models/124M gpt2`},
		{"convert none out", 1, "none: no such file or directory"},
		{"convert note.txt out", 1, "note.txt: no model in it: want a Hugging Face directory, OpenAI's TensorFlow checkpoint or params_*.npy, pytorch_model.bin, nanoGPT's ckpt.pt, a .bin of llm.c or llama2.c, or a GGUF file"},
		{"convert erf out --to lm.c", 2, `unknown --to "lm.c"; did you mean "llm.c"?`},
		{"convert erf out --dtype f61", 2, `unknown number type "f61"; did you mean "f16"?`},
		{"convert erf x.bin --dtype f16", 2, "number type f16: llm.c supports f32, bf16"},
		{"convert erf x --to llama2.c --dtype bf16", 2, "number type bf16: llama2.c supports f32"},
		{"convert erf x --to llama2.c", 1, "x: llama2.c supports only Llama; model_type is gpt2"},
		{"convert " + root + "/llama/hf x.bin", 1, "x.bin: llm.c supports only GPT-2; model_type is llama: use --to llama2.c"},
		{"convert erf x.bin --shard-size 1GB", 2, "--shard-size: llm.c writes a single file"},
		{"convert erf x.GGUF/ --shard-size 1GB", 2, "--shard-size: gguf writes a single file"},
		{"convert erf model.safetensors", 2, "model.safetensors: a Hugging Face model is a folder, and this is the name of a file"},
		{"convert erf x.gguf --shard-size 1GB", 2, "--shard-size: gguf writes a single file"},
		{"convert erf x.gguf --dtype bf16 --weights q4", 2, "--weights and --dtype say the same: give one of them"},
		{"convert erf out --weights q4", 2, "number type q4: only gguf supports it"},
		{"convert erf out --dtype q8_0", 2, "number type q8_0: only gguf supports it"},
		{"convert erf x.gguf", 1, "x.gguf: gpt2: llama.cpp has GELU in the tanh form only; activation_function is gelu: to export to llama.cpp, train with --set activation_function=gelu_new"},
		{"convert " + root + "/gpt1/hf x.gguf", 1, "x.gguf: gpt1: models of this family cannot be written as llama.cpp files"},
		{"convert erf out --shard-size 5XB", 2, `--shard-size: "5XB" is not a size; want one such as 5GB, 200MB or 4000`},
		{"convert erf note.txt", 1, "note.txt exists; choose another OUT: existing files are never overwritten"},
		{"convert erf cut", 1, "cut exists; choose another OUT: existing files are never overwritten"},
		{"convert erf erf", 1, "erf exists; choose another OUT: existing files are never overwritten"},
		{"convert erf x.bin", 1, "x.bin: llm.c has GELU in the tanh form only; activation_function is gelu: to export to llm.c, train with --set activation_function=gelu_new"},
		{"convert " + root + "/gpt1/hf x.bin", 1, "x.bin: llm.c supports only GPT-2; model_type is openai-gpt"},
		{"convert " + root + "/gpt1/hf out --to gpt-neo", 1, root + "/gpt1/hf: a GPT-Neo can be made from a GPT-3 or a GPT-2; the model is a gpt1"},
		{"convert erf out --to gpt-neo", 1, "erf: h.0.attn.c_attn: queries have a bias, which GPT-Neo has no place for: train with --set bias=false, or move it into ln_1 with --fold-query-bias"},
		{"convert erf out --dtype mxfp4", 2, "--dtype mxfp4: gpt2 of another size has no weights that are stored in MXFP4; want f32, f16 or bf16"},
		{"convert erf out --fold-query-bias", 2, "--fold-query-bias applies only to --to gpt-neo: the other formats can store the bias"},
		{"convert bert out", 1, `bert: config.json: model_type is "bert", want gpt2 or gpt3 or gpt_neo or gpt_oss or llama or mixtral or nanochat or openai-gpt`},
		{"convert wider out", 1, "wider: gpt2: the width is 1152921504606846976, want at most 16777216"},
		{"convert deeper out", 1, "deeper/model.safetensors: missing h.2.ln_1.weight, h.2.ln_1.bias, h.2.attn.c_attn.weight, h.2.attn.c_attn.bias and 8 more"},
		{"convert longer out", 1, "longer/model.safetensors: wrong: transformer.wpe.weight is (6, 8), want (9, 8)"},
		{"convert cut out", 1, "cut/model.safetensors: 6504 bytes of data, want 7648 as the header says"},
	} {
		status, _, stderr := gorgpt(t, t.Context(), strings.Fields(c.args)...)
		if status != c.status || stderr != "gorgpt: "+c.want+"\n" {
			t.Errorf("%s: status %d, want %d\n%swant\ngorgpt: %s", c.args, status, c.status, stderr, c.want)
		}
	}
	if after := list(t); after != before {
		t.Errorf("files %q, want %q", after, before)
	}
}

// TestConvertEdited: the edits of a model are kept, and files that cannot record them are refused.
func TestConvertEdited(t *testing.T) {
	root := fixture(t, "../checkpoint/testdata/models")
	t.Chdir(t.TempDir())
	if err := os.CopyFS("edited", os.DirFS(filepath.Join(root, "gpt2/hf"))); err != nil {
		t.Fatal(err)
	}
	write(t, "edited/config.json", `{"model_type": "gpt2", "vocab_size": 13, "n_positions": 6, "n_embd": 8, "n_layer": 2, "n_head": 2, "gorgpt_edits": ["Replace(h.*.mlp.act)"]}`)
	status, stdout, stderr := gorgpt(t, t.Context(), "convert", "edited", "out", "--dtype", "bf16")
	if status != 0 {
		t.Fatal(stderr)
	}
	if note := "\nthe model was edited by Replace(h.*.mlp.act): transformers would open it without that\n"; !strings.Contains(stdout, note) {
		t.Errorf("no note of the edits:\n%s", stdout)
	}
	config, err := os.ReadFile("out/config.json")
	if err != nil {
		t.Fatal(err)
	}
	if edits, err := models.Edits(config); err != nil || !slices.Equal(edits, []string{"Replace(h.*.mlp.act)"}) {
		t.Errorf("edits %q, %v", edits, err)
	}
	for args, want := range map[string]string{
		"convert edited neo --to gpt-neo":                    "edited: the model was edited by Replace(h.*.mlp.act), which the format gpt-neo cannot record",
		"convert edited x.bin":                               "edited: the model was edited by Replace(h.*.mlp.act), which the format llm.c cannot record",
		"generate --from out --prompt a":                     "out: config.json: the model was edited by Replace(h.*.mlp.act); open it from Go with the same edits, as in checkpoint.Load(dir, edits...)",
		"eval --from out --on perplexity --data config.json": "out: config.json: the model was edited by Replace(h.*.mlp.act); open it from Go with the same edits, as in checkpoint.Load(dir, edits...)",
	} {
		if status, _, stderr := gorgpt(t, t.Context(), strings.Fields(args)...); status != 1 || stderr != "gorgpt: "+want+"\n" {
			t.Errorf("%s: status %d\n%swant\ngorgpt: %s", args, status, stderr, want)
		}
	}
}

// tolHalves replaces tolTransformers where transformers computes in BF16, with 8 binary digits;
// measured 6e-3, plus half of that for other machines.
const tolHalves = 9e-3

// TestTransformersOpensConverted converts models and opens the results with transformers, whose
// logits must be ours.
func TestTransformersOpensConverted(t *testing.T) {
	interpreter := os.Getenv("GORGPT_PYTHON")
	if interpreter == "" {
		t.Skip("GORGPT_PYTHON is not set: no Python with torch and transformers to compare with")
	}
	root, script := fixture(t, "../checkpoint/testdata/models"), fixture(t, "testdata/converted.py")
	t.Chdir(t.TempDir())
	dirs := make(map[string]string) // with the number types
	for in, args := range map[string][]string{
		"gpt2/tf": nil, "gpt1/npy": nil, "gpt2/legacy": {"--dtype", "bf16", "--shard-size", "2KB"}, "gpt1/hf": {"--dtype", "f16"},
	} {
		out := strings.ReplaceAll(in, "/", "_")
		if status, _, stderr := gorgpt(t, t.Context(), append([]string{"convert", filepath.Join(root, in), out}, args...)...); status != 0 {
			t.Fatal(stderr)
		}
		dirs[out] = "float32"
	}
	dirs["gpt2_legacy"], dirs["gpt1_hf"] = "bfloat16", "float16"
	tokens := []int{3, 1, 4, 1, 5}
	for dir, dtype := range dirs {
		cmd := exec.Command(interpreter, script, dir, "[3, 1, 4, 1, 5]")
		cmd.Env = append(os.Environ(), "HF_HUB_OFFLINE=1")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", dir, err)
		}
		var theirs struct {
			Problems []string
			DType    string
			Logits   []float64
		}
		if err := json.Unmarshal(out, &theirs); err != nil {
			t.Fatalf("%s: %v", dir, err)
		}
		if len(theirs.Problems) > 0 || theirs.DType != "torch."+dtype {
			t.Errorf("%s: problems %q, type %s; want none, %s", dir, theirs.Problems, theirs.DType, dtype)
		}
		tol := tolTransformers
		if dtype != "float32" {
			tol = tolHalves
		}
		ours := logits(t, dir, tokens)
		if len(ours) != len(theirs.Logits) {
			t.Fatalf("%s: %d logits, transformers has %d", dir, len(ours), len(theirs.Logits))
		}
		worst := 0.0
		for i, v := range ours {
			worst = max(worst, math.Abs(float64(v)-theirs.Logits[i]))
		}
		t.Logf("%s: logits differ by at most %.2g", dir, worst)
		if !(worst <= tol) {
			t.Errorf("%s: logits differ by %v, want at most %v", dir, worst, tol)
		}
	}
}

// logits returns the logits of a checkpoint's model.
func logits(t *testing.T, dir string, tokens []int) []float32 {
	t.Helper()
	m, err := checkpoint.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := graph.New(m.Params)
	out := models.Logits(m.Model, s, s.Ints("tokens", 1, len(tokens)))
	p, err := s.Compile(out)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.SetInts("tokens", tokens); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(p.Value(out))
}

// TestConvertTokenizer: a model of llm.c with the vocabulary of OpenAI's GPT-2 gets that
// tokenizer, so that it can generate text.
func TestConvertTokenizer(t *testing.T) {
	t.Chdir(t.TempDir())
	config := []byte(`{"model_type": "gpt2", "vocab_size": 50257, "n_positions": 4, "n_embd": 2, "n_layer": 1, "n_head": 1,
		"activation_function": "gelu_new", "layer_norm_epsilon": 1e-5}`)
	m, err := models.Parse(config)
	if err != nil {
		t.Fatal(err)
	}
	s := graph.New(graph.NewParams(1))
	models.Logits(m, s, s.Ints("tokens", 1, 1))
	if err := checkpoint.SaveLLMC("m.bin", config, s.Params(), "BF16"); err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := gorgpt(t, t.Context(), "convert", "m.bin", "m")
	if want := "tokenizer: no files beside the weights; GPT-2's, inferred from the vocabulary size\nm\n"; status != 0 || !strings.HasSuffix(stdout, want) {
		t.Fatalf("status %d %s, output\n%swant\n…%s", status, stderr, stdout, want)
	}
	status, stdout, _ = gorgpt(t, t.Context(), "convert", "m", "again.bin")
	if want := "\ntokenizer: not written: an llm.c file has none\nagain.bin\n"; status != 0 || !strings.HasSuffix(stdout, want) {
		t.Errorf("status %d, output\n%swant\n…%s", status, stdout, want)
	}
	status, stdout, stderr = gorgpt(t, t.Context(), "generate", "--from", "m", "--prompt", "Hello", "--tokens", "2", "--json")
	var got struct {
		Prompt []int `json:"prompt_ids"`
		Text   string
	}
	if err := json.Unmarshal([]byte(stdout), &got); status != 0 || err != nil || !slices.Equal(got.Prompt, []int{15496}) {
		t.Errorf("status %d %s, %s, %v; want the id that OpenAI's has for Hello, 15496", status, stderr, stdout, err)
	}
}

// TestConvertOtherHead: a head for another task is reported as left out, and config.json names the class without it.
func TestConvertOtherHead(t *testing.T) {
	root := fixture(t, "../checkpoint/testdata/models")
	t.Chdir(t.TempDir())
	if err := os.CopyFS("in", os.DirFS(filepath.Join(root, "gpt2/hf"))); err != nil {
		t.Fatal(err)
	}
	edited(t, "in/config.json", map[string]any{"architectures": []string{"GPT2ForSequenceClassification"}})
	l, err := checkpoint.Load("in")
	if err != nil {
		t.Fatal(err)
	}
	var tensors []weights.Tensor
	for _, p := range l.Params.All() {
		tensors = append(tensors, weights.Tensor{Name: "transformer." + p.Name(), Shape: p.Shape(), Data: slices.Clone(p.Data())})
	}
	tensors = append(tensors, weights.Tensor{Name: "score.weight", Shape: []int{3, 8}, Data: make([]float32, 24)})
	var file bytes.Buffer
	if err := safetensors.Write(&file, nil, weights.F32, tensors); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove("in/model.safetensors"); err != nil { // it may be mapped
		t.Fatal(err)
	}
	write(t, "in/model.safetensors", file.String())
	status, stdout, stderr := gorgpt(t, t.Context(), "convert", "in", "out")
	if note := "\nleft out: a head for another task than writing text, score.weight\n"; status != 0 || !strings.Contains(stdout, note) {
		t.Fatalf("status %d %s, no note:\n%s", status, stderr, stdout)
	}
	config, err := os.ReadFile("out/config.json")
	if err != nil || !strings.Contains(string(config), `"GPT2LMHeadModel"`) || strings.Contains(string(config), "Classification") {
		t.Errorf("%v\n%s", err, config)
	}
}

// TestConvertNoTokenizer: a vocabulary of GPT-2's size does not make a model one of GPT-2's tokens.
func TestConvertNoTokenizer(t *testing.T) {
	t.Chdir(t.TempDir())
	m, err := models.Parse([]byte(`{"model_type": "llama", "vocab_size": 50257, "hidden_size": 4, "intermediate_size": 4, "num_hidden_layers": 1, "num_attention_heads": 1}`))
	if err != nil {
		t.Fatal(err)
	}
	params := graph.NewParams(1)
	if err := models.Declare(m, params); err != nil {
		t.Fatal(err)
	}
	config, err := models.JSON(m, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkpoint.Save("in", checkpoint.Contents{Config: config, Params: params}); err != nil {
		t.Fatal(err)
	}
	for out, want := range map[string]string{
		"without": "tokenizer: no files beside the weights; to read and write text, copy tokenizer.json, or vocab.json and merges.txt, into without\n",
		"beside":  "tokenizer: tokenizer.model is not read: transformers converts it to tokenizer.json with AutoTokenizer and save_pretrained; copy that into beside\n",
	} {
		if out == "beside" {
			write(t, "in/tokenizer.model", "pieces")
		} else if err := os.RemoveAll("in/tokenizer.model"); err != nil {
			t.Fatal(err)
		}
		if status, stdout, stderr := gorgpt(t, t.Context(), "convert", "in", out); status != 0 || !strings.Contains(stdout, want) {
			t.Errorf("status %d %s\n%swant %s", status, stderr, stdout, want)
		}
	}
}
