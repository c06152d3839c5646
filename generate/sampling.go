package generate

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Options say how a token is chosen from logits: divide by the temperature, keep the
// TopK best, of these the fewest that hold a probability of TopP, and draw.
type Options struct {
	// Temperature above 1 evens probabilities out, below 1 sharpens them; 0 takes
	// the best token.
	Temperature float64
	// TopK keeps the K best tokens and those that tie with the last of them; 0
	// keeps all.
	TopK int
	// TopP keeps the best tokens until their probabilities reach it (Holtzman et
	// al. 2020), the one that crosses it included; 0 or 1 keeps all.
	TopP float64
	// Seed fixes the draws.
	Seed uint64
}

// Validate tells which option is out of range.
func (o Options) Validate() error {
	switch {
	case !(o.Temperature >= 0) || math.IsInf(o.Temperature, 1):
		return fmt.Errorf("generate: a temperature of %v is not 0 or above", o.Temperature)
	case o.TopK < 0:
		return fmt.Errorf("generate: top-k of %d is below 0", o.TopK)
	case !(o.TopP >= 0 && o.TopP <= 1):
		return fmt.Errorf("generate: top-p of %v is not in [0, 1]", o.TopP)
	}
	return nil
}

// candidate is a token with its probability.
type candidate struct {
	id int
	p  float64
}

// Choose draws a token.
func (o Options) Choose(logits []float32, random *rand.Rand) int {
	if o.Temperature == 0 {
		return best(logits)
	}
	kept := o.candidates(logits)
	var total float64
	for _, c := range kept {
		total += c.p
	}
	at := random.Float64() * total
	for _, c := range kept {
		at -= c.p
		if at < 0 {
			return c.id
		}
	}
	return kept[len(kept)-1].id
}

// best is the first of the largest logits.
func best(logits []float32) int {
	id := 0
	for i, v := range logits {
		if v > logits[id] {
			id = i
		}
	}
	return id
}

// candidates are the tokens that may be drawn, best first, with weights that need
// not add up to 1.
func (o Options) candidates(logits []float32) []candidate {
	largest := float64(logits[best(logits)])
	kept := make([]candidate, len(logits))
	for i, v := range logits {
		kept[i] = candidate{i, math.Exp((float64(v) - largest) / o.Temperature)}
	}
	slices.SortFunc(kept, func(a, b candidate) int { return cmp.Or(cmp.Compare(b.p, a.p), cmp.Compare(a.id, b.id)) })
	if k := o.TopK; k > 0 && k < len(kept) {
		for k < len(kept) && kept[k].p == kept[k-1].p {
			k++
		}
		kept = kept[:k]
	}
	if o.TopP > 0 && o.TopP < 1 {
		var total, sum float64
		for _, c := range kept {
			total += c.p
		}
		for i, c := range kept {
			if sum += c.p; sum >= o.TopP*total {
				return kept[:i+1]
			}
		}
	}
	return kept
}
