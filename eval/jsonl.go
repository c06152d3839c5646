package eval

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// eachLine calls parse for each line of a file that is not blank, and adds the file and the line
// number to its errors. A line is valid until the next.
func eachLine(path string, r io.Reader, parse func(line []byte) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	n := 1
	for ; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		if err := parse(line); err != nil {
			return fmt.Errorf("%s:%d: %w", path, n, err)
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("%s:%d: a line of more than 16 MB", path, n)
	}
	return lines.Err()
}

// jsonText returns the string under the first of the keys that a JSON line has.
func jsonText(line []byte, keys ...string) (text string, err error) {
	var row map[string]json.RawMessage
	if err := plainjson.Unmarshal(line, &row); err != nil {
		return "", err
	}
	for _, key := range keys {
		if value := row[key]; value != nil {
			if err = plainjson.Unmarshal(value, &text); err != nil {
				return "", fmt.Errorf("key %s: %w", key, err)
			}
			if strings.Trim(text, " ") == "" {
				return "", fmt.Errorf("key %s: an empty text", key)
			}
			return text, nil
		}
	}
	return "", fmt.Errorf("no key %s", strings.Join(keys, " or "))
}
