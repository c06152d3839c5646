// Command random writes a checkpoint of a model of the catalog with its initial weights and GPT-2's tokenizer. It
// is for measuring speed, which does not depend on the weights.
//
//	go run ./benchmarks/random gpt2 DIR
package main

import (
	"fmt"
	"os"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/tokenizer"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: random MODEL DIR")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "random:", err)
		os.Exit(1)
	}
}

func write(name, dir string) error {
	m, err := models.Find(name)
	if err != nil {
		return err
	}
	tok, err := tokenizer.GPT2()
	if err != nil {
		return err
	}
	params := graph.NewParams(1)
	if err := models.Declare(m, params); err != nil {
		return err
	}
	end, _ := tok.EndOfText()
	config, err := models.JSON(m, end)
	if err != nil {
		return err
	}
	return checkpoint.Save(dir, checkpoint.Contents{Config: config, Params: params, Tokenizer: tok.Save})
}
