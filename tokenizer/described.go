package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// described holds the files next to a vocabulary: tokenizer_config.json, and those written by
// older releases of transformers, special_tokens_map.json and added_tokens.json.
type described struct {
	config  map[string]json.RawMessage
	special map[string]json.RawMessage
	added   map[string]int
	files   map[string][]byte          // files that are kept as they are
	model   map[string]json.RawMessage // config.json, whose class counts if config has none
}

// describedIn reads those files that exist in a folder.
func describedIn(files folder) (described, error) {
	var d described
	for _, f := range []struct {
		name string
		v    any
	}{{configFile, &d.config}, {specialFile, &d.special}, {addedFile, &d.added}, {modelFile, &d.model}} {
		b, err := files.read(f.name, maxFile)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = decode(b, f.v)
			if err != nil {
				err = fmt.Errorf("%s: %w", files.path(f.name), err)
			}
		}
		if err != nil {
			return d, err
		}
	}
	b, err := files.read(templateFile, maxFile)
	if err == nil {
		d.files = map[string][]byte{templateFile: b}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return d, err
	}
	return d, nil
}

// keyed decodes a key of tokenizer_config.json, and reports whether it is present.
func (d *described) keyed(key string, v any) (bool, error) {
	raw, ok := d.config[key]
	if !ok || string(raw) == "null" {
		return false, nil
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return false, fmt.Errorf("%s: %s has the wrong type: %s", configFile, key, clip(string(raw)))
	}
	return true, nil
}

// is returns the value of a switch in tokenizer_config.json, and whether it is present.
func (d *described) is(key string) (on, there bool, err error) {
	there, err = d.keyed(key, &on)
	return on, there, err
}

// class returns the tokenizer_class without the suffix Fast. A class that adds tokens and rules
// that are not supported, such as RobertaTokenizer, is an error.
func (d *described) class() (string, error) {
	var class string
	where := configFile
	there, err := d.keyed("tokenizer_class", &class)
	if err != nil {
		return "", err
	}
	if raw := d.model["tokenizer_class"]; !there && len(raw) > 0 {
		where, class = modelFile, unquote(raw)
	}
	short := strings.TrimSuffix(class, "Fast")
	if short != "" && !slices.Contains(classes, short) {
		return "", fmt.Errorf("%s: tokenizer_class is %s, want %sFast: others add tokens and rules of their own", where, clip(class), strings.Join(classes[:5], "(Fast), "))
	}
	return short, nil
}

// roles are the special tokens that have a name, in transformers' order.
var roles = []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

// describe makes a tokenizer from that of a model, its vocabulary, its tokenizer.json (nil if
// there is none) and the files next to it, as transformers 5 does.
func (d *described) describe(t Tokenizer, v vocabulary, p *pipeline) (Tokenizer, error) {
	class, err := d.class()
	if err != nil {
		return nil, err
	}
	if class == "" && (p == nil || d.config == nil) { // transformers uses the model's class
		class = gpt2Class
		if t.Name() == "gpt1" {
			class = gpt1Class
		}
	}
	r := newRegister(v)
	var n normalizer
	if p != nil {
		for _, a := range p.AddedTokens {
			if err := r.place("added_tokens", a); err != nil {
				return nil, err
			}
		}
		if t.Name() != "gpt1" { // whose normalizer is part of splitting into words
			if n, err = p.Normalizer.normalizer("normalizer"); err != nil {
				return nil, err
			}
		}
	}
	named, err := d.tokens(r, class, p == nil || d.config != nil)
	if err != nil {
		return nil, err
	}
	if err := r.check(t); err != nil {
		return nil, err
	}
	a := newAdded(t, r.tokens, n)
	a.config, a.files = maps.Clone(d.config), d.files
	d.name(a, v, named)
	if p != nil {
		a.source = p.without()
		if a.before, a.after, err = p.PostProcessor.around("post_processor", a.size); err != nil {
			return nil, err
		}
	} else if err := d.put(a, named); err != nil {
		return nil, err
	}
	if a.plain() {
		return t, nil
	}
	return a, nil
}

// name sets the beginning and end of text and the other named special tokens.
func (d *described) name(a *added, v vocabulary, named map[string]string) {
	id := func(text string) int {
		if i := a.index(text); i >= 0 {
			return a.tokens[i].ID
		}
		if id, ok := v[text]; ok && text != "" {
			return id
		}
		return -1
	}
	if end := id(named["eos_token"]); end >= 0 {
		a.end = end
	} else if a.end < 0 {
		a.end = id(EndOfText)
	}
	a.begin = id(named["bos_token"])
	if a.config == nil {
		a.config = make(map[string]json.RawMessage)
	}
	for role, text := range named {
		if _, ok := a.config[role]; !ok && id(text) >= 0 {
			a.config[role], _ = quote(text) // which cannot fail
		}
	}
}

// put sets the tokens that add_bos_token and add_eos_token put around a text. With a
// tokenizer.json, these settings have no effect: its post_processor decides.
func (d *described) put(a *added, named map[string]string) error {
	for _, one := range []struct {
		key, role string
		ids       *[]int
	}{{"add_bos_token", "bos_token", &a.before}, {"add_eos_token", "eos_token", &a.after}} {
		on, _, err := d.is(one.key)
		if err != nil {
			return err
		}
		if i := a.index(named[one.role]); on && i >= 0 {
			*one.ids = []int{a.tokens[i].ID}
		}
	}
	return nil
}

// plain reports whether the files say nothing beyond the tokenizer of the model.
func (a *added) plain() bool {
	end, ok := a.Tokenizer.EndOfText()
	usual := usualConfig(a.Tokenizer)
	for key, value := range a.config {
		if want, ok := usual[key]; !ok || string(want) != string(value) {
			if key != "tokenizer_class" && (key != "unk_token" || string(value) != string(usual["eos_token"])) {
				return false
			}
		}
	}
	if a.normalize != nil || len(a.before)+len(a.after)+len(a.files) > 0 || ok != (a.end >= 0) || ok && end != a.end {
		return false
	}
	return slices.EqualFunc(a.tokens, addedTokens(a.Tokenizer), func(a, b addedToken) bool {
		a.Normalized = b.Normalized // there is no normalizer
		return a == b
	}) && a.source.usual(a.Tokenizer)
}
