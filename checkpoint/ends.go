package checkpoint

import (
	"errors"
	"io/fs"

	"github.com/gorgpt/gorgpt/models/config"
)

// Ends are the tokens at which a text of this model ends: those that generation_config.json
// names, as transformers' generate takes them, or else config.json; nil if neither does.
func (d *Dir) Ends() ([]int, error) {
	for _, name := range []string{generationName, configName} {
		var c struct {
			Ends config.Ends `json:"eos_token_id"`
		}
		err := d.readJSON(name, &c)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, err
		case len(c.Ends) > 0:
			return c.Ends, nil
		}
	}
	return nil, nil
}
