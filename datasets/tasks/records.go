package tasks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// isRecords reports whether a file holds JSON records or is Parquet, by its name or its beginning.
func isRecords(path string, data []byte) bool {
	return slices.Contains([]string{".jsonl", ".json", ".ndjson", ".parquet"}, filepath.Ext(path)) || isParquet(data)
}

// eachRecord calls parse with each record, as JSON, of JSON lines, a JSON list or a Parquet file.
// Its errors name the file and the line, or the number of the record if there are no lines.
func eachRecord(path string, data []byte, parse func(number int, text []byte) error) error {
	each := eachLine
	switch {
	case isParquet(data), filepath.Ext(path) == ".parquet":
		each = eachParquet
	case bytes.HasPrefix(bytes.TrimSpace(data), []byte("[")):
		each = eachOfList
	}
	var located error
	err := each(data, func(number int, text []byte) error {
		if err := parse(number, text); err != nil {
			located = fmt.Errorf("%s:%d: %w", path, number, err)
		}
		return located
	})
	if err != nil && located == nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return located
}

func eachLine(data []byte, parse func(number int, text []byte) error) error {
	number := 0
	for text := range bytes.SplitSeq(data, []byte("\n")) {
		number++
		if text = bytes.TrimSpace(text); len(text) == 0 {
			continue
		}
		if err := parse(number, text); err != nil {
			return err
		}
	}
	return nil
}

func eachOfList(data []byte, parse func(number int, text []byte) error) error {
	var list []json.RawMessage
	if err := plainjson.Unmarshal(data, &list); err != nil {
		return err
	}
	for i, text := range list {
		if err := parse(i+1, text); err != nil {
			return err
		}
	}
	return nil
}

func readJSONRows(path string, data []byte) ([]row, error) {
	var rows []row
	err := eachRecord(path, data, func(number int, text []byte) error {
		var object map[string]json.RawMessage
		if err := plainjson.Unmarshal(text, &object); err != nil {
			return err
		}
		values := make(map[string]string, len(object))
		for k, v := range object {
			switch v[0] {
			case '"':
				var s string
				if err := plainjson.Unmarshal(v, &s); err != nil {
					return err
				}
				values[k] = s
			case 'n':
				values[k] = "" // null
			case '{', '[': // not text
			default:
				values[k] = string(v) // a number as it is written: 1000000 is not 1e+06
			}
		}
		rows = append(rows, row{number, values})
		return nil
	})
	return rows, err
}
