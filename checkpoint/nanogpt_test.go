package checkpoint

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
)

// TestNanoGPT opens checkpoints that testdata/nanogpt/make.py wrote as nanoGPT does, by file and by
// directory: the logits must equal those that the script computed with nanoGPT's arithmetic.
func TestNanoGPT(t *testing.T) {
	const dir = "testdata/nanogpt"
	text, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []randomModel
	if err := json.Unmarshal(text, &all); err != nil || len(all) != 2 {
		t.Fatalf("%d models, %v", len(all), err)
	}
	for _, want := range all {
		for _, path := range []string{filepath.Join(dir, want.Name), filepath.Join(dir, want.Name, "ckpt.pt")} {
			o, err := Recognize(path)
			if err != nil {
				t.Fatal(err)
			}
			defer o.Weights.Close()
			if o.Kind != "nanoGPT checkpoint" || !o.MadeConfig {
				t.Errorf("%s is a %s", path, o.Kind)
			}
			m, err := models.Parse(o.Config)
			if err != nil {
				t.Fatal(err)
			}
			params := graph.NewParams(0)
			if err := models.Declare(m, params); err != nil {
				t.Fatal(err)
			}
			if err := o.MapParams(params); err != nil {
				t.Fatal(err)
			}
			if e := want.error(t, m, params); !(e <= tolRandom) {
				t.Errorf("%s: logits are off by %.1e", path, e)
			}
		}
	}
}
