package family

import (
	"encoding/json"
	"errors"
	"slices"
)

// Ends are the tokens that end a text. As eos_token_id, they are a number, a list of numbers, or null.
type Ends []int

// UnmarshalJSON implements [json.Unmarshaler]. Negative ids, which stand for "none" in some files, are left
// out.
func (e *Ends) UnmarshalJSON(data []byte) error {
	var many []int
	if err := json.Unmarshal(data, &many); err != nil {
		var one int
		if json.Unmarshal(data, &one) != nil {
			return errors.New("eos_token_id: want the id of a token, a list of ids, or null")
		}
		many = []int{one}
	}
	*e = slices.DeleteFunc(many, func(id int) bool { return id < 0 })
	return nil
}

// MarshalJSON implements [json.Marshaler]: null, a number, or a list, as Hugging Face's
// transformers writes them.
func (e Ends) MarshalJSON() ([]byte, error) {
	switch len(e) {
	case 0:
		return []byte("null"), nil
	case 1:
		return json.Marshal(e[0])
	}
	return json.Marshal([]int(e))
}

// First returns the first of the tokens, or nil if there are none.
func (e Ends) First() *int {
	if len(e) == 0 {
		return nil
	}
	return &e[0]
}

// NewEnds makes Ends from ids. Negative ids are left out.
func NewEnds(ids []int) Ends {
	return slices.DeleteFunc(slices.Clone(Ends(ids)), func(id int) bool { return id < 0 })
}
