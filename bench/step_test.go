package bench

import (
	"testing"

	"github.com/gorgpt/gorgpt/models"
)

// TestPartOf: the matrix products of both weight layouts are counted as products.
func TestPartOf(t *testing.T) {
	for op, want := range map[string]string{
		"Linear": "products", "LinearGradW": "products", "LinearGradBias": "element-wise", "Dense": "products",
		"DenseGradX": "products", "DenseGradBias": "element-wise", "LinearCrossEntropy": "head", "AttentionGrad": "attention", "RMSNorm": "element-wise",
	} {
		if got := PartOf(op); got != want {
			t.Errorf("%s is of %s, want %s", op, got, want)
		}
	}
}

// TestNothing: measuring nothing, such as 0 steps, is an error.
func TestNothing(t *testing.T) {
	m, err := models.Find("gpt2-nano")
	if err != nil {
		t.Fatal(err)
	}
	const training, decoding = "bench: 0 steps, want 1 or more", "bench: 1 sequences, prompts of 8 tokens and 0 steps; want 1 or more of each"
	if _, err := Train(t.Context(), m, 1, 8, 0); err == nil || err.Error() != training {
		t.Errorf("%v, want %s", err, training)
	}
	if _, err := Decode(t.Context(), m, 1, 8, 0); err == nil || err.Error() != decoding {
		t.Errorf("%v, want %s", err, decoding)
	}
}
