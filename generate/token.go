package generate

import "github.com/gorgpt/gorgpt/internal/kernel"

// Token is one that was generated.
type Token struct {
	// Sequence is whose it is: Request.Sample, the index of the prompt in a batch.
	Sequence int
	// ID is the token, or −1 where a sequence ends as no token is left to go on with: see
	// NoCandidates.
	ID int
	// LogProb is the natural logarithm of the model's own probability of the token, before
	// any option changes it, and Best are the likeliest tokens with theirs. They are there
	// if Options.LogProbs asks for them.
	LogProb float64
	Best    []Candidate
	// Prompt tells that it is of the prompt: see Request.Echo. The first has no log-probability.
	Prompt bool
	// Last tells that the sequence ends with this token, Finish why.
	Last   bool
	Finish Finish
}

// Finish says why a sequence ends.
type Finish string

// The reasons.
const (
	Length       Finish = "length"        // it has as many tokens as were asked for
	StopToken    Finish = "stop"          // its last token is one of Options.Stop
	NoCandidates Finish = "no_candidates" // the options leave no token to go on with
)

// score gives the token its log-probability and those of so many best ones. They are the
// model's own: over its whole vocabulary, padding included.
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
