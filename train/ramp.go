package train

import (
	"math"
	"math/bits"
	"sort"
)

// A Ramp makes the updates of a run grow. The first has about Start tokens; they then grow linearly
// with the number of tokens done, until after Length tokens they have all their micro-batches.
// GPT-3 (Brown et al. 2020, appendix B) grew from 32k tokens to the full batch over the first 4 to
// 12 billion. With the zero Ramp, all updates have the same size.
type Ramp struct{ Start, Length int64 }

// micro returns the number of micro-batches, each of unit tokens, of the update after done tokens:
// the number from 1 to most that is nearest to the ramp.
func (r Ramp) micro(done, unit int64, most int) int {
	if done >= r.Length {
		return most
	}
	full := unit * int64(most)
	high, low := bits.Mul64(uint64(max(full-r.Start, 0)), uint64(done))
	grown, _ := bits.Div64(high, low, uint64(r.Length))
	return int(max(1, min(int64(most), (r.Start+int64(grown)+unit/2)/unit)))
}

// walk follows a run's updates while fewer than the given tokens are done and fewer than the given
// updates are made. It returns how many tokens and updates that is; a number of tokens that
// overflows an int64 is returned as the largest one.
func (r Ramp) walk(unit int64, most int, tokens, updates int64) (done, made int64) {
	for done < tokens && made < updates {
		n, next := r.micro(done, unit, most), tokens
		if n < most { // constant, until there are more micro-batches
			more := sort.Search(int(min(r.Length, math.MaxInt)), func(at int) bool { return r.micro(int64(at), unit, most) > n })
			next = min(next, int64(more))
		}
		size := int64(n) * unit
		count := min((next-done-1)/size+1, updates-made)
		if count > (math.MaxInt64-done)/size {
			return math.MaxInt64, made + count
		}
		done, made = done+count*size, made+count
	}
	return done, made
}

// unit returns the number of tokens in a micro-batch.
func (t *NextToken) unit() int64 { return int64(t.Batch) * int64(t.Context) }

// Updates returns the least number of updates that train on at least the given number of tokens. A
// Batch or Context below 1 is an error.
func (t *NextToken) Updates(tokens int64) (int64, error) {
	if err := t.checkSizes(); err != nil {
		return 0, err
	}
	_, updates := t.Ramp.walk(t.unit(), max(t.Accumulate, 1), tokens, math.MaxInt64)
	return updates, nil
}

// Tokens returns how many tokens the given number of updates train on. It has the errors of
// Updates.
func (t *NextToken) Tokens(updates int64) (int64, error) {
	if err := t.checkSizes(); err != nil {
		return 0, err
	}
	tokens, _ := t.Ramp.walk(t.unit(), max(t.Accumulate, 1), math.MaxInt64, updates)
	return tokens, nil
}
