package generate

import "slices"

// mostRows bounds the total number of tokens of prompts that run in one program, and so its memory.
const mostRows = 8192

// mostEchoed bounds the length of a piece of an echoed prompt, which needs logits at every token.
const mostEchoed = 64

// slot is a place in the cache with the sequence that occupies it.
type slot struct {
	job   *job
	beam  int // which of the job's slots it is
	place int
	ids   []int // the sequence, prompt included
	todo  int   // how many of its last tokens are still to be run; 0 while it waits for other beams
	past  int   // how many positions before these are cached
	echo  bool  // the logits after every token of the prompt are wanted, not only after the last

	trail trail // its position in the cache of prefixes
	found int   // tokens of the prompt that were found there
}

// push appends a token.
func (s *slot) push(id int) { s.ids, s.todo = append(s.ids, id), 1 }

// window returns the tokens of the sequence that the model sees.
func (s *slot) window() []int { return s.ids[len(s.ids)-s.todo-s.past:] }

// slide makes a slot that has filled its context forget the older half of its window. The newer
// half is run again, as its positions have changed. If whole is set, nothing is cached and the
// whole window is run.
func (s *slot) slide(context int, whole bool) {
	if s.past+s.todo > context {
		s.todo, s.past = (context+1)/2, 0
		s.trail.ended = true
	}
	if whole && s.todo > 0 {
		s.todo, s.past = s.past+s.todo, 0
	}
}

// slots are the slots in use, indexed by place.
type slots []*slot

// remove frees the slot at a place. The last slot that decodes moves there, so that decoding slots
// stay contiguous; after them, the slots whose prompts still run keep their order.
func (all *slots) remove(place int, copy func(to, from, used int)) {
	move := func(to, from int) {
		s := (*all)[from]
		copy(to, from, s.past)
		s.place, (*all)[to] = to, s
	}
	last := len(*all) - 1
	for i := last; i > place; i-- {
		if (*all)[i].todo <= 1 {
			move(place, i)
			place = i
			break
		}
	}
	for ; place < last; place++ {
		move(place, place+1)
	}
	(*all)[last] = nil
	*all = (*all)[:last]
}

// piece returns the length of the program for the next piece, of up to most tokens, of the slot at
// a place, and the number n of slots from there on that share the program. These are slots with
// pieces of the same length, if a piece is a single token or the beginning of a window. If same is
// true, they are instead slots with the same window, such as beams and samples of one prompt: one
// of them is run for all.
func (all slots) piece(place, most int, r *runner) (n, length int, same bool) {
	first, rest := all[place], all[place+1:]
	if first.echo && r.whole == nil {
		most = min(most, mostEchoed)
	}
	if length = r.length(min(first.todo, most), first.past); first.echo {
		return 1, length, false
	}
	count := func(fits func(s *slot) bool) int {
		if i := slices.IndexFunc(rest, func(s *slot) bool { return s.echo || !fits(s) }); i >= 0 {
			return 1 + i
		}
		return 1 + len(rest)
	}
	long := func(s *slot) bool { return r.length(min(s.todo, most), s.past) == length }
	if length == 1 && r.whole == nil {
		return count(long), 1, false
	}
	n = count(func(s *slot) bool { return s.past == first.past && slices.Equal(s.window(), first.window()) })
	if n > 1 || first.past > 0 || r.whole != nil {
		return n, length, n > 1
	}
	n = count(func(s *slot) bool { return s.past == 0 && long(s) && !sharesBlock(s, first) })
	return min(n, max(1, min(mostRows, most)/length)), length, false
}
