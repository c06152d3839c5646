package tokenizer

// Vacant returns the ids below t.Size() that no token has, which a loaded vocabulary may have.
// They decode to nothing and must not be sampled.
func Vacant(t Tokenizer) (ids []int) {
	switch t := plainly(t).(type) {
	case *byteLevel:
		for id, token := range t.tokens {
			if _, written := t.written[id]; token == "" && !written {
				ids = append(ids, id)
			}
		}
	case *pieced:
		for id, token := range t.tokens {
			if token == "" {
				ids = append(ids, id)
			}
		}
	case *added:
		all := Vacant(t.Tokenizer)
		for id := t.Tokenizer.Size(); id < t.size; id++ {
			all = append(all, id)
		}
		for _, id := range all {
			if _, token := t.text[id]; !token {
				ids = append(ids, id)
			}
		}
	}
	return ids
}
