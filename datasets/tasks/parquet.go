package tasks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
)

func isParquet(data []byte) bool { return bytes.HasPrefix(data, []byte("PAR1")) }

// eachParquet gives each row of a Parquet file as a JSON object. Numbers are written as
// pandas writes them, so a class that is a column of floats is "1.0".
func eachParquet(data []byte, parse func(number int, text []byte) error) (err error) {
	defer func() { // the library panics on some damaged files
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("damaged: %v", panicked)
		}
	}()
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)), parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return fmt.Errorf("not a Parquet file: %w", err)
	}
	columns := parquetColumns(f.Schema())
	number := 0
	for _, group := range f.RowGroups() {
		rows := group.Rows()
		err := eachRow(rows, func(r parquet.Row) error {
			number++
			object := make(map[string]any)
			for _, v := range r {
				if err := columns[v.Column()].put(object, v); err != nil {
					return fmt.Errorf("row %d: %w", number, err)
				}
			}
			text, err := json.Marshal(object)
			if err != nil {
				return err
			}
			return parse(number, text)
		})
		if err := errors.Join(err, rows.Close()); err != nil {
			return err
		}
	}
	return nil
}

func eachRow(rows parquet.Rows, do func(parquet.Row) error) error {
	buf := make([]parquet.Row, 64)
	for {
		n, err := rows.ReadRows(buf)
		for _, r := range buf[:n] {
			if err := do(r); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return io.ErrNoProgress
		}
	}
}

// parquetColumn is where the values of a column go.
type parquetColumn struct {
	path []string // in objects
	list bool
	deep bool // lists in lists, which nothing here reads
}

func parquetColumns(s *parquet.Schema) []parquetColumn {
	var all []parquetColumn
	for _, path := range s.Columns() {
		leaf, _ := s.Lookup(path...)
		c := parquetColumn{path: path, list: leaf.MaxRepetitionLevel > 0, deep: leaf.MaxRepetitionLevel > 1}
		if i := slices.Index(path, "list"); c.list && i > 0 {
			c.path = path[:i] // below are the format's own names
		}
		all = append(all, c)
	}
	return all
}

// put adds a value to an object.
func (c parquetColumn) put(object map[string]any, v parquet.Value) error {
	if v.IsNull() || c.deep {
		return nil
	}
	value, err := jsonOf(v)
	if err != nil {
		return fmt.Errorf("column %s %w", strings.Join(c.path, "."), err)
	}
	last := len(c.path) - 1
	for _, name := range c.path[:last] {
		below, ok := object[name].(map[string]any)
		if !ok {
			below = make(map[string]any)
			object[name] = below
		}
		object = below
	}
	if c.list {
		list, _ := object[c.path[last]].([]any)
		value = append(list, value)
	}
	object[c.path[last]] = value
	return nil
}

func jsonOf(v parquet.Value) (any, error) {
	switch v.Kind() {
	case parquet.Boolean:
		return v.Boolean(), nil
	case parquet.Int32, parquet.Int64:
		return v.Int64(), nil
	case parquet.Float:
		return float(float64(v.Float()), 32), nil
	case parquet.Double:
		return float(v.Double(), 64), nil
	}
	if !utf8.Valid(v.ByteArray()) {
		return nil, errors.New("holds bytes that are no UTF-8")
	}
	return string(v.ByteArray()), nil
}

// float is a JSON number with a point or an exponent in it, or null.
func float(x float64, bits int) any {
	if x-x != 0 {
		return nil
	}
	format := byte('f')
	if a := math.Abs(x); a != 0 && (a < 1e-4 || a >= 1e16) {
		format = 'e'
	}
	text := strconv.FormatFloat(x, format, -1, bits)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return json.RawMessage(text)
}
