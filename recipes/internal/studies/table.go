package studies

import (
	"fmt"
	"io"
	"strings"

	"gonum.org/v1/gonum/stat"
)

// Table writes a table in Markdown.
func Table(w io.Writer, header []string, rows [][]string) {
	fmt.Fprintf(w, "| %s |\n|%s\n", strings.Join(header, " | "), strings.Repeat(" --- |", len(header)))
	for _, r := range rows {
		fmt.Fprintf(w, "| %s |\n", strings.Join(r, " | "))
	}
}

// Spread returns the mean of the values with their sample standard deviation, both in a format such as "%.1f".
func Spread(format string, values []float64) string {
	if len(values) == 1 {
		return fmt.Sprintf(format, values[0])
	}
	mean, deviation := stat.MeanStdDev(values, nil)
	return fmt.Sprintf(format, mean) + " ± " + strings.TrimPrefix(fmt.Sprintf(format, deviation), "+")
}
