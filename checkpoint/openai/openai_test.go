package openai

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/internal/sourcetest"
	"github.com/gorgpt/gorgpt/checkpoint/safetensors"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

const fixtures = "../testdata/models/"

// copied copies a fixture and then replaces some files, or removes those given as nil.
func copied(t *testing.T, dir string, files map[string][]byte) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(fixtures+dir)); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		path := filepath.Join(to, name)
		err := os.Remove(path)
		if content != nil {
			err = os.WriteFile(path, content, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func TestNames(t *testing.T) {
	for from, want := range map[string]string{
		"wte":              "wte.weight",
		"h11/ln_1/g":       "h.11.ln_1.weight",
		"h0/attn/c_proj/b": "h.0.attn.c_proj.bias",
		"h3/mlp/c_fc/w":    "h.3.mlp.c_fc.weight",
		"ln_f/b":           "ln_f.bias",
	} {
		if got := rename(from); got != want {
			t.Errorf("%s becomes %s, want %s", from, got, want)
		}
	}
}

// TestSame compares OpenAI's forms with what transformers wrote for the same models.
func TestSame(t *testing.T) {
	for _, c := range []struct {
		family, dir string
		open        func(dir string) (weights.Source, error)
	}{{"gpt1", "npy", GPT1}, {"gpt2", "tf", GPT2}} {
		want, err := safetensors.Open(fixtures + c.family + "/hf/model.safetensors")
		if err != nil {
			t.Fatal(err)
		}
		defer want.Close()
		got, err := c.open(fixtures + c.family + "/" + c.dir)
		if err != nil {
			t.Fatal(err)
		}
		defer got.Close()
		sourcetest.Same(t, got, want)
	}
}

// TestSeveralCheckpoints: if a directory has two checkpoints, the file "checkpoint" names the one to open.
func TestSeveralCheckpoints(t *testing.T) {
	dir := copied(t, "gpt2/tf", map[string][]byte{"other.index": []byte("?")})
	src, err := GPT2(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if src.Name() != filepath.Join(dir, "model.ckpt") {
		t.Errorf("opened %s", src.Name())
	}
	if err := os.Remove(filepath.Join(dir, "checkpoint")); err != nil {
		t.Fatal(err)
	}
	_, err = GPT2(dir)
	sourcetest.Error(t, err, dir+`: 2 checkpoints, and no file "checkpoint" that names one`)
}

func TestGPT2Errors(t *testing.T) {
	dir := copied(t, "gpt2/tf", map[string][]byte{"hparams.json": nil, "model.ckpt.data-00000-of-00001": make([]byte, 100)})
	_, err := GPT2(dir)
	if want := filepath.Join(dir, "model.ckpt.data-00000-of-00001") + ": model/h0/attn/c_attn/b has 96 bytes at offset 8, but the file has only 100: it is cut short"; err == nil || err.Error() != want {
		t.Errorf("error\n\t%v\nwant\n\t%s", err, want)
	}
	_, err = GPT2Config(dir)
	sourcetest.Error(t, err, dir+": no hparams.json in it; it is needed for the number of heads")
	_, err = GPT2(t.TempDir())
	if err == nil || !strings.HasSuffix(err.Error(), ": no .index in it: not a TensorFlow checkpoint") {
		t.Error(err)
	}
}

func TestGPT1Errors(t *testing.T) {
	const shapes = "params_shapes.json"
	for _, test := range []struct {
		files map[string][]byte
		want  string // after the directory
	}{
		{map[string][]byte{"params_9.npy": nil}, "/params_8.npy: 1707 numbers in all 9 files up to this one, want 1896 for the shapes in params_shapes.json"},
		{map[string][]byte{"params_0.npy": nil}, "stat /params_0.npy: no such file or directory"},
		{map[string][]byte{"params_3.npy": []byte("x")}, `/params_3.npy: offset 0: no \x93NUMPY: not a .npy file`},
		{map[string][]byte{shapes: []byte("[[1]]")}, "/params_shapes.json: 1 shapes, want 2 and 12 for each layer"},
		{map[string][]byte{shapes: []byte("[[1],[1]]")}, "/params_shapes.json: 2 shapes, want 2 and 12 for each layer"},
		{map[string][]byte{shapes: []byte("{}")}, "/params_shapes.json: want a list, got an object"},
		{map[string][]byte{shapes: []byte("[" + strings.Repeat("[-1],", 13) + "[1]]")}, "/params_shapes.json: positions_embed.weight: bad shape (-1)"},
		{map[string][]byte{shapes: []byte("[" + strings.Repeat("[9223372036854775807],", 13) + "[1]]")},
			"/params_9.npy: 1896 numbers in all 10 files up to this one, want more than any file has for the shapes in params_shapes.json"},
	} {
		dir := copied(t, "gpt1/npy", test.files)
		_, err := GPT1(dir)
		if err == nil || strings.ReplaceAll(err.Error(), dir, "") != test.want {
			t.Errorf("error\n\t%v\nwant\n\t%s", err, test.want)
		}
	}
}

func TestGPT1Config(t *testing.T) {
	layer := "[1,768,2304],[2304],[1,768,768],[768],[768],[768],[1,768,3072],[3072],[1,3072,768],[768],[768],[768]"
	dir := copied(t, "gpt1/npy", map[string][]byte{"params_shapes.json": []byte("[[512,768],[40478,768]" + strings.Repeat(","+layer, 12) + "]")})
	got, err := GPT1Config(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"model_type":"openai-gpt","vocab_size":40478,"n_positions":512,"n_embd":768,"n_layer":12,"n_head":12}`; string(got) != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	_, err = GPT1Config(fixtures + "gpt1/npy")
	sourcetest.Error(t, err, filepath.FromSlash(fixtures+"gpt1/npy/params_shapes.json")+
		": the number of heads does not follow from a width of 8, since OpenAI's heads are 64 wide; put a config.json next to it")
}

func TestReadErrors(t *testing.T) {
	src, err := GPT1(fixtures + "gpt1/npy")
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	sourcetest.Error(t, src.Read("ln_f.bias", nil), fixtures+"gpt1/npy: no tensor ln_f.bias")
	sourcetest.Error(t, src.Read("h.0.ln_1.bias", make([]float32, 3)), fixtures+"gpt1/npy: h.0.ln_1.bias is (8), 8 numbers; the buffer holds 3")
}

func ExampleGPT1() {
	src, err := GPT1("../testdata/models/gpt1/npy")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer src.Close()
	for _, t := range src.Tensors()[:3] {
		fmt.Println(t.Name, t.Shape)
	}
	// Output:
	// positions_embed.weight [6 8]
	// tokens_embed.weight [13 8]
	// h.0.attn.c_attn.weight [8 24]
}

func ExampleGPT2() {
	src, err := GPT2("../testdata/models/gpt2/tf")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer src.Close()
	x := make([]float32, 8)
	if err := src.Read("ln_f.bias", x); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(src.Tensors()), x[:2])
	// Output:
	// 28 [0.1953125 0.20703125]
}

// TestGPT1Published reads OpenAI's own params_shapes.json.
func TestGPT1Published(t *testing.T) {
	const dir = "../../../shared/data/vocab/gpt1"
	if !IsGPT1(dir) {
		t.Skip("no ../shared/data/vocab/gpt1 here")
	}
	infos, err := gpt1Tensors(dir)
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, info := range infos {
		total += info.Size()
	}
	if last := infos[len(infos)-1]; total != 116_534_784 || last.Name != "h.11.ln_2.bias" || len(infos) != 2+12*12 {
		t.Errorf("%d tensors up to %s, %d numbers; want GPT-1's 116,534,784", len(infos), last.Name, total)
	}
	got, err := GPT1Config(dir)
	if want := `{"model_type":"openai-gpt","vocab_size":40478,"n_positions":512,"n_embd":768,"n_layer":12,"n_head":12}`; err != nil || string(got) != want {
		t.Errorf("%s, %v; want\n%s", got, err, want)
	}
}
