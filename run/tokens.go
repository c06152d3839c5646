package run

import (
	"math"
	"strings"

	"github.com/gorgpt/gorgpt/internal/setting"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/train"
)

// ofTokens returns the settings that count tokens instead of updates, as GPT-3's paper does.
func (r *Recipe) ofTokens() setting.List {
	return setting.List{
		setting.NewCount("tokens", &r.Tokens, "tokens to train on, such as 300B, instead of --steps: as many updates as that takes"),
		setting.NewCount("warmup-tokens", &r.WarmupTokens, "tokens over which the learning rate rises to its peak, such as 375M, instead of --warmup"),
		setting.NewCount("decay-tokens", &r.DecayTokens, "tokens after which the learning rate is at its floor, warmup included, such as 260B of 300B (default: all)"),
		setting.New("batch-ramp", &r.BatchRamp, "", "tokens of the first updates, and tokens over which updates grow to the whole --accumulate, such as 32k:4B",
			func(_, text string) error {
				_, err := parseRamp(text)
				return err
			}),
	}
}

// parseRamp parses the setting batch-ramp; an empty one is no ramp.
func parseRamp(text string) (r train.Ramp, err error) {
	if text == "" {
		return r, nil
	}
	first, length, ok := strings.Cut(text, ":")
	if !ok {
		return r, usage.Errorf("--batch-ramp %s: want the tokens of the first updates and those over which they grow, as in 32k:4B", text)
	}
	for _, part := range []struct {
		text string
		into *int64
	}{{first, &r.Start}, {length, &r.Length}} {
		if *part.into, err = setting.ParseCount(part.text); err != nil {
			return r, usage.Errorf("--batch-ramp %s: %w", text, err)
		}
		if *part.into == 0 {
			return r, usage.Errorf("--batch-ramp %s: want 1 token or more for both", text)
		}
	}
	return r, nil
}

// tokens parses a setting that counts tokens; otherwise is its value if it is empty.
func tokens(text string, otherwise int64) (int64, error) {
	if text == "" {
		return otherwise, nil
	}
	return setting.ParseCount(text)
}

// inTokens reports whether the learning rate depends on tokens, since updates need not have the
// same size.
func (r Recipe) inTokens() bool {
	return r.Tokens != "" || r.WarmupTokens != "" || r.DecayTokens != "" || r.BatchRamp != ""
}

// task returns a task with the recipe's sizes, but without model or text.
func (r Recipe) task() (*train.NextToken, error) {
	ramp, err := parseRamp(r.BatchRamp)
	unit := float64(r.Batch) * float64(r.Context)
	full := unit * float64(r.Accumulate)
	switch {
	case err != nil:
		return nil, err
	case full > math.MaxInt32*1e6: // a generous bound, below which nothing here overflows
		return nil, usage.Errorf("--batch %d, --context %d and --accumulate %d are %.3g tokens in an update: too many", r.Batch, r.Context, r.Accumulate, full)
	case r.BatchRamp != "" && r.Accumulate == 1:
		return nil, usage.Errorf("--batch-ramp %s: with --accumulate 1 all updates are one batch, which cannot grow", r.BatchRamp)
	case r.BatchRamp != "" && (float64(ramp.Start) < unit/2 || float64(ramp.Start) > full):
		return nil, usage.Errorf("--batch-ramp %s: want first updates of %.0f tokens (--batch × --context) to %.0f (× --accumulate)", r.BatchRamp, unit, full)
	}
	return &train.NextToken{Batch: r.Batch, Context: r.Context, Accumulate: r.Accumulate, Ramp: ramp, EvalBatches: r.EvalBatches}, nil
}

// complete checks a recipe, and sets its steps if its length is given in tokens.
func (r *Recipe) complete() error {
	if err := r.Validate(); err != nil {
		return err
	}
	all, err := tokens(r.Tokens, 0)
	if err != nil || r.Tokens == "" {
		return err
	}
	task, err := r.task()
	if err != nil {
		return err
	}
	if all == 0 || all > math.MaxInt64/2 { // the last update may exceed it
		return usage.Errorf("--tokens %s: want 1 to 4.6e18", r.Tokens)
	}
	updates, err := task.Updates(all)
	r.Steps = int(updates)
	return err
}

// MakeTokenSchedule returns the schedule that the recipe names if the recipe counts tokens, and
// otherwise nil. Without WarmupTokens, the warmup has the tokens of the warmup updates.
func (r Recipe) MakeTokenSchedule() (train.TokenSchedule, error) {
	if !r.inTokens() {
		return nil, nil
	}
	warmup, decay, err := r.spans()
	if err != nil {
		return nil, err
	}
	s, err := train.ParseTokenSchedule(r.Schedule, r.LearnRate, r.LearnRate*r.Floor, warmup, decay)
	return s, usage.Of(err)
}

// rates returns the learning rate of each update, counted from 0.
func (r Recipe) rates() (func(update int) (float64, error), error) {
	schedule, err := r.MakeSchedule()
	if err != nil {
		return nil, err
	}
	byTokens, err := r.MakeTokenSchedule()
	if err != nil || byTokens == nil {
		return func(update int) (float64, error) { return schedule(update), nil }, err
	}
	task, err := r.task()
	return func(update int) (float64, error) {
		n, err := task.Tokens(int64(update) + 1)
		return byTokens(n), err
	}, err
}

// spans returns the tokens over which the learning rate rises, and those after which it is at its
// floor.
func (r Recipe) spans() (warmup, decay int64, err error) {
	task, err := r.task()
	if err != nil {
		return 0, 0, err
	}
	span := func(text string, updates int) (n int64, err error) {
		if n, err = task.Tokens(int64(updates)); err != nil {
			return 0, err
		}
		return tokens(text, n)
	}
	if warmup, err = span(r.WarmupTokens, r.climb()); err != nil {
		return 0, 0, err
	}
	all, err := span(r.Tokens, r.Steps)
	if err != nil {
		return 0, 0, err
	}
	decay, err = tokens(r.DecayTokens, all)
	return warmup, decay, err
}

// plateau returns the last step before the rate of schedule wsd falls, 0 for other schedules.
func (r Recipe) plateau() (int, error) {
	if r.Schedule != "wsd" {
		return 0, nil
	}
	if !r.inTokens() {
		return int(train.PlateauEnd(int64(r.climb()), int64(r.Steps))), nil
	}
	warmup, decay, err := r.spans()
	if err != nil {
		return 0, err
	}
	task, err := r.task()
	if err != nil {
		return 0, err
	}
	end := train.PlateauEnd(warmup, decay)
	updates, err := task.Updates(end)
	if err != nil {
		return 0, err
	}
	if done, err := task.Tokens(updates); err != nil {
		return 0, err
	} else if done > end {
		updates--
	}
	return int(min(updates, int64(r.Steps))), nil
}
