package generate

import (
	"fmt"
	"math"
)

// LeastRepetition and MostRepetition bound [Options].RepetitionPenalty.
const LeastRepetition, MostRepetition = 0.01, 100

// Options say how a token is chosen from logits. In this order: Bias is added; tokens that the
// sequence already holds are made less likely or banned; logits are divided by the temperature; only
// the TopK best tokens are kept, of these the fewest whose probabilities add up to TopP, and of these
// the ones with at least MinP times the best token's probability; one of the remaining tokens is drawn.
// The zero value takes the best token.
type Options struct {
	// Temperature flattens the distribution if above 1 and sharpens it if below 1; 0 takes
	// the best token.
	Temperature float64
	// TopK keeps the K best tokens and those that tie with the last of them; 0
	// keeps all.
	TopK int
	// TopP keeps the best tokens until their probabilities add up to it (Holtzman et
	// al. 2020), including the one that crosses it; 0 or 1 keeps all.
	TopP float64
	// MinP keeps tokens with at least this share of the best token's probability; 0 keeps
	// all.
	MinP float64

	// Bias is added to the logits of tokens by id; −∞ bans a token.
	Bias map[int]float64
	// RepetitionPenalty divides positive logits of tokens that the sequence holds, prompt
	// included, and multiplies negative ones (Keskar et al. 2019); 0 or 1 is no penalty. Otherwise
	// it is from LeastRepetition to MostRepetition, beyond which logits would overflow.
	RepetitionPenalty float64
	// PresencePenalty is subtracted once from the logit of each token that was generated, and
	// FrequencyPenalty once for each time it was, as in OpenAI's API. Tokens of the prompt do not count,
	// except in Distribution and Choose, which cannot tell them from generated ones.
	PresencePenalty, FrequencyPenalty float64
	// NoRepeat bans tokens that would complete a run of this many tokens that the sequence
	// already holds; 0 bans none.
	NoRepeat int

	// Stop are tokens that end a sequence, such as the end of text. They are yielded.
	Stop []int
	// LogProbs, if above 0, asks for the log-probabilities of the token and of this many best tokens.
	LogProbs int
	// Seed is the random seed.
	Seed uint64
}

// Validate returns an error if an option is out of range.
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
	case !(o.RepetitionPenalty == 0 || o.RepetitionPenalty >= LeastRepetition && o.RepetitionPenalty <= MostRepetition):
		return fmt.Errorf("generate: a repetition penalty of %v is not in [%v, %v]", o.RepetitionPenalty, LeastRepetition, MostRepetition)
	case !finite(o.PresencePenalty):
		return fmt.Errorf("generate: a presence penalty of %v; want a number in float32's range", o.PresencePenalty)
	case !finite(o.FrequencyPenalty):
		return fmt.Errorf("generate: a frequency penalty of %v; want a number in float32's range", o.FrequencyPenalty)
	case o.NoRepeat < 0:
		return fmt.Errorf("generate: no repeats of %d tokens; want 0 or more", o.NoRepeat)
	case o.LogProbs < 0:
		return fmt.Errorf("generate: %d log-probabilities; want 0 or more", o.LogProbs)
	}
	for id, bias := range o.Bias {
		if id < 0 || !(bias <= math.MaxFloat32) {
			return fmt.Errorf("generate: a bias of %v for token %d; want a number in float32's range, or -Inf, for a token from 0", bias, id)
		}
	}
	return nil
}

// finite reports whether x is a finite float32, as logits are.
func finite(x float64) bool { return math.Abs(x) <= math.MaxFloat32 }
