package train

import (
	"fmt"
	"math"

	"github.com/gorgpt/gorgpt/internal/nearest"
)

// A Schedule gives the learning rate of update i, counting from 0.
type Schedule func(i int) float64

// Cosine climbs linearly to high over the first warmup updates, falls along
// half a cosine to low at update decay, and stays there: the schedule of
// GPT-1 (Radford et al. 2018, §4.1) and GPT-3. Update i of the climb has rate
// high·(i+1)/(warmup+1), so no update is lost to a rate of zero.
func Cosine(high, low float64, warmup, decay int) Schedule {
	return warmed(high, low, warmup, decay, func(x float64) float64 {
		return (1 + math.Cos(math.Pi*x)) / 2
	})
}

// Linear is [Cosine] with a straight fall, as in the fine-tuning of GPT-1.
func Linear(high, low float64, warmup, decay int) Schedule {
	return warmed(high, low, warmup, decay, func(x float64) float64 { return 1 - x })
}

// Constant climbs as [Cosine] does and stays at rate.
func Constant(rate float64, warmup int) Schedule {
	return warmed(rate, rate, warmup, math.MaxInt, func(float64) float64 { return 1 })
}

// WSD climbs as [Cosine] does, stays at high until update fall, and goes straight to low
// at update decay: warm-up, stable, decay (Hu et al. 2024, "MiniCPM", §4.2). A run can be
// carried on from any point of the stable part, however long it is to become.
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

// wsdShare is the part of a run over which ParseSchedule's WSD falls: the paper finds
// a tenth enough, and more no better than cosine.
const wsdShare = 0.1

// warmed puts the climb before a fall, which maps [0, 1] to [1, 0].
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

// ParseSchedule returns the schedule of a name: "cosine", "linear", "wsd",
// whose last tenth falls, or "constant", which has no use for low and decay.
func ParseSchedule(name string, high, low float64, warmup, decay int) (Schedule, error) {
	switch {
	case !(high > 0) || math.IsInf(high, 0):
		return nil, fmt.Errorf("learning rate is %v, want a number above 0", high)
	case warmup < 0:
		return nil, fmt.Errorf("warm-up is %d updates, want 0 or more", warmup)
	}
	if name == "constant" {
		return Constant(high, warmup), nil
	}
	var make func(high, low float64, warmup, decay int) Schedule
	switch name {
	case "cosine":
		make = Cosine
	case "linear":
		make = Linear
	case "wsd":
		make = func(high, low float64, warmup, decay int) Schedule {
			return WSD(high, low, warmup, max(warmup, decay-int(wsdShare*float64(decay))), decay)
		}
	default:
		return nil, nearest.Unknown("schedule", name, schedules)
	}
	switch {
	case !(low >= 0 && low <= high):
		return nil, fmt.Errorf("least learning rate is %v, want 0 to %v", low, high)
	case decay < warmup:
		return nil, fmt.Errorf("the learning rate reaches its least at update %d, before the warm-up of %d ends", decay, warmup)
	}
	return make(high, low, warmup, decay), nil
}
