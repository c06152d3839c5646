package family

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/checkpoint/gguf"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// GGUF describes how llama.cpp's files hold the models of a family. Metadata keys are given without the
// architecture that they begin with. Tensors and parameters are named by stems: without ".weight" or ".bias",
// and with * in place of a block's number.
type GGUF struct {
	Architecture string // general.architecture, "llama"; "" if there are no such files

	// Keys maps keys of config.json to the metadata keys with the same meaning. Optional does the same for
	// those that a file may lack; the family's Default has the value that applies then. Others are further
	// keys that a file may have: Read handles them, or nothing depends on them.
	Keys, Optional map[string]string
	Others         []string

	// Stems maps parameters to tensors. The matrices of those in Swapped are (out, in) in a file and (in,
	// out) here. Extra lists tensors that are not parameters; Read handles them.
	Stems   map[string]string
	Swapped []string
	Extra   []string
	// Pairs, if set, returns the number of heads whose rows a parameter holds, if the two rows that rotary
	// positions rotate together are adjacent in a file but half a head apart here. It returns 0 for other
	// parameters.
	Pairs func(m Model, stem string) int

	// Read, if set, sets the keys of config.json that need more than renaming, and returns an error for what
	// the family does not support. Write, if set, does the reverse.
	Read  func(f *gguf.File, config map[string]any) error
	Write func(m Model) (gguf.Meta, []gguf.Tensor, error)
}

// Names that all of llama.cpp's architectures have in common.
const (
	ggufKind      = "general.architecture"
	ggufEmbedding = "token_embd.weight"
	ggufHead      = "output.weight"
	ggufVocab     = "vocab_size"
)

// FromGGUF returns the config.json of the model in a file of llama.cpp, of any registered family.
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
		return nil, fmt.Errorf("general.type is %v, want model; merge an adapter into its model with llama.cpp's llama-export-lora", meta.Get("general.type"))
	}
	if n, err := meta.Int("split.count", 1); err != nil || n > 1 {
		return nil, fmt.Errorf("one of %v files: merge them with llama.cpp's llama-gguf-split --merge", meta.Get("split.count"))
	}
	config := map[string]any{"model_type": f.Type}
	for _, keys := range []map[string]string{g.Keys, g.Optional} {
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			v, err := scalar(meta, g.Architecture+"."+keys[key])
			switch {
			case err != nil:
				return nil, err
			case g.Keys[key] != "" && isLess(v, 1): // else an error would blame a value derived from it
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

// scalar returns a metadata value as JSON can hold it, or nil if there is none.
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

// isLess reports whether a value is an integer below a bound.
func isLess(v any, bound int) bool {
	n, whole := v.(int)
	return whole && n < bound
}

// checkKeys returns an error for an unknown key of the architecture, as it may change the arithmetic.
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

// tensors sets what is evident from the tensors: the vocabulary, and whether the head shares the embedding.
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

// ToGGUF returns the metadata of a model, as a file of llama.cpp has it, and the tensors that the file has
// besides the parameters. It returns an error if the family has no such files, or if they cannot hold the
// model.
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
		return fail(fmt.Errorf("%s: models of this family cannot be written as llama.cpp files", Name(m)))
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
		as.keep(values, m)
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

// Stored returns the name of the tensor that holds a parameter, or "" if there is none, and the parameter's
// stem.
func (g GGUF) Stored(param string) (name, stem string) { return renamed(param, g.Stems) }

// Params returns a function that, as the inverse of Stored, returns the parameter that a tensor holds, or "".
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

// renamed returns a name with its stem replaced, or "" if stems lacks it, and the original stem.
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

// keep removes the keys of a model of another family that f does not have: its As function has found that they change nothing.
func (f Family) keep(values map[string]any, m Model) {
	delete(values, familyKey)
	own := fields(reflect.TypeOf(f.Default))
	for _, other := range fields(copied(m).Type()) {
		if !slices.ContainsFunc(own, func(k keyed) bool { return k.key == other.key }) {
			delete(values, other.key)
		}
	}
}
