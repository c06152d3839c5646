package models

import "github.com/gorgpt/gorgpt/models/family"

// Set is m with other values of some keys of its config.json, each as "key=value":
// models.Set(m, "window_size=64", "attention_order=dense"). A value is JSON; a text needs no
// quotes. Any family has its keys so. What is no key, or cannot be, is an error in one line, and
// m stays as it is.
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
