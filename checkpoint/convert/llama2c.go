package convert

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/checkpoint/llama2c"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// saveLlama2C writes a file of llama2.c, and the tokenizer beside it.
func (c *conversion) saveLlama2C(m models.Model, params *graph.Params) error {
	config, err := models.JSON(m, -1)
	if err != nil {
		return err
	}
	if err := checkpoint.SaveLlama2C(c.out, config, params); err != nil || c.pieces == nil {
		return err
	}
	return checkpoint.WriteFile(c.piecesPath(), func(w io.Writer) error {
		_, err := w.Write(c.pieces)
		return err
	})
}

// piecesPath is the path at which llama2.c looks for the tokenizer.
func (c *conversion) piecesPath() string {
	return filepath.Join(filepath.Dir(c.out), llama2c.TokenizerName)
}

// piecesOf makes llama2.c's tokenizer file, unless llama2.c would tokenize differently, and says what it did.
func (c *conversion) piecesOf(o *checkpoint.Origin) (about string, err error) {
	tok, err := tokenizer.LoadFS(o.Files, o.Where("."))
	if errors.Is(err, fs.ErrNotExist) {
		return "no files beside the weights", nil
	}
	var pieces tokenizer.Pieces
	if err == nil {
		pieces, err = tokenizer.ToPieces(tok)
	}
	if err == nil {
		c.pieces, err = llama2c.WritePieces(pieces)
	}
	if err != nil {
		return "not written: " + strings.Join(strings.Fields(err.Error()), " "), nil
	}
	if _, err := os.Lstat(c.piecesPath()); !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s exists; choose another folder: existing files are never overwritten", c.piecesPath())
	}
	return llama2c.TokenizerName + ", beside it", nil
}
