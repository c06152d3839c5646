package models

import "github.com/gorgpt/gorgpt/models/family"

// Set returns m with other values for some keys of its config.json, each given as "key=value": models.Set(m,
// "window_size=64", "attention_order=dense"). A value is JSON, but a string needs no quotes. This works for
// every family. An unknown key or an invalid value is an error of one line, and m is unchanged.
func Set(m Model, pairs ...string) (Model, error) {
	plain, edits := unedited(m)
	f, err := family.Of(plain)
	if err != nil || len(pairs) == 0 {
		return m, err
	}
	set, err := f.Set(plain, pairs)
	if err != nil {
		return nil, err
	}
	return Edit(set, edits...), nil
}
