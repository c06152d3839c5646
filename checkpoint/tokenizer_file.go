package checkpoint

import (
	"fmt"
	"io/fs"

	"github.com/gorgpt/gorgpt/tokenizer"
)

func init() { tokenizer.RegisterFiles(heldFiles) }

// heldFiles returns the tokenizer files held by a checkpoint that is a single file, such as GGUF.
func heldFiles(path string) (fs.FS, error) {
	d, err := Open(path)
	switch {
	case err != nil:
		return nil, err
	case d.beside != d.path:
		return nil, fmt.Errorf("%s: a file that holds no tokenizer; want a folder with tokenizer files, or a GGUF file", path)
	}
	return d.files, nil
}
