package tasks

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"github.com/gorgpt/gorgpt/internal/nearest"
)

// Metrics returns the names of the metrics for classes (accuracy, f1, macro_f1, matthews) and
// for scores (pearson, spearman, rmse).
func Metrics() []string {
	return []string{"accuracy", "f1", "macro_f1", "matthews", "pearson", "spearman", "rmse"}
}

// Measure returns the named metric of predictions against the truth. Both have a number per
// example: the index of a class, or a score. f1 is the F1 of class 1 of two; macro_f1 is the
// mean F1 of all classes that were predicted or true. A correlation with a constant is 0.
func Measure(metric string, predicted, truth []float64) (float64, error) {
	if len(predicted) != len(truth) || len(truth) == 0 {
		return 0, fmt.Errorf("tasks: %d predictions for %d examples", len(predicted), len(truth))
	}
	var value float64
	switch metric {
	case "accuracy":
		for i, p := range predicted {
			if p == truth[i] {
				value++
			}
		}
		value /= float64(len(truth))
	case "f1":
		if c := max(slices.Max(predicted), slices.Max(truth)); c > 1 {
			return 0, fmt.Errorf("tasks: f1 needs two classes, 0 and 1, but there is a class %g: use macro_f1", c)
		}
		value = scoreOf(1, predicted, truth).F1
	case "macro_f1":
		value = macroF1(predicted, truth)
	case "matthews":
		value = matthews(predicted, truth)
	case "pearson":
		value = correlation(predicted, truth)
	case "spearman":
		value = correlation(ranks(predicted), ranks(truth))
	case "rmse":
		return floats.Distance(predicted, truth, 2) / math.Sqrt(float64(len(truth))), nil
	default:
		return 0, nearest.Unknown("metric", metric, Metrics())
	}
	if math.IsNaN(value) {
		value = 0
	}
	return value, nil
}

// correlation returns Pearson's correlation, or 0 with a constant, whose variance may differ from 0 by rounding.
func correlation(x, y []float64) float64 {
	if slices.Min(x) == slices.Max(x) || slices.Min(y) == slices.Max(y) {
		return 0
	}
	return stat.Correlation(x, y, nil)
}

// Better reports whether one value of a metric is better than another: smaller for rmse, larger
// for all others.
func Better(metric string, value, than float64) bool {
	if metric == "rmse" {
		return value < than
	}
	return value > than
}

// ClassScore says how well a class is distinguished from all others. A value that is
// undefined, such as the precision of a class that was never predicted, is 0.
type ClassScore struct {
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"` // the harmonic mean of both
	Examples  int     `json:"examples"`

	predicted int
}

// ClassScores returns the score of each class.
func ClassScores(predicted, truth []float64, classes int) []ClassScore {
	all := make([]ClassScore, classes)
	for class := range all {
		all[class] = scoreOf(float64(class), predicted, truth)
	}
	return all
}

func scoreOf(class float64, predicted, truth []float64) (s ClassScore) {
	hits := 0
	for i, p := range predicted {
		if p == class {
			s.predicted++
		}
		if truth[i] == class {
			s.Examples++
			if p == class {
				hits++
			}
		}
	}
	if hits > 0 {
		s.Precision = float64(hits) / float64(s.predicted)
		s.Recall = float64(hits) / float64(s.Examples)
		s.F1 = 2 * float64(hits) / float64(s.predicted+s.Examples)
	}
	return s
}

func macroF1(predicted, truth []float64) float64 {
	sum, present := 0.0, 0
	for _, s := range ClassScores(predicted, truth, 1+int(max(slices.Max(predicted), slices.Max(truth)))) {
		if s.predicted+s.Examples > 0 {
			sum += s.F1
			present++
		}
	}
	return sum / float64(present)
}

// matthews returns Matthews' correlation coefficient for any number of classes (Gorodkin 2004).
func matthews(predicted, truth []float64) float64 {
	var right float64
	given, there := make(map[float64]float64), make(map[float64]float64)
	for i, p := range predicted {
		given[p]++
		there[truth[i]]++
		if p == truth[i] {
			right++
		}
	}
	n := float64(len(truth))
	var both, givenSquares, thereSquares float64
	for class, k := range given {
		both += k * there[class]
		givenSquares += k * k
	}
	for _, k := range there {
		thereSquares += k * k
	}
	return (right*n - both) / math.Sqrt((n*n-givenSquares)*(n*n-thereSquares))
}

// ranks returns the ranks of x, from 1; equal values share the mean of their ranks.
func ranks(x []float64) []float64 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case x[a] < x[b]:
			return -1
		case x[a] > x[b]:
			return 1
		}
		return 0
	})
	ranks := make([]float64, len(x))
	for lo := 0; lo < len(order); {
		hi := lo + 1
		for hi < len(order) && x[order[hi]] == x[order[lo]] {
			hi++
		}
		for _, i := range order[lo:hi] {
			ranks[i] = float64(lo+hi+1) / 2
		}
		lo = hi
	}
	return ranks
}

// Confusion counts examples by their class (row) and the predicted one (column).
func Confusion(predicted, truth []int, classes int) ([][]int, error) {
	if len(predicted) != len(truth) {
		return nil, fmt.Errorf("tasks: %d predictions for %d examples", len(predicted), len(truth))
	}
	counts := make([][]int, classes)
	for i := range counts {
		counts[i] = make([]int, classes)
	}
	for i, p := range predicted {
		if t := truth[i]; min(p, t) < 0 || max(p, t) >= classes {
			return nil, fmt.Errorf("tasks: example %d: class %d predicted for class %d, want classes below %d", i, p, t, classes)
		}
		counts[truth[i]][p]++
	}
	return counts, nil
}
