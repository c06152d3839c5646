package setting

import (
	"math"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/internal/usage"
)

// countUnits maps the suffixes of counts to factors.
var countUnits = map[string]float64{"": 1, "k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}

// ParseCount reads a count, such as a number of tokens: digits, or a number followed by k, M, B or T for
// thousands, millions, billions (1e9) and trillions, as in 300B, 0.5M and 1e9. A count is a non-negative integer
// that fits an int64.
func ParseCount(text string) (int64, error) {
	number := strings.TrimRight(text, "kKMBT")
	unit, ok := countUnits[text[len(number):]]
	if n, err := strconv.ParseInt(number, 10, 64); err == nil && unit == 1 && n >= 0 {
		return n, nil
	}
	x, err := strconv.ParseFloat(number, 64)
	x *= unit
	switch {
	case !ok || strings.Trim(number, "0123456789.eE+") != "" || err != nil && !math.IsInf(x, 1):
		return 0, usage.Errorf("%q is not a count: want one such as 300000, 300k, 2.5M, 300B or 1T", text)
	case x >= math.MaxInt64:
		return 0, usage.Errorf("%s: too many; want less than 9.2e18", text)
	case math.Abs(x-math.Round(x)) > 1e-6*x: // 32.3·1e3 is a little less than 32300
		return 0, usage.Errorf("%s is not a whole number", text)
	}
	return int64(math.Round(x)), nil
}

// NewCount returns a setting that [ParseCount] can read; the empty string means none. In a recipe, its value may
// be a number or a quoted string.
func NewCount(name string, at *string, help string) Setting {
	s := New(name, at, "", help, IsCount)
	s.count = true
	return s
}

// IsCount accepts what [ParseCount] reads, and the empty string, which means none.
func IsCount(name, text string) error {
	if text == "" {
		return nil
	}
	if _, err := ParseCount(text); err != nil {
		return usage.Errorf("--%s: %w", name, err)
	}
	return nil
}
