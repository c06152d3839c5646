package gorgpt

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// layer is the height of each package: a package may import only lower ones. The
// order and its reasons are in README.md.
var layer = map[string]float64{
	"internal/kernel/minimax": -1, // coefficients
	"internal/nearest":        -1,
	"internal/usage":          0,  // errors of whoever asks for something, in every library
	"internal/setting":        1,  // recipes, and flags of the command
	"internal/plural":         -1, // in chart's and the kernel's words too
	"internal/scopepath":      0,
	"internal/optional":       0,
	"internal/mutate":         0,  // asks the tests, imports nothing of ours
	"internal/filekind":       -3, // for all readers of files
	"internal/parquetfile":    -2, // for all readers of Parquet
	"internal/plaintext":      -2, // the rule for text of all readers
	"internal/plainjson":      -1, // for the formats too
	"internal/memfs":          -1, // what a file of weights tells beside them
	"internal/mapped":         -1, // wherever mapped files are read
	"internal/wholefile":      -1,
	"store":                   -0.5, // files by path or URL, for whatever reads or writes them
	"internal/smollm2":        -1,   // a trained model, for tests
	"internal/notice":         0,
	".":                       0, // licences
	"chart":                   0,
	"internal/reference":      0,
	"internal/kernel":         0,
	"graph":                   1,
	"graph/draw":              2,
	"ops":                     2,
	"layers":                  3,
	"models/family":           3, // what a family is; models cannot hold it, which imports gpt1 and gpt2
	"models/gpt1":             4,
	"models/gpt2":             4,
	"models/gpt3":             4.5, // GPT-2 but for its attention
	"models/gptneo":           4.6, // what a GPT-3 is exported as
	"models/gptoss":           4,
	"models/llama":            4,
	"models/mixtral":          4,
	"models/nanochat":         4,
	"models":                  5,
	"tokenizer":               1,
	"datasets":                2,
	"datasets/tasks":          2,
	"datasets/pairs":          3,
	"datasets/shard":          0,
	"datasets/pack":           3,
	"datasets/corpus":         3,   // what datasets opens, mixed
	"checkpoint/weights":      0.5, // what the formats have in common
	"checkpoint/safetensors":  1,
	"checkpoint/pickle":       1,
	"checkpoint/tfbundle":     1,
	"checkpoint/npy":          1,
	"checkpoint/llmc":         1,
	"checkpoint/gguf":         1,
	"checkpoint/llama2c":      2,
	"checkpoint/openai":       2,
	"checkpoint/nanogpt":      2,

	"checkpoint/internal/sourcetest": 1,
	"internal/localranks":            0, // for tests
	"checkpoint":                     6,
	"checkpoint/convert":             7, // what checkpoint recognises, written anew
	"memory":                         6, // what models and programs take
	"train":                          6,
	"cluster":                        6.5, // train.Peers over MPI
	"generate":                       6,
	"harmony":                        6.5, // conversations: streams of text out of tokens
	"chat":                           6.7, // harmony is one form of them
	"lens":                           6.5, // what is inside a model, and generate's candidates
	"eval":                           7,
	"finetune":                       7,
	"bench":                          7, // training, generation, memory
	"run":                            8, // puts all of these together
	"plan":                           9, // what a run takes
	"serve":                          9,
	"serve/studio":                   9.5, // a page beside the API
	"benchmarks/memory":              10,
	"benchmarks/ranks":               7,
	"cli":                            11,
	"cli/internal/command":           9,
	"cli/internal/training":          10,
	"cli/internal/using":             10,
	"cli/internal/tokens":            10,
	"cli/internal/model":             10,
	"cmd/gorgpt":                     12,
	"benchmarks/gemm":                1,
	"benchmarks/random":              7,
	"benchmarks/experts":             4,
	"notebooks/show":                 8, // displays; knows nothing of the rest
	"notebooks/kernel":               8,
	"benchmarks/tokenizers":          2,
	"recipes/internal/studies":       8.5,
	"recipes/internal/compare":       8.7,
	"recipes/experts":                9,
	"recipes/internal/tuned":         8.7,
	"recipes/ablation":               9,
	"recipes/finetune-smollm2":       9,
	"recipes/ablation-modern":        9,
	"recipes/precision":              9,
	"recipes/scaling":                9.5, // counts weights as plan does
}

// forbidden are imports that the order alone would allow.
var forbidden = map[string][]string{
	"train":              {"models", "models/family", "models/gpt1", "models/gpt2", "models/gpt3", "models/gptneo", "models/gptoss", "models/llama", "models/mixtral", "models/nanochat", "layers", "ops", "checkpoint"}, // knows no model and no file format
	"generate":           {"models", "models/family", "models/gpt1", "models/gpt2", "models/gpt3", "models/gptneo", "models/gptoss", "models/llama", "models/mixtral", "models/nanochat", "layers", "ops", "checkpoint"},
	"eval":               {"models", "models/family", "models/gpt1", "models/gpt2", "models/gpt3", "models/gptneo", "models/gptoss", "models/llama", "models/mixtral", "models/nanochat", "layers", "ops", "checkpoint"},
	"datasets":           {"graph"}, // knows no tensors
	"tokenizer":          {"graph"},
	"checkpoint/convert": {"models/gpt1", "models/gpt2", "models/gpt3", "models/gptneo", "models/gptoss", "models/llama", "models/mixtral", "models/nanochat", "layers", "ops"},
	"checkpoint":         {"models/gpt1", "models/gpt2", "models/gpt3", "models/gptneo", "models/gptoss", "models/llama", "models/mixtral", "models/nanochat", "layers", "ops"}, // weights by name, whatever the model; Load asks models for it
}

// TestImports: no arrow points upwards, and internal/kernel knows no Gorgonia.
func TestImports(t *testing.T) {
	const module = "github.com/gorgpt/gorgpt/"
	seen := 0
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && file != "." {
			if _, err := os.Stat(filepath.Join(file, "go.mod")); err == nil {
				return fs.SkipDir // a module outside of this one
			}
		}
		if err != nil || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		from := path.Dir(filepath.ToSlash(file))
		if strings.Contains(from, "/gen/") {
			return nil // generators
		}
		height, known := layer[from]
		if !known {
			t.Errorf("%s: package %s has no place in the order", file, from)
			return nil
		}
		seen++
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if from == "internal/kernel" && strings.HasPrefix(imported, "gorgonia.org/") {
				t.Errorf("%s imports %s: kernels know no Gorgonia", file, imported)
			}
			to, ours := strings.CutPrefix(imported, module)
			if !ours {
				continue
			}
			if layer[to] >= height {
				t.Errorf("%s imports %s, which is not below it", file, to)
			}
			for _, f := range forbidden[from] {
				if to == f {
					t.Errorf("%s imports %s: %s must not know it", file, to, from)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 50 {
		t.Errorf("only %d files seen", seen)
	}
}
