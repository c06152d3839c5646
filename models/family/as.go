package family

import (
	"cmp"
	"fmt"

	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// familyKey is where a config.json that is another family's for transformers tells the Type of
// its own.
const familyKey = "gorgpt_family"

// kindOf is what a config.json says of its family.
type kindOf struct {
	Type string `json:"model_type"`    // transformers'
	Own  string `json:"gorgpt_family"` // if that is another
}

// TypeOf is the Type of the family whose model a config.json describes.
func TypeOf(config []byte) (string, error) {
	var kind kindOf
	if err := plainjson.Unmarshal(config, &kind); err != nil {
		return "", fmt.Errorf("config.json: %w", err)
	}
	return cmp.Or(kind.Own, kind.Type), nil
}

// writtenAs is the family whose file that of a model is.
func (f Family) writtenAs(m Model) (Family, error) {
	if f.As == nil || f.As(m) == "" {
		return f, nil
	}
	all, err := All()
	for _, other := range all {
		if err == nil && other.Type == f.As(m) {
			return other, nil
		}
	}
	return f, cmp.Or(err, fmt.Errorf("models: a %s is written as a %s, which is no registered family", f.Type, f.As(m)))
}

// checkAs refuses a file that transformers would take for a model that computes something else.
func (f Family) checkAs(kind kindOf, m Model) error {
	if kind.Own == "" {
		return nil
	}
	as, err := f.writtenAs(m)
	if err == nil && as.Type != kind.Type {
		return fmt.Errorf("model_type is %q, want %q: transformers would open another model than %s describes", kind.Type, as.Type, familyKey)
	}
	return err
}
