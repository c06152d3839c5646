package generate

import "github.com/gorgpt/gorgpt/internal/kernel"

// Token is a token of a sequence: generated, or of the prompt if Request.Echo is set.
type Token struct {
	// Sequence is the sequence that the token belongs to: Request.Sample, or the index of the prompt
	// in a batch.
	Sequence int
	// ID is the token, or −1 if the sequence ends because the options leave no token: see
	// NoCandidates.
	ID int
	// LogProb is the natural logarithm of the probability that the model gives the token, before
	// any option changes it, and Best are the likeliest tokens with theirs. They are set
	// if Options.LogProbs asks for them.
	LogProb float64
	Best    []Candidate
	// Prompt is set for tokens of the prompt: see Request.Echo. The first has no log-probability.
	Prompt bool
	// Last is set if the sequence ends with this token; Finish says why it ends.
	Last   bool
	Finish Finish
}

// Finish says why a sequence ends.
type Finish string

// The reasons why a sequence ends.
const (
	Length       Finish = "length"        // it has as many tokens as were asked for
	StopToken    Finish = "stop"          // its last token is one of Options.Stop
	NoCandidates Finish = "no_candidates" // the options leave no token to choose from
)

// score sets the log-probabilities of the token and of this many best tokens. They are the
// model's: over its whole vocabulary, padding included.
func (t *Token) score(row []float32, best int) {
	if best == 0 {
		return
	}
	total := kernel.LogSumExp(row)
	t.LogProb = float64(row[t.ID]) - total
	all := top(row, best)
	for _, c := range all[:min(best, len(all))] { // without ties
		t.Best = append(t.Best, Candidate{ID: c.ID, LogProb: float64(row[c.ID]) - total})
	}
}
