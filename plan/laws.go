package plan

import "math"

// Laws are what published scaling laws predict for the model. They were fitted to other models,
// tokenizers and texts than yours, each at the lowest loss that its authors reached: they show how
// losses depend on size and tokens, not what yours will be. Losses are in nats per token.
type Laws struct {
	Chinchilla Law `json:"chinchilla"`
	Kaplan     Law `json:"kaplan"`
	GPT3       Law `json:"gpt3"`
}

// Law is the prediction of one law.
type Law struct {
	N      float64 `json:"n"`                // parameters as the law counts them
	Tokens float64 `json:"tokens,omitempty"` // training tokens that it recommends
	Loss   float64 `json:"loss"`             // that it predicts after the planned tokens
}

// lawsOf applies the laws to a model of n parameters, rest of which are not embeddings, and d
// tokens.
//
// Chinchilla (Hoffmann et al. 2022) counts all parameters. Tokens follow approach 2 of table A3,
// 400M parameters to 7.7B tokens, 175B to 4.3T, about 20 each; the loss follows approach 3,
// equation 10.
//
// Kaplan et al. 2020 do not count embeddings. Tokens are those of the compute C, in
// petaflop/s-days, for which the size is optimal: N = 1.3e9·C^0.73 and D = 2e10·C^0.27, table 6;
// the loss is equation 1.5 with the constants of 1.1 and 1.2.
//
// GPT-3 (Brown et al. 2020, figure 3.1): 2.57·C^−0.048, without embeddings, for the optimal size
// for each C.
func lawsOf(n, rest, d float64) Laws {
	rest = max(rest, 1)
	c := math.Pow(rest/1.3e9, 1/0.73)
	return Laws{
		Chinchilla: Law{N: n, Tokens: 7.7e9 * math.Pow(n/4e8, math.Log(4.3e12/7.7e9)/math.Log(175e9/4e8)), Loss: 1.69 + 406.4/math.Pow(n, 0.34) + 410.7/math.Pow(d, 0.28)},
		Kaplan:     Law{N: rest, Tokens: 2e10 * math.Pow(c, 0.27), Loss: math.Pow(math.Pow(8.8e13/rest, 0.076/0.095)+5.4e13/d, 0.095)},
		GPT3:       Law{N: rest, Loss: 2.57 * math.Pow(6*rest*d/pfDay, -0.048)},
	}
}
