package family

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/checkpoint/gguf"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// GGUF is how llama.cpp's files hold the models of a family. Keys of metadata are without the architecture that
// they begin with; names of tensors and parameters are stems, without ".weight" and ".bias", in which * stands for the
// number of a block.
type GGUF struct {
	Architecture string // general.architecture, "llama"; "" if there are no such files

	// Keys are those of metadata by those of config.json that say the same, and Optional what a file may lack, where the
	// family's Default has the value that it has then. Read heeds Others, or nothing depends on them.
	Keys, Optional map[string]string
	Others         []string

	// Stems are the names of tensors by those of parameters. What matrices of Swapped ones have is (out, in) in a
	// file, (in, out) here. Extra tensors are no parameters: Read heeds them.
	Stems   map[string]string
	Swapped []string
	Extra   []string
	// Pairs, if given, is of how many heads a parameter has the rows, if the two that rotary positions turn together
	// lie side by side in a file, and half a head apart here; 0 of others.
	Pairs func(m Model, stem string) int

	// Read, if given, sets keys of config.json that are more than other names, and refuses what the family has not;
	// Write, if given, is the way back.
	Read  func(f *gguf.File, config map[string]any) error
	Write func(m Model) (gguf.Meta, []gguf.Tensor, error)
}

// What all of llama.cpp's architectures have in common.
const (
	ggufKind      = "general.architecture"
	ggufEmbedding = "token_embd.weight"
	ggufHead      = "output.weight"
	ggufVocab     = "vocab_size"
)

// FromGGUF is the config.json of the model in a file of llama.cpp, of whatever family.
func FromGGUF(f *gguf.File) ([]byte, error) {
	kind, err := f.Meta().Text(ggufKind, "")
	if err != nil {
		return nil, err
	}
	all, err := All()
	if err != nil {
		return nil, err
	}
	var known []string
	for _, family := range all {
		if family.GGUF.Architecture == kind && kind != "" {
			return family.fromGGUF(f)
		}
		if family.GGUF.Architecture != "" {
			known = append(known, family.GGUF.Architecture)
		}
	}
	return nil, fmt.Errorf("%s is %q, want %s", ggufKind, short(kind), strings.Join(known, " or "))
}

func (f Family) fromGGUF(file *gguf.File) ([]byte, error) {
	meta, g := file.Meta(), f.GGUF
	if kind, err := meta.Text("general.type", "model"); err != nil || kind != "model" {
		return nil, fmt.Errorf("general.type is %v, want a model; llama.cpp's llama-export-lora merges adapters into theirs", meta.Get("general.type"))
	}
	if n, err := meta.Int("split.count", 1); err != nil || n > 1 {
		return nil, fmt.Errorf("one of %v files: put them together with llama.cpp's llama-gguf-split --merge", meta.Get("split.count"))
	}
	config := map[string]any{"model_type": f.Type}
	for _, keys := range []map[string]string{g.Keys, g.Optional} {
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			v, err := scalar(meta, g.Architecture+"."+keys[key])
			switch {
			case err != nil:
				return nil, err
			case g.Keys[key] != "" && isLess(v, 1): // what follows from it would be blamed
				return nil, fmt.Errorf("%s.%s is %v, want 1 or more", g.Architecture, keys[key], v)
			case v != nil:
				config[key] = v
			case g.Keys[key] != "":
				return nil, fmt.Errorf("no %s.%s in the metadata", g.Architecture, keys[key])
			}
		}
	}
	if err := g.checkKeys(meta); err != nil {
		return nil, err
	}
	if err := g.tensors(file, config); err != nil {
		return nil, err
	}
	if g.Read != nil {
		if err := g.Read(file, config); err != nil {
			return nil, err
		}
	}
	return json.Marshal(config)
}

// scalar is a value as JSON takes it, nil if there is none.
func scalar(meta gguf.Meta, key string) (any, error) {
	switch v := meta.Get(key).(type) {
	case nil, bool, string:
		return v, nil
	case float32, float64:
		x, err := meta.Float(key, 0)
		if err == nil && (math.IsNaN(x) || math.IsInf(x, 0)) {
			err = fmt.Errorf("%s is %v, want a number", key, x)
		}
		return x, err
	default:
		return meta.Int(key, 0)
	}
}

// isLess tells whether a value is a whole number below a bound.
func isLess(v any, bound int) bool {
	n, whole := v.(int)
	return whole && n < bound
}

// checkKeys refuses keys of the architecture that are not known, as they may change the arithmetic.
func (g GGUF) checkKeys(meta gguf.Meta) error {
	known := append(slices.Concat(slices.Collect(maps.Values(g.Keys)), slices.Collect(maps.Values(g.Optional))), ggufVocab)
	for _, v := range meta {
		key, own := strings.CutPrefix(v.Key, g.Architecture+".")
		if own && !slices.Contains(known, key) && !matches(g.Others, key) {
			return fmt.Errorf("unknown key %s in the metadata; it may change what the model computes", weights.Show(v.Key))
		}
	}
	return nil
}

// tensors sets what tensors tell: the vocabulary, and whether the head shares the embedding.
func (g GGUF) tensors(file *gguf.File, config map[string]any) error {
	embedding, ok := file.Lookup(ggufEmbedding)
	if !ok || len(embedding.Shape) != 2 {
		return fmt.Errorf("no matrix %s in it", ggufEmbedding)
	}
	config["vocab_size"] = embedding.Shape[0]
	if n, err := file.Meta().Int(g.Architecture+"."+ggufVocab, embedding.Shape[0]); err != nil || n != embedding.Shape[0] {
		return fmt.Errorf("%s.%s is %v; %s has %d rows", g.Architecture, ggufVocab, file.Meta().Get(g.Architecture+"."+ggufVocab), ggufEmbedding, embedding.Shape[0])
	}
	_, untied := file.Lookup(ggufHead)
	config[tiedKey] = !untied
	return nil
}

// ToGGUF is the metadata of a model, as a file of llama.cpp has it, and the tensors that it has beside the
// parameters. It is an error if the family has no such file, or one that cannot hold the model.
func ToGGUF(m Model) (GGUF, gguf.Meta, []gguf.Tensor, error) {
	fail := func(err error) (GGUF, gguf.Meta, []gguf.Tensor, error) { return GGUF{}, nil, nil, err }
	f, err := Of(m)
	if err != nil {
		return fail(err)
	}
	as, err := f.writtenAs(m)
	if err != nil {
		return fail(err)
	}
	g := as.GGUF
	if g.Architecture == "" {
		return fail(fmt.Errorf("%s: llama.cpp's files hold no model of this family that is written here", Name(m)))
	}
	config, err := f.JSON(m, -1, nil, "", nil)
	if err != nil {
		return fail(err)
	}
	var values map[string]any
	if err := plainjson.Unmarshal(config, &values); err != nil {
		return fail(err)
	}
	if as.Type != f.Type {
		delete(values, familyKey)
		if config, err = json.Marshal(values); err == nil {
			m, err = as.Parse(config)
		}
		if err != nil {
			return fail(err)
		}
	}
	meta := gguf.Meta{{Key: ggufKind, Value: g.Architecture}, {Key: g.Architecture + "." + ggufVocab, Value: uint32(DimsOf(m).Vocab)}}
	floats := floats(copied(m))
	for _, keys := range []map[string]string{g.Keys, g.Optional} {
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			v, isNumber := values[key].(float64)
			if !isNumber {
				continue
			}
			value := gguf.Value{Key: g.Architecture + "." + keys[key], Value: uint32(v)}
			if _, is := floats[key]; is {
				value.Value = float32(v)
			}
			meta = append(meta, value)
		}
	}
	if g.Write == nil {
		return g, meta, nil, nil
	}
	more, extra, err := g.Write(m)
	if err != nil {
		return fail(fmt.Errorf("%s: %w", Name(m), err))
	}
	return g, append(meta, more...), extra, nil
}

// Stored is the name of the tensor that holds a parameter, "" if none does, and the parameter's stem.
func (g GGUF) Stored(param string) (name, stem string) { return renamed(param, g.Stems) }

// Params are the names of the parameters of tensors, by Stored's, as a function: "" of one that is none's.
func (g GGUF) Params() func(name string) (param, stem string) {
	back := make(map[string]string, len(g.Stems))
	for param, tensor := range g.Stems {
		back[tensor] = param
	}
	return func(name string) (string, string) {
		param, _ := renamed(name, back)
		_, stem := renamed(param, g.Stems)
		return param, stem
	}
}

// renamed is a name with another stem, "" if there is none for its own, which is returned too.
func renamed(name string, stems map[string]string) (to, stem string) {
	parts := strings.Split(name, ".")
	number := ""
	for i, part := range parts {
		if strings.Trim(part, "0123456789") == "" && part != "" && number == "" {
			number, parts[i] = part, "*"
		}
	}
	last := parts[len(parts)-1]
	stem = strings.Join(parts[:len(parts)-1], ".")
	if stems[stem] == "" || last != "weight" && last != "bias" {
		return "", stem
	}
	return strings.Replace(stems[stem], "*", number, 1) + "." + last, stem
}
