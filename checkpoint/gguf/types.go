package gguf

import (
	"fmt"
	"strconv"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

const (
	magic     = "GGUF"
	alignment = 32 // of data, unless general.alignment says otherwise

	maxAxes = 4
	maxKey  = 1<<16 - 1 // in bytes, for keys and names
)

// dtypes are the types of tensors that can be read, by ggml's numbers.
var dtypes = map[uint32]weights.DType{
	0: weights.F32, 1: weights.F16, 28: weights.F64, 30: weights.BF16,
	2: weights.Q4_0, 3: weights.Q4_1, 6: weights.Q5_0, 7: weights.Q5_1, 8: weights.Q8_0,
	10: weights.Q2_K, 11: weights.Q3_K, 12: weights.Q4_K, 13: weights.Q5_K, 14: weights.Q6_K,
	39: weights.MXFP4,
}

// otherTypes are the types that cannot be read, for a helpful error.
var otherTypes = map[uint32]string{
	9: "Q8_1", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S",
	23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0",
	40: "NVFP4", 41: "Q1_0", 42: "Q2_0",
}

// dtypeOf returns the type of tensors with the given number.
func dtypeOf(number uint32) (weights.DType, error) {
	if t, ok := dtypes[number]; ok {
		return t, nil
	}
	const want = "want F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K to Q6_K or MXFP4"
	if name := otherTypes[number]; name != "" {
		return "", fmt.Errorf("it has type %s, which is not supported: %s", name, want)
	}
	return "", fmt.Errorf("it has type %d, which ggml does not define: %s", number, want)
}

// decimal returns the shortest decimal that rounds to x, as a float64.
func decimal(x float32) float64 {
	v, _ := strconv.ParseFloat(strconv.FormatFloat(float64(x), 'g', -1, 32), 64) // what was formatted parses
	return v
}
