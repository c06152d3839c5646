package generate

import (
	"math"
	"slices"
	"time"
)

// turn generates the next token of each sequence that has a slot, except those whose prompts have not
// been run to the end: of these it runs a piece. First, jobs that have ended give up their slots and
// waiting jobs take them.
func (e *Engine) turn() {
	e.leave()
	e.enter()
	for _, s := range e.slots {
		s.slide(e.config.Context, e.runner.whole != nil)
	}
	prompts := 0 // how many of their tokens this turn runs
	for at, n := 0, 1; at < len(e.slots); at += n {
		if n = 1; e.slots[at].todo == 0 {
			continue
		}
		e.prefixes.resume(e.slots[at])
		var length int
		var same bool
		n, length, same = e.slots.piece(at, e.config.Piece, e.runner)
		if length > 1 {
			rows := length * n
			if same {
				rows = length
			}
			if prompts > 0 && rows > e.config.Piece-prompts {
				continue // left for another turn
			}
			prompts += rows
		}
		e.run(e.slots[at:at+n], length, same)
	}
}

// run runs a piece of the slots of part, once for all of them if same is set, and passes on the logits
// of slots that have nothing left to run.
func (e *Engine) run(part slots, length int, same bool) {
	run := part
	if same {
		run = part[:1]
	}
	logits, err := e.runner.run(run, length)
	switch {
	case err != nil && len(run) > 1: // run them one by one, so that only those at fault fail
		for i := range part {
			e.run(part[i:i+1], length, false)
		}
		return
	case err != nil:
		for _, s := range part {
			s.job.end(err)
		}
		return
	}
	each := len(logits) / len(run)
	for i, s := range part {
		rows := logits[:each]
		if !same {
			rows = logits[i*each:][:each]
		}
		n := min(s.todo, length)
		s.past, s.todo = s.past+n, s.todo-n
		if same && i > 0 {
			e.runner.cache.Copy(s.place, part[0].place, s.past)
		}
		e.prefixes.keep(s)
		if s.echo {
			rows = s.echoed(rows[:n*each/length], n)
		}
		if s.todo == 0 && !s.job.over() {
			s.take(rows)
		}
	}
}

// leave frees the slots of jobs that have ended or whose context is done.
func (e *Engine) leave() {
	for i, s := range slices.Backward(e.slots) {
		if s.job.left() {
			e.slots.remove(i, e.runner.cache.Copy)
		}
	}
}

// enter gives slots to the jobs that have waited longest, while there are enough free ones.
func (e *Engine) enter() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.queue = slices.DeleteFunc(e.queue, (*job).left)
	for len(e.queue) > 0 && len(e.slots)+len(e.queue[0].slots) <= e.config.Slots {
		j := e.queue[0]
		e.queue, j.began = slices.Delete(e.queue, 0, 1), time.Now()
		for _, s := range j.slots {
			s.place, s.todo = len(e.slots), min(len(s.ids), e.config.Context)
			e.slots = append(e.slots, s)
		}
	}
	e.running = len(e.slots)
}

// tokens returns the logits of a row that a token may be chosen from, with those of vacant ids at −∞:
// see EngineConfig.Vocab and Vacant. They are valid until the next call.
func (e *Engine) tokens(row []float32) []float32 {
	if v := e.config.Vocab; v > 0 && v < len(row) {
		row = row[:v]
	}
	if len(e.config.Vacant) == 0 {
		return row
	}
	e.candidates = append(e.candidates[:0], row...)
	for _, id := range e.config.Vacant {
		if id < len(row) { // the model's vocabulary may end before the id
			e.candidates[id] = float32(math.Inf(-1))
		}
	}
	return e.candidates
}
