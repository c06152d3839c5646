package cli

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

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/internal/plainjson"
	"github.com/gorgpt/gorgpt/internal/plaintext"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/tokenizer"
)

func newTokenize() *cobra.Command {
	var (
		kind  string
		o     tokenizing
		count bool
	)
	cmd := &cobra.Command{
		Use:   "tokenize",
		Short: "Turn text into token ids, and back",
		Long: `Turn text into token ids, and back.

Each line of standard input is a text, without its line break; each line of standard
output is a JSON array of its ids. With --jsonl a line of input is a JSON object, with
the text in "text", or in "b64" in base64 for bytes that are not UTF-8. With --decode
it is the other way round: arrays in, texts out; with --jsonl as objects with "text",
or "b64" where the bytes are not UTF-8.

<|endoftext|> and its like in a text are text, unless --special is given. gpt1 finds
words by Hugging Face's path, the one without ftfy and spaCy, and is not lossless.`,
		Example: `  echo 'Hello world' | gorgpt tokenize
  echo '[15496, 995]' | gorgpt tokenize --decode
  gorgpt tokenize --tokenizer runs/x/checkpoints/best --jsonl < texts.jsonl`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.decode && o.special {
				return usage.Errorf("--special is for text; leave it out with --decode")
			}
			if o.decode && count {
				return usage.Errorf("--count is for text; leave it out with --decode")
			}
			tok, err := tokenizer.Find(kind, nil)
			if err != nil {
				return err
			}
			o.tok, o.count = tok, count
			return o.run(cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&kind, "tokenizer", "gpt2", "gpt2; bytes; gpt1:DIR, the folder with GPT-1's vocabulary; or a folder with tokenizer files, such as a checkpoint")
	f.BoolVar(&o.decode, "decode", false, "ids to text")
	f.BoolVar(&o.jsonl, "jsonl", false, `texts are JSON objects, {"text": …} or {"b64": …}`)
	f.BoolVar(&o.special, "special", false, "special tokens that are written in a text become their ids")
	f.BoolVar(&count, "count", false, "print how many ids a text has, instead of the ids")
	return cmd
}

// tokenizing is what tokenize does with lines.
type tokenizing struct {
	tok                           tokenizer.Tokenizer
	decode, jsonl, special, count bool
	ids                           []int
	text                          []byte
}

// run reads lines and writes lines.
func (t *tokenizing) run(r io.Reader, w io.Writer) error {
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
		if in.Buffered() == 0 { // who waits for an answer gets it
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
}

// line answers a line.
func (t *tokenizing) line(line []byte) ([]byte, error) {
	if t.decode {
		return t.decoded(line)
	}
	if t.jsonl {
		var err error
		if line, err = record(line); err != nil {
			return nil, err
		}
	}
	encode := t.tok.Append
	if t.special {
		encode = func(ids []int, text []byte) ([]int, error) { return tokenizer.AppendSpecial(t.tok, ids, text) }
	}
	var err error
	if t.ids, err = encode(t.ids[:0], line); err != nil {
		return nil, err
	}
	if t.count {
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

// record is the text of a JSON object.
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

// notIDs says why a line is not an array of ids, without the decoder's words for types.
func notIDs(line []byte, err error) error {
	var typed *json.UnmarshalTypeError
	if errors.As(err, &typed) && json.Valid(line) && bytes.HasPrefix(bytes.TrimSpace(line), []byte("[")) {
		return fmt.Errorf("%s is no id; want whole numbers, as in [15496, 995]", strings.TrimPrefix(typed.Value, "number "))
	}
	return errors.New("not an array of ids, as in [15496, 995]")
}

// decoded is the text of a JSON array of ids.
func (t *tokenizing) decoded(line []byte) ([]byte, error) {
	t.ids = t.ids[:0]
	err := json.Unmarshal(line, &t.ids)
	if err != nil || bytes.Contains(line, []byte("null")) { // which the decoder takes for 0
		return nil, notIDs(line, err)
	}
	if t.text, err = t.tok.AppendText(t.text[:0], t.ids); err != nil || !t.jsonl {
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
