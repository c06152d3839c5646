package generate

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Candidate is a token with the natural logarithm of its probability.
type Candidate struct {
	ID      int
	LogProb float64
}

// Distribution returns the tokens that may be drawn with these options after the tokens in
// before, best first. Their probabilities add up to 1. It returns nil if all are banned.
func (o Options) Distribution(logits []float32, before []int) []Candidate {
	s := sampler{Options: o}
	kept, all := s.keep(logits, before)
	if all {
		kept = top(s.scaled, len(s.scaled))
	}
	if len(kept) == 0 {
		return nil
	}
	values := make([]float32, len(kept))
	for i, c := range kept {
		values[i] = float32(c.LogProb)
	}
	total := kernel.LogSumExp(values)
	for i := range kept {
		kept[i].LogProb -= total
	}
	return kept
}

// Choose draws a token to follow the tokens in before. It returns −1 if all are banned.
func (o Options) Choose(logits []float32, before []int, random *rand.Rand) int {
	s := sampler{Options: o}
	return s.choose(logits, before, random)
}

// sampler chooses tokens and reuses its buffers.
type sampler struct {
	Options
	prompt                int // length of the prompt, whose tokens were not generated
	scaled, probabilities []float32
}

// choose draws a token to follow the tokens in before. It returns −1 if all are banned.
func (s *sampler) choose(logits []float32, before []int, random *rand.Rand) int {
	kept, all := s.keep(logits, before)
	if all {
		// All tokens may be drawn: take them in the order of their ids, which needs no sorting.
		s.softmax()
		var total float64
		for _, p := range s.probabilities {
			total += float64(p)
		}
		at := random.Float64() * total
		for id, p := range s.probabilities {
			if at -= float64(p); at < 0 {
				return id
			}
		}
		return best(s.scaled)
	}
	switch len(kept) {
	case 0:
		return -1
	case 1:
		return kept[0].ID
	}
	var total float64
	for _, c := range kept {
		total += math.Exp(c.LogProb - kept[0].LogProb)
	}
	at := random.Float64() * total
	for _, c := range kept {
		if at -= math.Exp(c.LogProb - kept[0].LogProb); at < 0 {
			return c.ID
		}
	}
	return kept[len(kept)-1].ID
}

// keep returns the tokens that may be drawn, best first, with scaled logits in place of
// log-probabilities. If all is true, every token may be drawn whose scaled logit is not −∞.
func (s *sampler) keep(logits []float32, before []int) (kept []Candidate, all bool) {
	s.scaled = append(s.scaled[:0], logits...)
	s.penalize(before)
	first := best(s.scaled)
	if math.IsInf(float64(s.scaled[first]), -1) {
		return nil, false
	}
	if s.Temperature == 0 {
		return []Candidate{{ID: first}}, false
	}
	from := 0.0
	if most := float64(s.scaled[first]); math.Abs(most)/s.Temperature > math.MaxFloat32 {
		from = most // with so small a temperature, only quotients of differences are finite, or −∞
	}
	for i, v := range s.scaled {
		s.scaled[i] = float32((float64(v) - from) / s.Temperature)
	}
	if s.TopK > 0 && s.TopK < len(s.scaled) {
		kept = top(s.scaled, s.TopK)
	}
	if s.TopP > 0 && s.TopP < 1 {
		kept = s.nucleus(kept)
	}
	if s.MinP > 0 {
		least := float64(s.scaled[best(s.scaled)]) + math.Log(s.MinP)
		if kept == nil {
			kept = above(s.scaled, float32(least))
		}
		if i := slices.IndexFunc(kept, func(c Candidate) bool { return c.LogProb < least }); i > 0 {
			kept = kept[:i]
		}
	}
	return kept, kept == nil
}

// penalize applies Bias, the penalties and NoRepeat to the scaled logits.
func (s *sampler) penalize(before []int) {
	for id, bias := range s.Bias {
		if id < len(s.scaled) {
			s.scaled[id] += float32(bias)
		}
	}
	if p := float32(s.RepetitionPenalty); p != 0 && p != 1 {
		done := make(map[int]bool)
		for _, id := range before {
			switch {
			case done[id] || id < 0 || id >= len(s.scaled): // beyond EngineConfig.Vocab
			case s.scaled[id] > 0:
				s.scaled[id] /= p
			default:
				s.scaled[id] *= p
			}
			done[id] = true
		}
	}
	s.penalizeGenerated(before[min(s.prompt, len(before)):])
	if n := s.NoRepeat; n > 0 && len(before) >= n {
		run := before[len(before)-n+1:] // the run that the new token would complete
		for i := 0; i+n <= len(before); i++ {
			if id := before[i+n-1]; slices.Equal(before[i:i+n-1], run) && id >= 0 && id < len(s.scaled) {
				s.scaled[id] = float32(math.Inf(-1))
			}
		}
	}
}

// penalizeGenerated applies PresencePenalty and FrequencyPenalty.
func (s *sampler) penalizeGenerated(generated []int) {
	if s.PresencePenalty == 0 && s.FrequencyPenalty == 0 {
		return
	}
	counts := make(map[int]int)
	for _, id := range generated {
		counts[id]++
	}
	for id, n := range counts {
		if id >= 0 && id < len(s.scaled) {
			s.scaled[id] -= float32(s.PresencePenalty + float64(n)*s.FrequencyPenalty)
		}
	}
}

// softmax sets s.probabilities to the softmax of the scaled logits.
func (s *sampler) softmax() {
	s.probabilities = append(s.probabilities[:0], s.scaled...)
	kernel.Softmax(s.probabilities, s.scaled, len(s.scaled))
}

// nucleus returns the fewest of the kept tokens, or of all tokens if kept is nil, whose
// probabilities add up to TopP.
func (s *sampler) nucleus(kept []Candidate) []Candidate {
	if kept == nil {
		total := kernel.LogSumExp(s.scaled)
		for k := 64; ; k *= 4 {
			// A few tokens have most of the probability; sorting all of them would take longer
			// than computing the logits.
			kept = top(s.scaled, min(k, len(s.scaled)))
			switch cut := reach(kept, total, s.TopP); {
			case cut > 0:
				return kept[:cut]
			case k >= len(s.scaled): // because of rounding, all together do not add up to TopP
				return kept
			}
		}
	}
	var sum float64
	for _, c := range kept {
		sum += math.Exp(c.LogProb - kept[0].LogProb)
	}
	if cut := reach(kept, kept[0].LogProb+math.Log(sum), s.TopP); cut > 0 {
		return kept[:cut]
	}
	return kept
}

// reach returns how many of the kept tokens it takes for their probabilities, relative to e^total, to
// add up to p. It returns 0 if all of them do not.
func reach(kept []Candidate, total, p float64) int {
	var sum float64
	for i, c := range kept {
		if sum += math.Exp(c.LogProb - total); sum >= p {
			return i + 1
		}
	}
	return 0
}

// top returns the k largest elements of x and those that tie with the last of them, best first and
// equal ones by index. It returns all if there are no more than k.
func top(x []float32, k int) []Candidate {
	k = min(k, len(x))
	heap := append(make([]float32, 0, k), x[:k]...) // the smallest of the largest is at 0
	for i := k/2 - 1; i >= 0; i-- {
		sink(heap, i)
	}
	for _, v := range x[k:] {
		if v > heap[0] {
			heap[0] = v
			sink(heap, 0)
		}
	}
	return above(x, heap[0])
}

// above returns the elements of x that are at least a value, best first, without those that are
// −∞, which are banned.
func above(x []float32, least float32) []Candidate {
	var kept []Candidate
	for id, v := range x {
		if v >= least && v >= -math.MaxFloat32 {
			kept = append(kept, Candidate{id, float64(v)})
		}
	}
	slices.SortFunc(kept, func(a, b Candidate) int { return cmp.Or(cmp.Compare(b.LogProb, a.LogProb), cmp.Compare(a.ID, b.ID)) })
	return kept
}

// sink restores the order of a min-heap whose element i may be too large.
func sink(heap []float32, i int) {
	for {
		child := 2*i + 1
		if child >= len(heap) {
			return
		}
		if child+1 < len(heap) && heap[child+1] < heap[child] {
			child++
		}
		if heap[i] <= heap[child] {
			return
		}
		heap[i], heap[child] = heap[child], heap[i]
		i = child
	}
}

// best returns the index of the largest logit, the first of equal ones.
func best(logits []float32) int {
	id := 0
	for i, v := range logits {
		if v > logits[id] {
			id = i
		}
	}
	return id
}
