package tasks

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/gorgpt/gorgpt/internal/parquetfile"
)

func isParquet(data []byte) bool { return bytes.HasPrefix(data, []byte("PAR1")) }

// eachParquet calls parse with each row of a Parquet file as a JSON object. Numbers are written
// as pandas writes them, so a class in a column of floats is "1.0".
func eachParquet(data []byte, parse func(number int, text []byte) error) (err error) {
	defer func() { // the library panics on some damaged files
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("damaged: %v", panicked)
		}
	}()
	f, err := parquetfile.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	columns := parquetColumns(f.Schema(), leaves(f.Metadata().Schema))
	number := 0
	for _, group := range f.RowGroups() {
		rows := group.Rows()
		err := eachRow(rows, func(r parquet.Row) error {
			number++
			object := make(map[string]any)
			counts := make([]int, len(columns))
			for _, v := range r {
				i := v.Column()
				if err := columns[i].put(object, v, counts[i]); err != nil {
					return fmt.Errorf("row %d: column %s %w", number, strings.Join(columns[i].path, "."), err)
				}
				counts[i]++
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

// parquetColumn says where the values of a column go in a JSON object.
type parquetColumn struct {
	path    []string // keys in nested objects
	list    bool     // each value is an element of a list, or,
	below   []string // if not empty, at this path in an element that is an object
	element int      // definition level of a null value or element
	text    bool     // the file says that the bytes are UTF-8
	logical format.LogicalTypeValue
}

// leaves returns the elements of a schema that have values, in the order of the columns.
func leaves(schema []format.SchemaElement) []format.SchemaElement {
	return slices.DeleteFunc(slices.Clone(schema), func(e format.SchemaElement) bool { return !e.Type.Valid })
}

func parquetColumns(s *parquet.Schema, leaves []format.SchemaElement) []parquetColumn {
	var all []parquetColumn
	for i, path := range s.Columns() {
		leaf, _ := s.Lookup(path...)
		c := parquetColumn{path: path, list: leaf.MaxRepetitionLevel > 0, element: leaf.MaxDefinitionLevel - 1}
		if at := slices.Index(path, "list"); c.list && at > 0 && at+2 <= len(path) {
			c.path, c.below = path[:at], path[at+2:] // skipping the names that the format adds
		}
		c.text = leaf.Node.Type().String() == "STRING"
		if logical := leaf.Node.Type().LogicalType(); logical != nil {
			c.logical = logical.Value // also set for old files, which have no logical types
		} else if i < len(leaves) {
			c.logical = leaves[i].LogicalType.Value // for types that the library does not know, such as float16
		}
		if leaf.MaxRepetitionLevel > 1 {
			c.path = nil // lists of lists, which no task reads
		}
		all = append(all, c)
	}
	return all
}

// put adds the nth value of the column in a row to the row's object.
func (c parquetColumn) put(object map[string]any, v parquet.Value, nth int) error {
	if missing := v.IsNull() && v.DefinitionLevel() < c.element; missing || c.path == nil {
		return nil // an enclosing object or list is null, not the element itself
	}
	value, err := c.json(v)
	if err != nil {
		return err
	}
	if !c.list {
		return putAt(object, c.path, func(any) any { return value })
	}
	outer := putAt(object, c.path, func(list any) any {
		elements, _ := list.([]any)
		for len(elements) <= nth {
			elements = append(elements, nil)
		}
		if len(c.below) == 0 {
			elements[nth] = value
			return elements
		}
		element, ok := elements[nth].(map[string]any)
		if !ok {
			element = make(map[string]any)
		}
		elements[nth] = element
		err = putAt(element, c.below, func(any) any { return value })
		return elements
	})
	return cmp.Or(outer, err)
}

// putAt changes the value at a path of objects, which it creates as needed.
func putAt(object map[string]any, path []string, change func(any) any) error {
	last := len(path) - 1
	for _, name := range path[:last] {
		if object[name] == nil {
			object[name] = make(map[string]any)
		}
		below, ok := object[name].(map[string]any)
		if !ok {
			return errors.New("is inside a value that is not an object")
		}
		object = below
	}
	object[path[last]] = change(object[path[last]])
	return nil
}
