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

// described is what the files beside a vocabulary say: tokenizer_config.json, and those that
// older releases of transformers wrote, special_tokens_map.json and added_tokens.json.
type described struct {
	config  map[string]json.RawMessage
	special map[string]json.RawMessage
	added   map[string]int
	files   map[string][]byte          // that are kept as they are
	model   map[string]json.RawMessage // config.json, whose class counts where none is told here
}

// describedIn reads the files of a folder that are there.
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

// keyed decodes a key of tokenizer_config.json, and tells whether it is there.
func (d *described) keyed(key string, v any) (bool, error) {
	raw, ok := d.config[key]
	if !ok || string(raw) == "null" {
		return false, nil
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return false, fmt.Errorf("%s: %s is %s", configFile, key, clip(string(raw)))
	}
	return true, nil
}

// is is a switch of tokenizer_config.json.
func (d *described) is(key string) (on, there bool, err error) {
	there, err = d.keyed(key, &on)
	return on, there, err
}

// class is the tokenizer_class without the ending of the fast ones. One that has tokens and
// rules of its own, as RobertaTokenizer has, is an error.
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

// describe makes the tokenizer of a model, of its vocabulary, what tokenizer.json says (nil
// if there is none), and what the files beside it do: as transformers 5 does.
func (d *described) describe(t Tokenizer, v vocabulary, p *pipeline) (Tokenizer, error) {
	class, err := d.class()
	if err != nil {
		return nil, err
	}
	if class == "" && (p == nil || d.config == nil) { // transformers takes that of the model
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
		if t.Name() != "gpt1" { // whose normalizer is a part of how it finds words
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

// name takes the ends of a text and the other special tokens that have a name.
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

// put is what add_bos_token and add_eos_token put around a text. Beside a tokenizer.json they
// mean nothing: its post_processor says it.
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

// plain tells whether the tokenizer of the model is all there is.
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
