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

// layer is the height of each package: a package may import only lower ones. The order is explained in
// docs/architecture.md.
var layer = map[string]float64{
	"internal/kernel/minimax": -1, // coefficients
	"internal/nearest":        -1,
	"internal/usage":          0,  // errors in usage, for all libraries
	"internal/setting":        1,  // recipes, and flags of the command
	"internal/plural":         -1, // for the messages of chart and of the notebook kernel too
	"internal/scopepath":      0,
	"internal/optional":       0,
	"internal/mutate":         0,  // runs the tests, imports none of our packages
	"internal/filekind":       -3, // for all readers of files
	"internal/parquetfile":    -2, // for all readers of Parquet
	"internal/legible":        0,
	"internal/plaintext":      -2, // how all readers treat text
	"internal/plainjson":      -1, // for the file formats too
	"internal/memfs":          -1, // what a file of weights contains in addition to them
	"internal/mapped":         -1, // for all readers of mapped files
	"internal/wholefile":      -1,
	"store":                   -0.5, // files by path or URL, for all packages that read or write them
	"internal/smollm2":        -1,   // a pretrained model, for tests
	"internal/notice":         0,
	".":                       0, // licenses
	"chart":                   0,
	"internal/reference":      0,
	"internal/kernel":         0,
	"graph":                   1,
	"graph/draw":              2,
	"ops":                     2,
	"layers":                  3,
	"models/family":           3, // what a family is; it cannot be in models, which imports gpt1 and gpt2
	"models/gpt1":             4,
	"models/gpt2":             4,
	"models/gpt3":             4.5, // GPT-2 with different attention
	"models/gptneo":           4.6, // the format to which a GPT-3 is exported
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
	"datasets/corpus":         3,   // mixes what datasets opens
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
	"checkpoint/convert":             7, // writes what checkpoint recognizes in other formats
	"memory":                         6, // how much memory models and programs take
	"train":                          6,
	"cluster":                        6.5, // train.Peers over MPI
	"generate":                       6,
	"harmony":                        6.5, // conversations as streams of text from tokens
	"chat":                           6.7, // harmony is one of its formats
	"lens":                           6.5, // what is inside a model; uses generate's candidates
	"eval":                           7,
	"finetune":                       7,
	"bench":                          7, // training, generation, memory
	"run":                            8, // combines all of these
	"plan":                           9, // what a run will take
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
	"notebooks/show":                 8, // displays output; independent of the rest
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

// forbidden lists imports that the order alone would allow.
var forbidden = map[string][]string{
	"train":              {"models", "models/family", "models/gpt1", "models/gpt2", "models/gpt3", "models/gptneo", "models/gptoss", "models/llama", "models/mixtral", "models/nanochat", "layers", "ops", "checkpoint"}, // independent of models and file formats
	"generate":           {"models", "models/family", "models/gpt1", "models/gpt2", "models/gpt3", "models/gptneo", "models/gptoss", "models/llama", "models/mixtral", "models/nanochat", "layers", "ops", "checkpoint"},
	"eval":               {"models", "models/family", "models/gpt1", "models/gpt2", "models/gpt3", "models/gptneo", "models/gptoss", "models/llama", "models/mixtral", "models/nanochat", "layers", "ops", "checkpoint"},
	"datasets":           {"graph"}, // independent of tensors
	"tokenizer":          {"graph"},
	"checkpoint/convert": {"models/gpt1", "models/gpt2", "models/gpt3", "models/gptneo", "models/gptoss", "models/llama", "models/mixtral", "models/nanochat", "layers", "ops"},
	"checkpoint":         {"models/gpt1", "models/gpt2", "models/gpt3", "models/gptneo", "models/gptoss", "models/llama", "models/mixtral", "models/nanochat", "layers", "ops"}, // weights by name, whatever the model; Load asks models for it
}

// TestImports: no package imports one that is not below it, and internal/kernel does not import Gorgonia.
func TestImports(t *testing.T) {
	const module = "github.com/gorgpt/gorgpt/"
	seen := 0
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && file != "." {
			if _, err := os.Stat(filepath.Join(file, "go.mod")); err == nil {
				return fs.SkipDir // a separate module
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
