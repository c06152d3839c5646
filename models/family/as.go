package family

import (
	"cmp"
	"fmt"

	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// familyKey is the key of a config.json that records the model's own Type if the file is another family's for
// transformers.
const familyKey = "gorgpt_family"

// kindOf is what a config.json says about its family.
type kindOf struct {
	Type string `json:"model_type"`    // transformers'
	Own  string `json:"gorgpt_family"` // if that differs
}

// TypeOf returns the Type of the family of the model that a config.json describes.
func TypeOf(config []byte) (string, error) {
	var kind kindOf
	if err := plainjson.Unmarshal(config, &kind); err != nil {
		return "", fmt.Errorf("config.json: %w", err)
	}
	return cmp.Or(kind.Own, kind.Type), nil
}

// writtenAs returns the family that a model's file is written as.
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
	return f, cmp.Or(err, fmt.Errorf("models: a %s is written as a %s, which is not a registered family", f.Type, f.As(m)))
}

// checkAs returns an error for a file that transformers would open as a model that computes something else.
func (f Family) checkAs(kind kindOf, m Model) error {
	if kind.Own == "" {
		return nil
	}
	as, err := f.writtenAs(m)
	if err == nil && as.Type != kind.Type {
		return fmt.Errorf("model_type is %q, want %q: transformers would open a different model from the one that %s describes", kind.Type, as.Type, familyKey)
	}
	return err
}
