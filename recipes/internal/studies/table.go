package studies

import (
	"fmt"
	"io"
	"strings"

	"gonum.org/v1/gonum/stat"
)

// Table writes rows of cells under a header, in Markdown.
func Table(w io.Writer, header []string, rows [][]string) {
	fmt.Fprintf(w, "| %s |\n|%s\n", strings.Join(header, " | "), strings.Repeat(" --- |", len(header)))
	for _, r := range rows {
		fmt.Fprintf(w, "| %s |\n", strings.Join(r, " | "))
	}
}

// Spread is a mean with the standard deviation of a sample, by a format for both such as "%.1f".
func Spread(format string, values []float64) string {
	if len(values) == 1 {
		return fmt.Sprintf(format, values[0])
	}
	mean, deviation := stat.MeanStdDev(values, nil)
	return fmt.Sprintf(format, mean) + " ± " + strings.TrimPrefix(fmt.Sprintf(format, deviation), "+")
}
