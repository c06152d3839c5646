package finetune

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/checkpoint/safetensors"
	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
)

// Tolerances for float32 results against PyTorch's float64: for a loss of about 5, and for gradients relative
// to the largest element of their tensor.
const (
	tolLoss     = 1e-5
	tolGradient = 1e-4
)

// TestJoint compares the joint loss of all four kinds of task, for GPT-1 and GPT-2, and the gradient of every
// parameter with PyTorch's, computed in one run of the graph and in several.
func TestJoint(t *testing.T) { compareLosses(t, "joint", 8) }

// TestSquared does the same for the squared error of scores, against PyTorch's MSELoss.
func TestSquared(t *testing.T) { compareLosses(t, "squared", 2) }

// TestLlama does the same for a Llama with a tied head, with all weights trainable and with adapters.
func TestLlama(t *testing.T) { compareLosses(t, "llama", 2) }

// compareLosses compares the cases of a file, of which there must be count. Their models are beside
// it, or in models/testdata.
func compareLosses(t *testing.T, file string, count int) {
	data, err := os.ReadFile(filepath.Join("testdata", file+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name, Model string
		Kind        tasks.Kind
		Squared     bool
		Rank        int // rank of the adapters
		Loss        float64
		Examples    []Example
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) != count {
		t.Fatalf("%d cases, want %d", len(cases), count)
	}
	want, err := safetensors.Open(filepath.Join("testdata", file+".safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer want.Close()
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			dir := filepath.Join("testdata", c.Model)
			if _, err := os.Stat(dir); err != nil {
				dir = filepath.Join("..", "models", "testdata", c.Model)
			}
			base, err := checkpoint.Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			if c.Rank > 0 {
				if base.Model, err = models.LoRA(base.Model, c.Rank); err != nil {
					t.Fatal(err)
				}
			}
			classifier := Classifier{Base: base.Model, Kind: c.Kind, Outputs: len(c.Examples[0].Targets), Squared: c.Squared, Auxiliary: 0.5}
			params := graph.NewParams(2)
			if err := classifier.Declare(params); err != nil {
				t.Fatal(err)
			}
			if err := Extend(params, base.Params); err != nil {
				t.Fatal(err)
			}
			for name, of := range map[string]string{"classifier.weight": "weight", "classifier.bias": "bias"} {
				if err := want.Read(c.Name+"/"+of, params.Get(name).Data()); err != nil {
					t.Fatal(err)
				}
			}
			if c.Rank > 0 {
				if err := errors.Join(models.OnlyAdapters(params), params.Unfreeze("classifier")); err != nil {
					t.Fatal(err)
				}
			}
			for _, p := range params.All() {
				if models.IsAdapter(p.Name()) {
					if err := want.Read(c.Name+"/adapters/"+p.Name(), p.Data()); err != nil {
						t.Fatal(err)
					}
				}
			}
			for micro := 1; micro <= 2; micro++ {
				f := fitting{Settings: Settings{Micro: micro}, c: classifier, longest: Longest(c.Examples) + 1}
				loss := 0.0
				params.ZeroGrad()
				for lo := 0; lo < len(c.Examples); lo += micro {
					b := f.batch(c.Examples[lo:min(lo+micro, len(c.Examples))], lo)
					program, err := classifier.Compile(params, micro, b.Shape[0])
					if err != nil {
						t.Fatal(err)
					}
					defer program.Close()
					weight, err := b.Feed(program, len(c.Examples))
					if err != nil {
						t.Fatal(err)
					}
					if err := program.RunGrad(float32(weight)); err != nil {
						t.Fatal(err)
					}
					loss += weight * float64(program.Loss())
				}
				if !(math.Abs(loss-c.Loss) <= tolLoss*c.Loss) {
					t.Errorf("loss %v by %d at once, want %v", loss, micro, c.Loss)
				}
				for _, p := range params.Trainable() {
					expected := make([]float32, p.Size())
					if err := want.Read(c.Name+"/"+p.Name(), expected); err != nil {
						t.Fatal(err)
					}
					largest := 1e-3 // the bias of a choice's score has no effect, so its gradient is 0
					for _, v := range expected {
						largest = max(largest, math.Abs(float64(v)))
					}
					for i, got := range p.GradData() {
						if d := math.Abs(float64(got) - float64(expected[i])); !(d <= tolGradient*largest) {
							t.Errorf("by %d at once, gradient of %s[%d] is %v, want %v", micro, p.Name(), i, got, expected[i])
							break
						}
					}
				}
			}
		})
	}
}
