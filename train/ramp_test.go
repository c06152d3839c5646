package train

import (
	"context"
	"maps"
	"math"
	"math/rand/v2"
	"testing"
)

// climb grows from 2 micro-batches of the toy's 32 tokens to 8: an update has 64 + done/10 tokens,
// rounded to a multiple of 32.
var climb = Ramp{Start: 64, Length: 1920}

// climbed are the tokens that have been processed after each update, computed by hand.
var climbed = []int64{64, 128, 192, 288, 384, 480, 608, 736, 864, 1024, 1184, 1376, 1568, 1792, 2048, 2304}

// TestRamp: the number of micro-batches is as computed by hand, at the boundaries and for the paper's figures.
func TestRamp(t *testing.T) {
	for _, c := range []struct {
		ramp       Ramp
		done, unit int64
		most, want int
	}{
		{climb, 0, 32, 8, 2}, {climb, 159, 32, 8, 2}, {climb, 160, 32, 8, 3}, {climb, 1759, 32, 8, 7}, {climb, 1760, 32, 8, 8}, {climb, 1 << 60, 32, 8, 8},
		{Ramp{}, 0, 32, 8, 8}, {Ramp{}, 0, 32, 1, 1},
		{Ramp{1, 100}, 0, 32, 8, 1},        // less than one micro-batch
		{Ramp{1 << 40, 100}, 99, 32, 8, 8}, // more than the maximum
		// GPT-3 125M: 32k to 0.5M tokens over 4 billion, 8,192 at once.
		{Ramp{32_000, 4e9}, 0, 8192, 64, 4}, {Ramp{32_000, 4e9}, 2e9, 8192, 64, 34}, {Ramp{32_000, 4e9}, 4e9, 8192, 64, 64},
		{Ramp{1, math.MaxInt64}, math.MaxInt64 / 2, 1 << 40, 1 << 20, 1 << 19}, // products that overflow 64 bits
	} {
		if got := c.ramp.micro(c.done, c.unit, c.most); got != c.want {
			t.Errorf("%+v after %d: %d micro-batches of %d, want %d", c.ramp, c.done, got, c.most, c.want)
		}
	}
}

// TestRampWalk: the updates and tokens of a whole run equal those that follow from one update after the other.
func TestRampWalk(t *testing.T) {
	task := &NextToken{Batch: 4, Context: 8, Accumulate: 8, Ramp: climb}
	must := func(n int64, err error) int64 {
		if err != nil {
			t.Error(err)
		}
		return n
	}
	for i, tokens := range climbed {
		if got := must(task.Tokens(int64(i + 1))); got != tokens {
			t.Errorf("%d tokens of %d updates, want %d", got, i+1, tokens)
		}
		if got, more := must(task.Updates(tokens)), must(task.Updates(tokens+1)); got != int64(i+1) || more != int64(i+2) {
			t.Errorf("%d updates for %d tokens, %d for one more; want %d, %d", got, tokens, more, i+1, i+2)
		}
	}
	random := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		unit, most := 1+random.Int64N(50), 1+random.IntN(12)
		r := Ramp{random.Int64N(unit * int64(most)), random.Int64N(20_000)}
		limit := random.Int64N(30_000)
		var done, made int64
		for done < limit {
			done, made = done+unit*int64(r.micro(done, unit, most)), made+1
		}
		if d, m := r.walk(unit, most, limit, math.MaxInt64); d != done || m != made {
			t.Fatalf("%+v to %d of %d: %d tokens in %d updates, want %d in %d", r, limit, unit, d, m, done, made)
		}
	}
	// 300 billion tokens of GPT-3, and more updates than have tokens that 64 bits can count.
	paper := &NextToken{Batch: 4, Context: 2048, Accumulate: 64, Ramp: Ramp{32_000, 4e9}}
	if got := must(paper.Updates(300e9)); got < 572_205 || got > 592_205 {
		t.Errorf("%d updates", got)
	}
	if got := must(paper.Tokens(math.MaxInt64)); got != math.MaxInt64 {
		t.Errorf("%d tokens", got)
	}
}

// TestNextTokenSizes: every method that counts updates rejects sizes that are out of range.
func TestNextTokenSizes(t *testing.T) {
	for want, task := range map[string]NextToken{
		"NextToken.Batch is 0, want 1 or more":                    {Context: 8},
		"NextToken.Context is 0, want 1 or more":                  {Batch: 4, Ramp: climb},
		"NextToken.Batch is -4, want 1 or more":                   {Batch: -4, Context: 8},
		"NextToken.Accumulate is -1, want 0 or more":              {Batch: 4, Context: 8, Accumulate: -1},
		"NextToken.Ramp is from -1 tokens over 3, want 0 or more": {Batch: 4, Context: 8, Ramp: Ramp{-1, 3}},
	} {
		_, update := task.Update(context.Background(), 0, 1)
		_, updates := task.Updates(100)
		_, tokens := task.Tokens(100)
		for _, err := range []error{update, updates, tokens} {
			if err == nil || err.Error() != want {
				t.Errorf("error %v, want %s", err, want)
			}
		}
	}
}

// TestTokenSchedule: rates are as computed by hand for GPT-3's smallest model and for other schedules.
func TestTokenSchedule(t *testing.T) {
	for _, c := range []struct {
		name          string
		warmup, decay int64
		rates         map[int64]float64
	}{
		{"cosine", 375e6, 260e9, map[int64]float64{
			0: 0, 187.5e6: 3e-4, 375e6: 6e-4, 65.28125e9: 5.209188309203678e-4, 130.1875e9: 3.3e-4, 260e9: 6e-5, 300e9: 6e-5,
		}},
		{"cosine", 0, 100, map[int64]float64{0: 6e-4, 50: 3.3e-4, 100: 6e-5}},
		{"cosine", 100, 100, map[int64]float64{50: 3e-4, 99: 5.94e-4, 100: 6e-4, 101: 6e-5}},
		{"linear", 10, 110, map[int64]float64{5: 3e-4, 10: 6e-4, 60: 3.3e-4, 85: 1.95e-4, 110: 6e-5, 1 << 62: 6e-5}},
		{"wsd", 10, 1000, map[int64]float64{5: 3e-4, 900: 6e-4, 950: 3.3e-4, 1000: 6e-5}},
		{"constant", 10, 0, map[int64]float64{5: 3e-4, 10: 6e-4, math.MaxInt64: 6e-4}},
	} {
		s, err := ParseTokenSchedule(c.name, 6e-4, 6e-5, c.warmup, c.decay)
		if err != nil {
			t.Fatal(err)
		}
		for tokens, want := range c.rates {
			if got := s(tokens); math.Abs(got-want) > 1e-12*want { // a dozen roundings
				t.Errorf("%s, %d of %d: the rate after %d tokens is %v, want %v", c.name, c.warmup, c.decay, tokens, got, want)
			}
		}
	}
	for _, c := range []struct {
		name          string
		high          float64
		warmup, decay int64
		want          string
	}{
		{"cosine", 1, 375e6, 300e6, "the learning rate reaches its lowest value at token 300000000, before the warm-up of 375000000 ends"},
		{"cosine", 1, -1, 10, "warm-up is -1 tokens, want 0 or more"},
		{"cosine", 0, 1, 10, "learning rate is 0, want a number above 0"},
		{"cosin", 1, 1, 10, `unknown schedule "cosin"; did you mean "cosine"?`},
	} {
		if _, err := ParseTokenSchedule(c.name, c.high, 0, c.warmup, c.decay); err == nil || err.Error() != c.want {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
}

// newClimb returns a toy trainer whose updates grow, with rates that depend on tokens.
func newClimb(t *testing.T) (*Trainer, *recorder) {
	t.Helper()
	tr, r := newToy()
	var err error
	if tr.TokenSchedule, err = ParseTokenSchedule("cosine", 0.05, 0.005, 480, 1792); err != nil {
		t.Fatal(err)
	}
	lm(tr).Model, lm(tr).Accumulate, lm(tr).Ramp = toyModel{dropout: 0.1}, 8, climb
	tr.Schedule, tr.Steps = nil, len(climbed)
	return tr, r
}

// TestRampTrains: every update has the tokens and the rate of its position, and equals an update with all its
// micro-batches in a single batch; a run that is stopped during the ramp resumes bit for bit.
func TestRampTrains(t *testing.T) {
	whole, want := newClimb(t)
	mustRun(t, whole)
	for i, s := range want.steps {
		if s.Tokens != climbed[i] || s.LearnRate != whole.TokenSchedule(s.Tokens) {
			t.Errorf("step %d: %d tokens at a rate of %v, want %d at %v", i+1, s.Tokens, s.LearnRate, climbed[i], whole.TokenSchedule(climbed[i]))
		}
	}
	if rate := want.steps[5].LearnRate; rate != 0.05 { // the warmup ends with the sixth update
		t.Errorf("the highest rate is %v", rate)
	}
	for _, stop := range []int{1, 4, 9, 15} {
		first, _ := newClimb(t)
		first.StopAfter = stop
		var middle saved
		first.Save = middle.keep(first)
		mustRun(t, first)
		second, got := newClimb(t)
		middle.restore(t, second)
		mustRun(t, second)
		if !maps.EqualFunc(weights(whole.Params), weights(second.Params), sameBits) {
			t.Errorf("stopped after %d: other weights", stop)
		}
		if last := got.steps[len(got.steps)-1]; last.Tokens != climbed[len(climbed)-1] || last.Loss != want.steps[len(want.steps)-1].Loss {
			t.Errorf("stopped after %d: %+v", stop, last)
		}
	}
}

// TestRampPlaces: no two batches draw dropout masks from the same place, however many batches an update has.
func TestRampPlaces(t *testing.T) {
	tr, _ := newClimb(t)
	seen := make(map[uint64]bool)
	for i, done := range append([]int64{0}, climbed...) {
		lm(tr).follow(done)
		batches, err := lm(tr).Update(t.Context(), 1, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range batches {
			counter := uint64(i)*b.Places + b.Place
			if b.Place >= b.Places || seen[counter] {
				t.Errorf("update %d of %d batches: place %d of %d", i, len(batches), b.Place, b.Places)
			}
			seen[counter] = true
		}
	}
}

// TestRampOfRanks: ranks divide the micro-batches of the ramp among them, and compute bit for
// bit what one process does.
func TestRampOfRanks(t *testing.T) {
	train := func(ranks int) ([]*Trainer, []*recorder) {
		var trainers []*Trainer
		var recorders []*recorder
		for _, p := range localPeers(ranks) {
			tr, r := newClimb(t)
			lm(tr).Train, lm(tr).Accumulate = &toyStream{size: 4, context: 8, seed: 1}, 8
			tr.Steps, tr.Tree, tr.Peers = 12, true, p
			trainers, recorders = append(trainers, tr), append(recorders, r)
		}
		for _, err := range runRanks(t, trainers) {
			if err != nil {
				t.Fatal(err)
			}
		}
		return trainers, recorders
	}
	one, want := train(1)
	if first, last := want[0].steps[0].Tokens, want[0].steps[11].Tokens-want[0].steps[10].Tokens; first != 64 || last <= 2*64 {
		t.Fatalf("updates of %d to %d tokens", first, last)
	}
	for _, ranks := range []int{2, 3, 4} {
		trainers, got := train(ranks)
		for i, s := range got[0].steps {
			if w := want[0].steps[i]; s.Loss != w.Loss || s.Tokens != w.Tokens || s.LearnRate != w.LearnRate {
				t.Errorf("%d ranks, step %d: %+v, want %+v", ranks, i+1, s, w)
			}
		}
		for _, tr := range trainers {
			if !maps.EqualFunc(weights(tr.Params), weights(one[0].Params), sameBits) {
				t.Errorf("%d ranks: other weights than of one process", ranks)
			}
		}
	}
}

// TestRampErrors: impossible settings are errors.
func TestRampErrors(t *testing.T) {
	tr, _ := newClimb(t)
	lm(tr).Ramp.Start = -1
	if err := tr.Run(t.Context()); err == nil || err.Error() != "train: NextToken.Ramp is from -1 tokens over 1920, want 0 or more" {
		t.Error(err)
	}
	tr, _ = newClimb(t)
	tr.Schedule = Constant(1, 0)
	if err := tr.Run(t.Context()); err == nil || err.Error() != "train: Trainer.Schedule and Trainer.TokenSchedule are both set, want one" {
		t.Error(err)
	}
}
