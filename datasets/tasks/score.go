package tasks

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/stat"
)

// mostSteps is the length of the longest scale of whole numbers that is inferred from examples,
// such as grades from 0 to 10. A longer scale would have too few examples of each value.
const mostSteps = 10

// MaxSteps is the length of the longest scale of whole numbers that may be given.
const MaxSteps = 1000

// Fit returns the task fitted to its training examples. If the range of scores is not given,
// they are taken for a scale of whole numbers if they are whole and span few of them; otherwise
// their mean and deviation are set. Examples that are all alike are an error.
func (t Task) Fit(examples []Example) (Task, error) {
	if t.Kind == MultipleChoice {
		return t, nil
	}
	alike := len(examples) > 0
	for _, e := range examples {
		alike = alike && e.Label == examples[0].Label && e.Score == examples[0].Score
	}
	if alike {
		what := fmt.Sprintf("have the score %g", examples[0].Score)
		if !t.Regression {
			what = "are " + t.Labels[examples[0].Label]
		}
		return t, fmt.Errorf("all %d examples %s: there is nothing to tell apart", len(examples), what)
	}
	if !t.Regression || t.given || len(examples) == 0 {
		return t, nil
	}
	scores := make([]float64, len(examples))
	whole := true
	t.Low, t.High, t.Mean, t.Deviation = math.Inf(1), math.Inf(-1), 0, 0
	for i, e := range examples {
		scores[i] = e.Score
		t.Low, t.High = min(t.Low, e.Score), max(t.High, e.Score)
		whole = whole && e.Score == math.Trunc(e.Score)
	}
	if whole && t.High-t.Low <= mostSteps {
		return t, nil
	}
	largest := max(-t.Low, t.High) // the squares of scores may overflow
	for i := range scores {
		scores[i] /= largest
	}
	mean := stat.Mean(scores, nil)
	t.Mean, t.Deviation = mean*largest, math.Sqrt(stat.MomentAbout(2, scores, mean, nil))*largest
	if !(t.Deviation > 0) {
		return t, fmt.Errorf("the %d scores from %g to %g are too close together to be told apart", len(examples), t.Low, t.High)
	}
	return t, nil
}

// ParseRange parses a scale of whole numbers, as in 0:5.
func ParseRange(text string) (low, high float64, err error) {
	first, second, _ := strings.Cut(text, ":")
	low, err = strconv.ParseFloat(first, 64)
	if err == nil {
		high, err = strconv.ParseFloat(second, 64)
	}
	if err != nil {
		return 0, 0, errors.New("want two whole numbers, as in 0:5")
	}
	return low, high, checkRange(low, high)
}

// checkRange returns an error unless a given scale is a valid one of whole numbers.
func checkRange(low, high float64) error {
	if low != math.Trunc(low) || high != math.Trunc(high) || !(high > low) || high-low > MaxSteps {
		return fmt.Errorf("a range of scores from %g to %g: want whole numbers, the second the larger by at most %d", low, high, MaxSteps)
	}
	return nil
}
