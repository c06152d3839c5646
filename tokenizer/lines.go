package tokenizer

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gorgpt/gorgpt/internal/plainjson"
	"github.com/gorgpt/gorgpt/internal/plaintext"
)

// Lines converts texts, one a line, to JSON arrays of ids, or the reverse.
type Lines struct {
	Decode  bool // convert ids to text
	JSONL   bool // texts are JSON objects: {"text": …}, or {"b64": …} for bytes that are not UTF-8
	Special bool // special tokens written in a text become their ids
	Count   bool // write the number of ids instead of the ids

	tok  Tokenizer
	ids  []int
	text []byte
}

// Convert reads lines until the end of r and writes one line for each.
func (t Lines) Convert(tok Tokenizer, r io.Reader, w io.Writer) error {
	t.tok = tok
	in, out := bufio.NewReaderSize(r, 1<<20), bufio.NewWriterSize(w, 1<<20)
	plaintext.Skip(in)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return errors.Join(err, out.Flush())
		}
		if err == io.EOF && len(line) == 0 {
			return out.Flush()
		}
		answer, problem := t.line(bytes.TrimSuffix(line, []byte("\n")))
		if problem != nil {
			return errors.Join(fmt.Errorf("line %d: %w", n, problem), out.Flush())
		}
		out.Write(answer) // Flush returns the error
		if err := out.WriteByte('\n'); err != nil {
			return err
		}
		if in.Buffered() == 0 { // a caller may be waiting for the answer
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
}

// line converts a line.
func (t *Lines) line(line []byte) ([]byte, error) {
	if t.Decode {
		return t.decoded(line)
	}
	if t.JSONL {
		var err error
		if line, err = record(line); err != nil {
			return nil, err
		}
	}
	encode := t.tok.Append
	if t.Special {
		encode = func(ids []int, text []byte) ([]int, error) { return AppendSpecial(t.tok, ids, text) }
	}
	var err error
	if t.ids, err = encode(t.ids[:0], line); err != nil {
		return nil, err
	}
	if t.Count {
		return strconv.AppendInt(t.text[:0], int64(len(t.ids)), 10), nil
	}
	t.text = append(t.text[:0], '[')
	for i, id := range t.ids {
		if i > 0 {
			t.text = append(t.text, ',')
		}
		t.text = strconv.AppendInt(t.text, int64(id), 10)
	}
	t.text = append(t.text, ']')
	return t.text, nil
}

// record returns the text in a JSON object.
func record(line []byte) ([]byte, error) {
	var r struct {
		Text *string `json:"text"`
		B64  *[]byte `json:"b64"`
	}
	if err := plainjson.CheckText(line); err != nil { // the decoder would put U+FFFD there
		return nil, fmt.Errorf(`%w; write such bytes as {"b64": …}`, err)
	}
	if err := plainjson.Unmarshal(line, &r); err != nil {
		var corrupt base64.CorruptInputError
		if errors.As(err, &corrupt) {
			return nil, fmt.Errorf(`not {"text": …} or {"b64": …}: not base64 at byte %d`, int64(corrupt))
		}
		return nil, errors.New(`not {"text": …} or {"b64": …}`)
	}
	switch {
	case (r.Text == nil) == (r.B64 == nil):
		return nil, errors.New(`want one of "text" and "b64"`)
	case r.Text != nil:
		return []byte(*r.Text), nil
	}
	return *r.B64, nil
}

// notIDs returns an error that says why a line is not an array of ids, without the decoder's names for types.
func notIDs(line []byte, err error) error {
	var typed *json.UnmarshalTypeError
	if errors.As(err, &typed) && json.Valid(line) && bytes.HasPrefix(bytes.TrimSpace(line), []byte("[")) {
		return fmt.Errorf("%s is not an id; want whole numbers, as in [15496, 995]", strings.TrimPrefix(typed.Value, "number "))
	}
	return errors.New("not an array of ids, as in [15496, 995]")
}

// decoded returns the text of a JSON array of ids.
func (t *Lines) decoded(line []byte) ([]byte, error) {
	t.ids = t.ids[:0]
	err := json.Unmarshal(line, &t.ids)
	if err != nil || bytes.Contains(line, []byte("null")) { // which the decoder takes for 0
		return nil, notIDs(line, err)
	}
	if t.text, err = Text(t.tok, t.ids); err != nil || !t.JSONL {
		return t.text, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if utf8.Valid(t.text) {
		err = e.Encode(map[string]string{"text": string(t.text)})
	} else {
		err = e.Encode(map[string][]byte{"b64": t.text})
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
