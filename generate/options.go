package generate

import (
	"fmt"
	"math"
)

// Options say how a token is chosen from logits. In this order: what Bias has is added; tokens that
// were there are made less likely or banned; logits are divided by the temperature; only the TopK best are
// kept, of these the fewest that hold a probability of TopP, of these those of at least MinP
// times the best one's probability; one is drawn. The zero value takes the best token.
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
	// MinP keeps tokens of at least this share of the best one's probability; 0 keeps
	// all.
	MinP float64

	// Bias is added to the logits of tokens; −∞ bans one.
	Bias map[int]float64
	// RepetitionPenalty divides positive logits of tokens that the sequence holds, prompt
	// included, and multiplies negative ones (Keskar et al. 2019); 0 or 1 is none.
	RepetitionPenalty float64
	// PresencePenalty is taken from the logits of tokens that were generated, FrequencyPenalty as often
	// as they were, as in OpenAI's API. The prompt has no say, but where Distribution and Choose are
	// asked, which are told of no prompt.
	PresencePenalty, FrequencyPenalty float64
	// NoRepeat bans tokens that would complete a run of so many tokens that the sequence
	// holds already; 0 bans none.
	NoRepeat int

	// Stop are tokens that end a sequence, such as the end of text. They are yielded.
	Stop []int
	// LogProbs asks for the token's log-probability and those of so many best tokens.
	LogProbs int
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
	case !(o.MinP >= 0 && o.MinP <= 1):
		return fmt.Errorf("generate: min-p of %v is not in [0, 1]", o.MinP)
	case !(o.RepetitionPenalty >= 0) || math.IsInf(o.RepetitionPenalty, 1):
		return fmt.Errorf("generate: a repetition penalty of %v is not 0 or above", o.RepetitionPenalty)
	case !finite(o.PresencePenalty):
		return fmt.Errorf("generate: a presence penalty of %v is no number", o.PresencePenalty)
	case !finite(o.FrequencyPenalty):
		return fmt.Errorf("generate: a frequency penalty of %v is no number", o.FrequencyPenalty)
	case o.NoRepeat < 0:
		return fmt.Errorf("generate: banning runs of %d tokens; want 0 or more", o.NoRepeat)
	case o.LogProbs < 0:
		return fmt.Errorf("generate: %d log-probabilities; want 0 or more", o.LogProbs)
	}
	for id, bias := range o.Bias {
		if id < 0 || !(bias <= math.MaxFloat32) {
			return fmt.Errorf("generate: a bias of %v for token %d; want a number for one from 0", bias, id)
		}
	}
	return nil
}

// finite tells whether x is a number, as logits are.
func finite(x float64) bool { return math.Abs(x) <= math.MaxFloat32 }
