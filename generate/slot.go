package generate

import "slices"

// mostRows bounds the tokens of several prompts that run at once, and with them the memory of
// their program.
const mostRows = 8192

// mostEchoed bounds the tokens of a prompt after each of which logits are wanted at once.
const mostEchoed = 64

// slot is a place in the cache and the sequence that has it.
type slot struct {
	job   *job
	beam  int // which of the job's slots it is
	place int
	ids   []int // the sequence, prompt included
	todo  int   // so many of its last tokens are to be run; 0 where it waits for other beams
	past  int   // positions before these that are remembered
	echo  bool  // the logits after each of them are wanted, not only after the last

	trail trail // of what is remembered in the cache of prefixes
	found int   // tokens of the prompt that were there
}

// push appends a token.
func (s *slot) push(id int) { s.ids, s.todo = append(s.ids, id), 1 }

// window is what the model sees of the sequence.
func (s *slot) window() []int { return s.ids[len(s.ids)-s.todo-s.past:] }

// slide has a slot that has filled its context of so many positions forget the older half of
// what it sees. The newer half runs anew, as its positions have changed; all of the window does
// where nothing is remembered.
func (s *slot) slide(context int, whole bool) {
	if s.past+s.todo > context {
		s.todo, s.past = (context+1)/2, 0
		s.trail.ended = true
	}
	if whole && s.todo > 0 {
		s.todo, s.past = s.past+s.todo, 0
	}
}

// slots are those in use; a place is an index.
type slots []*slot

// remove gives up the slot at a place. The last that decodes moves there, so that those that do
// lie together; those whose prompts run keep their order behind.
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

// piece returns the length of the program for what comes next of the slot at a place, at most so
// many tokens, and how many slots from there on run in one. They are those whose piece is as
// long, if it is a single token or begins their window. Or, which same tells, they are those that
// see the same, as beams and samples of one prompt do: one runs for all.
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
