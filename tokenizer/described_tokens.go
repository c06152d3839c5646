package tokenizer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// tokens registers the tokens that the files next to a vocabulary list or name, in
// transformers' order: those listed by id, those with a name, and the others. It returns
// the texts of those with a name.
func (d *described) tokens(r *register, class string, sure bool) (named map[string]string, err error) {
	values := maps.Clone(d.config)
	if values == nil {
		values = make(map[string]json.RawMessage)
	}
	listed, err := listedIn(d.config)
	if err != nil {
		return nil, err
	}
	if listed == nil { // as written by older releases
		for key, raw := range d.special {
			if a, ok := tokenOf(raw); ok && !a.byText { // all of them are special there
				a.Special = true
				raw, _ = json.Marshal(a.addedToken) // which cannot fail
			}
			values[key] = raw
		}
	}
	implied := impliedBy[class]
	if !sure {
		implied = r.known(implied)
	}
	names, tokens, err := namedIn(values, implied)
	if err != nil {
		return nil, err
	}
	where := configFile + ": added_tokens_decoder"
	if listed == nil {
		listed, where = d.addedByID(tokens), addedFile
	}
	for _, a := range listed {
		if t, ok := r.find(a.Content); ok && t.ID == a.ID && where == addedFile {
			continue // tokenizer.json has its flags
		}
		if err := r.place(where, a); err != nil {
			return nil, err
		}
	}
	r.addNamed(tokens, listed)
	return names, nil
}

// listedIn returns the tokens of added_tokens_decoder, by id; nil if it is missing.
func listedIn(config map[string]json.RawMessage) ([]addedToken, error) {
	raw, ok := config["added_tokens_decoder"]
	if !ok {
		return nil, nil
	}
	bad := func(what string) ([]addedToken, error) {
		return nil, fmt.Errorf("%s: added_tokens_decoder: %s", configFile, what)
	}
	var byID map[string]json.RawMessage
	if err := json.Unmarshal(raw, &byID); err != nil {
		return bad("want an object that maps ids to tokens")
	}
	all := []addedToken{}
	for key, value := range byID {
		id, err := strconv.Atoi(key)
		if err != nil || id < 0 || id > maxID {
			return bad(fmt.Sprintf("%q is not an id", key))
		}
		a, ok := tokenOf(value)
		if !ok {
			return bad(fmt.Sprintf("id %d: want a token", id))
		}
		a.ID = id
		all = append(all, a.addedToken)
	}
	slices.SortFunc(all, func(a, b addedToken) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}

// addedByID returns the tokens of added_tokens.json, by id. Those with a name are special.
func (d *described) addedByID(named []namedToken) []addedToken {
	var all []addedToken
	for text, id := range d.added {
		special := slices.ContainsFunc(named, func(a namedToken) bool { return a.Content == text })
		all = append(all, addedToken{ID: id, Content: text, Special: special, Normalized: !special})
	}
	slices.SortFunc(all, func(a, b addedToken) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// namedToken is a token that has a name; byText says that it was given by its text only.
type namedToken struct {
	addedToken
	byText bool
}

// namedIn returns the special tokens that a configuration names: those with a role, for which
// implied gives defaults, others whose key ends in _token, and those that it lists.
func namedIn(values map[string]json.RawMessage, implied map[string]string) (names map[string]string, tokens []namedToken, err error) {
	names = make(map[string]string)
	keys := slices.Clone(roles)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if strings.HasSuffix(key, "_token") && !slices.Contains(roles, key) {
			keys = append(keys, key)
		}
	}
	for _, key := range keys {
		raw, said := values[key]
		if text, ok := implied[key]; ok && !said {
			raw, _ = quote(text) // which cannot fail
		}
		if len(raw) == 0 || string(raw) == "null" {
			continue
		}
		a, ok := tokenOf(raw)
		switch {
		case ok && a.Content != "":
			names[key], tokens = a.Content, append(tokens, a)
		case slices.Contains(roles, key):
			return nil, nil, fmt.Errorf("%s: %s is %s, want the text of a token", configFile, key, clip(string(raw)))
		}
	}
	for _, key := range []string{"extra_special_tokens", "additional_special_tokens"} {
		raw := values[key]
		var list []json.RawMessage
		var byName map[string]json.RawMessage
		if json.Unmarshal(raw, &list) != nil && json.Unmarshal(raw, &byName) == nil {
			for _, name := range slices.Sorted(maps.Keys(byName)) {
				list = append(list, byName[name])
			}
		}
		for _, one := range list {
			a, ok := tokenOf(one)
			if !ok || a.Content == "" {
				return nil, nil, fmt.Errorf("%s: %s: %s is not a token", configFile, key, clip(string(one)))
			}
			tokens = append(tokens, a)
		}
		if len(list) > 0 {
			break // the older key counts only if the newer is empty
		}
	}
	return names, tokens, nil
}

// tokenOf parses a token: a string, or an object with its flags. A token given as an object is
// normalized unless the object says otherwise or the token is special.
func tokenOf(raw json.RawMessage) (namedToken, bool) {
	raw = bytes.TrimSpace(raw)
	var a addedToken
	if len(raw) > 0 && raw[0] == '"' {
		return namedToken{addedToken{Special: true, Content: unquote(raw)}, true}, true
	}
	if len(raw) == 0 || raw[0] != '{' || plainjson.Unmarshal(raw, &a) != nil {
		return namedToken{}, false
	}
	var said struct{ Normalized *bool }
	if plainjson.Unmarshal(raw, &said) == nil && said.Normalized == nil {
		a.Normalized = !a.Special
	}
	return namedToken{a, false}, true
}

// unquote parses a JSON string.
func unquote(raw []byte) string {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return ""
	}
	return text
}
