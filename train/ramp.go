package train

import (
	"math"
	"math/bits"
	"sort"
)

// A Ramp has the updates of a run grow: the first is of about Start tokens, and they grow linearly with
// the tokens that are done, until after Length all their micro-batches are taken. GPT-3 (Brown et al.
// 2020, appendix B) grew from 32k tokens to the full batch over the first 4 to 12 billion. The zero
// Ramp has all updates alike.
type Ramp struct{ Start, Length int64 }

// micro is the number of micro-batches of an update after so many tokens, of at most most, each
// of which is unit tokens: the nearest, and 1 at least.
func (r Ramp) micro(done, unit int64, most int) int {
	if done >= r.Length {
		return most
	}
	full := unit * int64(most)
	high, low := bits.Mul64(uint64(max(full-r.Start, 0)), uint64(done))
	grown, _ := bits.Div64(high, low, uint64(r.Length))
	return int(max(1, min(int64(most), (r.Start+int64(grown)+unit/2)/unit)))
}

// walk goes over a run's updates as long as fewer tokens are done and fewer updates made, and returns
// how many tokens and updates that are; tokens that no int64 holds are the most that one does.
func (r Ramp) walk(unit int64, most int, tokens, updates int64) (done, made int64) {
	for done < tokens && made < updates {
		n, next := r.micro(done, unit, most), tokens
		if n < most { // as many micro-batches, until there are more
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

// unit is the tokens of a micro-batch.
func (t *NextToken) unit() int64 { return int64(t.Batch) * int64(t.Context) }

// Updates is how many updates train on so many tokens: with the last of them at least as many are done. Batch and Context
// below 1 are an error.
func (t *NextToken) Updates(tokens int64) (int64, error) {
	if err := t.checkSizes(); err != nil {
		return 0, err
	}
	_, updates := t.Ramp.walk(t.unit(), max(t.Accumulate, 1), tokens, math.MaxInt64)
	return updates, nil
}

// Tokens is how many tokens so many updates train on, with errors as those of Updates.
func (t *NextToken) Tokens(updates int64) (int64, error) {
	if err := t.checkSizes(); err != nil {
		return 0, err
	}
	tokens, _ := t.Ramp.walk(t.unit(), max(t.Accumulate, 1), math.MaxInt64, updates)
	return tokens, nil
}
