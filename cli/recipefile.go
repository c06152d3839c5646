package cli

import (
	"bytes"
	"fmt"

	"github.com/BurntSushi/toml"
	"github.com/spf13/pflag"
)

// read sets what a recipe file gives.
func (r *recipe) read(path string) error {
	_, err := r.readFile(path)
	return err
}

// readWhole is read of a file that [recipe.text] wrote, as that of a run. One without the
// settings that make a run what it is was emptied, or is another file: its run would go on
// with defaults, on another text.
func (r *recipe) readWhole(path string) error {
	given, err := r.readFile(path)
	if err != nil {
		return err
	}
	for _, key := range []string{"model", "data", "tokenizer", "steps", "batch", "context", "seed"} {
		if _, ok := given[key]; !ok {
			return fmt.Errorf("%s: %s is missing: not the recipe of a run, which has every setting", path, key)
		}
	}
	return nil
}

// readFile is read; it returns the values by their keys.
func (r *recipe) readFile(path string) (map[string]any, error) {
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	r.flags(own)
	data, given, err := settings(path, own)
	if err != nil {
		return nil, err
	}
	if _, err := toml.Decode(string(data), r); err != nil {
		return nil, usagef("%s: %w", path, err)
	}
	return given, nil
}

// text is the recipe as a file.
func (r recipe) text() []byte {
	var b bytes.Buffer
	b.WriteString("# Every setting of this run. gorgpt train RECIPE repeats it.\n")
	e := toml.NewEncoder(&b)
	if err := e.Encode(r); err != nil {
		panic(err) // a flat struct of strings and numbers
	}
	return b.Bytes()
}
