package train

import (
	"fmt"
	"math"
	"slices"

	"github.com/gorgpt/gorgpt/internal/nearest"
)

// A Schedule gives the learning rate of update i, counting from 0.
type Schedule func(i int) float64

// Cosine rises linearly to high over the first warmup updates, falls along half a cosine to low at
// update decay, and stays there: the schedule of GPT-1 (Radford et al. 2018, §4.1) and GPT-3.
// Update i of the warmup has rate high·(i+1)/(warmup+1), so no update is wasted on a rate of zero.
func Cosine(high, low float64, warmup, decay int) Schedule {
	return warmed(high, low, warmup, decay, func(x float64) float64 {
		return (1 + math.Cos(math.Pi*x)) / 2
	})
}

// Linear is [Cosine] with a linear fall, as in the fine-tuning of GPT-1.
func Linear(high, low float64, warmup, decay int) Schedule {
	return warmed(high, low, warmup, decay, func(x float64) float64 { return 1 - x })
}

// Constant rises as [Cosine] does and stays at rate.
func Constant(rate float64, warmup int) Schedule {
	return warmed(rate, rate, warmup, math.MaxInt, func(float64) float64 { return 1 })
}

// WSD rises as [Cosine] does, stays at high until update fall, and falls linearly to low at update
// decay: warmup, stable, decay (Hu et al. 2024, "MiniCPM", §4.2). A run can be continued from any
// point of the stable part, to any length.
func WSD(high, low float64, warmup, fall, decay int) Schedule {
	descent := Linear(high, low, 0, decay-fall)
	climb := Constant(high, warmup)
	return func(i int) float64 {
		if i < fall {
			return climb(i)
		}
		return descent(i - fall)
	}
}

// wsdShare is the part of a run over which ParseSchedule's WSD falls: the paper finds a tenth
// enough, and a longer fall no better than cosine.
const wsdShare = 0.1

// PlateauEnd returns the update, or the token, from which the rate of [ParseSchedule]'s wsd falls.
// Until then the rate does not depend on the length of the run.
func PlateauEnd(warmup, decay int64) int64 {
	return max(warmup, decay-int64(wsdShare*float64(decay)))
}

// warmed puts the warmup before a fall, which maps [0, 1] to [1, 0].
func warmed(high, low float64, warmup, decay int, fall func(x float64) float64) Schedule {
	return func(i int) float64 {
		switch {
		case i < warmup:
			return high * float64(i+1) / float64(warmup+1)
		case i >= decay:
			return low
		}
		x := float64(i-warmup) / float64(decay-warmup)
		return low + fall(x)*(high-low)
	}
}

// schedules are the names ParseSchedule knows.
var schedules = []string{"cosine", "linear", "wsd", "constant"}

// ParseSchedule returns the schedule with the given name: "cosine", "linear", "wsd", which falls
// over the last tenth, or "constant", which ignores low and decay.
func ParseSchedule(name string, high, low float64, warmup, decay int) (Schedule, error) {
	if err := checkSchedule(name, high, low, int64(warmup), int64(decay), "update"); err != nil {
		return nil, err
	}
	switch name {
	case "cosine":
		return Cosine(high, low, warmup, decay), nil
	case "linear":
		return Linear(high, low, warmup, decay), nil
	case "wsd":
		return WSD(high, low, warmup, int(PlateauEnd(int64(warmup), int64(decay))), decay), nil
	}
	return Constant(high, warmup), nil
}

// A TokenSchedule gives the learning rate of the update that completes the given number of tokens.
// Where batches grow, updates and tokens are not in proportion.
type TokenSchedule func(tokens int64) float64

// ParseTokenSchedule returns the schedule with the given name, one of those of [ParseSchedule], in
// tokens. The rate rises from 0 in proportion to the tokens, is high after warmup tokens, as in
// GPT-3 (Brown et al. 2020, appendix B: 375 million), and low from decay tokens on (260 billion, of
// 300).
func ParseTokenSchedule(name string, high, low float64, warmup, decay int64) (TokenSchedule, error) {
	if err := checkSchedule(name, high, low, warmup, decay, "token"); err != nil {
		return nil, err
	}
	from, fall := warmup, func(x float64) float64 { return (1 + math.Cos(math.Pi*x)) / 2 }
	switch name {
	case "linear":
		fall = func(x float64) float64 { return 1 - x }
	case "wsd":
		from, fall = PlateauEnd(warmup, decay), func(x float64) float64 { return 1 - x }
	case "constant":
		from, decay = math.MaxInt64, math.MaxInt64
	}
	return func(tokens int64) float64 {
		switch {
		case tokens < warmup:
			return high * float64(tokens) / float64(warmup)
		case tokens <= from:
			return high
		case tokens >= decay:
			return low
		}
		return low + fall(float64(tokens-from)/float64(decay-from))*(high-low)
	}, nil
}

// checkSchedule reports what is wrong with the settings of a schedule that counts the given unit.
func checkSchedule(name string, high, low float64, warmup, decay int64, unit string) error {
	switch {
	case !(high > 0) || math.IsInf(high, 0):
		return fmt.Errorf("learning rate is %v, want a number above 0", high)
	case warmup < 0:
		return fmt.Errorf("warm-up is %d %ss, want 0 or more", warmup, unit)
	case !slices.Contains(schedules, name):
		return nearest.Unknown("schedule", name, schedules)
	case name == "constant":
	case !(low >= 0 && low <= high):
		return fmt.Errorf("lowest learning rate is %v, want 0 to %v", low, high)
	case decay < warmup:
		return fmt.Errorf("the learning rate reaches its lowest value at %s %d, before the warm-up of %d ends", unit, decay, warmup)
	}
	return nil
}
