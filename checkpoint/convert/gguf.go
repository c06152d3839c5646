package convert

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// wholeTokenizer returns the tokenizer for a file that contains one, or nil if none is known.
func wholeTokenizer(o *checkpoint.Origin, m models.Model) (tok tokenizer.Tokenizer, about string, err error) {
	tok, err = tokenizer.LoadFS(o.Files, o.Where("."))
	switch known, is := inferred(o, m); {
	case err == nil:
		return tok, "in the file", nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, "", err
	case is:
		tok, err = known.Tokenizer()
		return tok, known.Name + ", inferred from the vocabulary size, in the file", err
	}
	return nil, "no files next to the weights: the GGUF file will take and return only token ids", nil
}

// saveGGUF writes a file of llama.cpp.
func (c *conversion) saveGGUF(o *checkpoint.Origin, m models.Model, params *graph.Params, tok tokenizer.Tokenizer, r *Result) error {
	ends, err := o.Ends()
	if err != nil {
		return err
	}
	vocab := models.DimsOf(m).Vocab
	ends = slices.DeleteFunc(slices.Clone(ends), func(id int) bool { return id >= vocab })
	if tok != nil && len(ends) == 0 {
		if id, ok := tok.EndOfText(); ok {
			ends = []int{id}
		} else {
			r.Notes = append(r.Notes, "no token is known to end a text; llama.cpp takes some other token for one, by its number")
		}
	}
	template, err := fs.ReadFile(o.Files, "chat_template.jinja")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", o.Where("chat_template.jinja"), weights.Bare(err))
	}
	if n := checkpoint.GGUFEnds; len(ends) > n {
		r.Notes = append(r.Notes, fmt.Sprintf("of the end-of-text tokens %v, the file has only the first %d: llama.cpp has no place for more", ends, n))
	}
	if tok != nil {
		if taking := tokenizer.Taking(tok); len(taking) > 0 {
			r.Notes = append(r.Notes, fmt.Sprintf("%s of the tokenizer, such as %q, absorb adjacent white space or match only whole words, which the file cannot record: text around such a token gets different ids", plural.Of(len(taking), "token"), taking[0].Text))
		}
	}
	file := checkpoint.GGUF{
		Name: r.Model, Model: m, Params: params, DType: c.dtype, Tables: c.tables, Tokenizer: tok, Template: string(template), Ends: ends,
	}
	uneven, matrices, first, err := file.Uneven()
	switch per, _ := c.dtype.Block(); {
	case err != nil:
		return fmt.Errorf("%s: %w", c.out, err)
	case uneven > 0 && uneven == matrices:
		return fmt.Errorf("number type %s: no matrix of the model has rows that are a multiple of %d numbers long, as %[1]s requires; f16 works for any", c.named, per)
	case uneven > 0:
		r.Notes = append(r.Notes, fmt.Sprintf("%d of %d matrices are F16, since their rows are not a multiple of %d numbers long: %s", uneven, matrices, per, first))
	}
	return checkpoint.SaveGGUF(c.out, file)
}
