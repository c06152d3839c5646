package tasks

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/internal/plaintext"
)

var errEmpty = errors.New("empty")

// row is a line of a table, as values by column name.
type row struct {
	line   int
	values map[string]string
}

// get returns the value of the first column that is present, of the names separated by bars.
func (r row) get(names string) (string, error) {
	for name := range strings.SplitSeq(names, "|") {
		if value, ok := r.values[name]; ok {
			if value = strings.TrimSpace(value); value == "" {
				return "", fmt.Errorf("%s is %w", name, errEmpty)
			}
			if err := plaintext.Check([]byte(value)); err != nil {
				return "", fmt.Errorf("column %s: %w", name, err)
			}
			return value, nil
		}
	}
	return "", fmt.Errorf("no column %s; the file has %s", strings.ReplaceAll(names, "|", " or "),
		strings.Join(slices.Sorted(maps.Keys(r.values)), ", "))
}

// readTable reads records, or else a table, which is tab-separated if its first line has a tab.
// torn is the number of lines left out.
func readTable(path string, c Columns) (rows []row, torn int, err error) {
	data, err := readFile(path)
	if err != nil {
		return nil, 0, err
	}
	if isRecords(path, data) {
		if rows, err = readJSONRows(path, data); err == nil && isParquet(data) && !c.own {
			nameClasses(rows, classNames(data))
		}
		return rows, 0, err
	}
	lines, err := c.readLines(data)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", path, err)
	}
	return c.rows(path, lines)
}

// line is a line of a table as fields without column names.
type line struct {
	number int
	fields []string
}

// rows names the fields of lines by the header, or by the known names of a table without one.
func (c Columns) rows(path string, lines []line) (rows []row, torn int, err error) {
	if len(lines) == 0 {
		return nil, 0, errors.New(path + ": no examples")
	}
	names := make([]string, len(lines[0].fields))
	for i, f := range lines[0].fields {
		names[i] = strings.TrimSpace(f)
	}
	known := c.names[len(names)]
	if !c.isHeader(names) && known != nil {
		names = known // further columns may follow in some lines, as in the original of STS-B
	} else {
		known, lines = nil, lines[1:]
	}
	for _, l := range lines {
		fields := l.fields
		if more := len(fields) - len(names); more > 0 && known == nil {
			fields = c.once(fields, names, more)
		}
		if n := len(fields); n < len(names) || n > len(names) && known == nil {
			if c.torn {
				torn++
				continue
			}
			return nil, 0, fmt.Errorf("%s:%d: %d columns, want %d", path, l.number, len(l.fields), len(names))
		}
		values := make(map[string]string, len(names))
		for i, name := range names {
			if _, twice := values[name]; !twice { // of columns with the same name, pandas keeps it for the first
				values[name] = fields[i]
			}
		}
		rows = append(rows, row{l.number, values})
	}
	return rows, torn, nil
}

// isHeader reports whether the column of the text is among names.
func (c Columns) isHeader(names []string) bool {
	for name := range strings.SplitSeq(c.Text, "|") {
		if slices.Contains(names, name) {
			return true
		}
	}
	return false
}

// once removes the extra fields of a column that a row has more often than the header, if all
// are labels. Otherwise the extra fields come from a text with a tab in it.
func (c Columns) once(fields, names []string, more int) []string {
	at := slices.Index(names, c.repeats) + 1
	if at == 0 || slices.ContainsFunc(fields[at-1:at+more], func(f string) bool { return !slices.Contains(c.repeated, f) }) {
		return fields
	}
	return slices.Delete(slices.Clone(fields), at, at+more)
}
