package family

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Dims are the sizes that every GPT has.
type Dims struct {
	Vocab   int // tokens
	Context int // positions a sequence may have
	Width   int // of the residual stream, C
	Layers  int // blocks
	Heads   int // per attention layer
}

// Upper limits of the sizes of a model, far above those of any real one: declaring a model takes memory for
// each layer, and the number of weights must fit an int64.
const (
	maxLayers = 1000
	maxSize   = 1 << 24
)

// sizes lists the fields of Dims with their keys.
var sizes = []struct {
	name string
	max  int
	keys []string
	of   func(*Dims) *int
}{
	{"vocabulary", maxSize, []string{"vocab_size"}, func(d *Dims) *int { return &d.Vocab }},
	{"context", maxSize, []string{"n_positions", "max_position_embeddings"}, func(d *Dims) *int { return &d.Context }},
	{"width", maxSize, []string{"n_embd", "hidden_size"}, func(d *Dims) *int { return &d.Width }},
	{"number of layers", maxLayers, []string{"n_layer", "num_hidden_layers", "num_layers"}, func(d *Dims) *int { return &d.Layers }},
	{"number of heads", maxSize, []string{"n_head", "num_attention_heads", "num_heads"}, func(d *Dims) *int { return &d.Heads }},
}

// DimsOf returns the sizes of a model.
func DimsOf(m Model) (d Dims) {
	for _, size := range sizes {
		if v, ok := field(reflect.ValueOf(m), size.keys...); ok {
			*size.of(&d) = int(v.Int())
		}
	}
	return d
}

// WithDims returns the model with other sizes. If it has a separate feed-forward width, intermediate_size,
// that keeps its ratio to the width. num_key_value_heads keeps its ratio to the number of heads, rounded down
// to a divisor of that number.
func WithDims(m Model, d Dims) Model {
	v := copied(m)
	if inner, ok := field(v, "intermediate_size"); ok {
		if width := int64(DimsOf(m).Width); width > 0 {
			inner.SetInt(inner.Int() * int64(d.Width) / width)
		}
	}
	if kv, ok := field(v, "num_key_value_heads"); ok && kv.Int() > 0 && d.Heads > 0 {
		n := max(1, kv.Int()*int64(d.Heads)/int64(max(1, DimsOf(m).Heads)))
		for int64(d.Heads)%n != 0 {
			n--
		}
		kv.SetInt(n)
	}
	for _, size := range sizes {
		if f, ok := field(v, size.keys...); ok {
			f.SetInt(int64(*size.of(&d)))
		}
	}
	return v.Interface().(Model)
}

// WithDropout returns the model with the given dropout rate wherever it has dropout.
func WithDropout(m Model, rate float64) Model {
	v := copied(m)
	for key, f := range floats(v) {
		if isRate(key) {
			f.SetFloat(rate)
		}
	}
	return v.Interface().(Model)
}

// DropoutOf returns the highest dropout rate of the model.
func DropoutOf(m Model) (rate float64) {
	for key, f := range floats(reflect.ValueOf(m)) {
		if isRate(key) {
			rate = max(rate, f.Float())
		}
	}
	return rate
}

// Tied reports whether the head shares the token embedding.
func Tied(m Model) bool {
	v, ok := byKey(reflect.ValueOf(m), tiedKey)
	return !ok || v.Kind() != reflect.Bool || v.Bool()
}

// InitStd returns the standard deviation of a model's initial weights, 0.02 if its configuration has none.
func InitStd(m Model) float64 {
	if v, ok := byKey(reflect.ValueOf(m), initKey); ok && v.CanFloat() {
		return v.Float()
	}
	return 0.02
}

// Validate returns what is wrong with the sizes, the rates and the rest of a configuration, or nil.
func Validate(m Model) error {
	err := validate(m)
	if own, ok := m.(interface{ Validate() error }); ok && err == nil {
		err = own.Validate()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", Name(m), err)
	}
	return nil
}

func validate(m Model) error {
	d, v := DimsOf(m), reflect.ValueOf(m)
	for _, size := range sizes {
		switch n := *size.of(&d); {
		case n < 1:
			return fmt.Errorf("the %s is %d, want 1 or more", size.name, n)
		case n > size.max:
			return fmt.Errorf("the %s is %d, want at most %d", size.name, n, size.max)
		}
	}
	if _, own := byKey(v, "head_dim"); !own && d.Width%d.Heads != 0 {
		return fmt.Errorf("width %d is not a multiple of %d heads", d.Width, d.Heads)
	}
	values := floats(v)
	for _, f := range fields(v.Type()) {
		x, ok := values[f.key]
		switch {
		case !ok:
		case isRate(f.key) && !(x.Float() >= 0 && x.Float() < 1):
			return fmt.Errorf("a dropout rate of %v is not in [0, 1); it is %s", x.Float(), f.key)
		case strings.Contains(f.key, "eps") && !(x.Float() > 0):
			return fmt.Errorf("%s is %v, want a number above 0", f.key, x.Float())
		case f.key == initKey && !(x.Float() >= 0):
			return fmt.Errorf("%s is %v, want 0 or more", f.key, x.Float())
		case strings.Contains(f.key, "eps") && float32(x.Float()) == 0:
			return fmt.Errorf("%s is %v, which float32 rounds to 0", f.key, x.Float())
		case (strings.Contains(f.key, "eps") || f.key == initKey) && x.Float() > maxFloat:
			return fmt.Errorf("%s is %v, want at most %v", f.key, x.Float(), maxFloat)
		}
	}
	return nil
}

// maxFloat bounds what is added to a variance and the standard deviation of initial weights. It is far above
// what any model has, and float32 can hold its square.
const maxFloat = 1e6

// isRate reports whether a key is that of a dropout rate.
func isRate(key string) bool { return strings.Contains(key, "drop") }

// The keys with a meaning in every family, besides those of the sizes.
const (
	tiedKey = "tie_word_embeddings"
	initKey = "initializer_range"
)

// keyed is a field of a configuration.
type keyed struct {
	key   string // "" for none
	index []int
	null  bool // 0 is written as null
	omit  bool // 0 is left out
}

// fields lists the fields of a configuration that are in a file.
func fields(t reflect.Type) (list []keyed) {
	if t.Kind() != reflect.Struct {
		return nil
	}
	for _, f := range reflect.VisibleFields(t) {
		key, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if key != "" && key != "-" && f.IsExported() {
			list = append(list, keyed{key, f.Index, f.Tag.Get("config") == "null", options == "omitempty"})
		}
	}
	return list
}

// byKey finds the field of a key.
func byKey(v reflect.Value, key string) (reflect.Value, bool) {
	list := fields(v.Type())
	if i := slices.IndexFunc(list, func(f keyed) bool { return f.key == key }); i >= 0 {
		return v.FieldByIndex(list[i].index), true
	}
	return reflect.Value{}, false
}

// field finds an integer field by one of several keys.
func field(v reflect.Value, keys ...string) (reflect.Value, bool) {
	for _, key := range keys {
		if f, ok := byKey(v, key); ok && f.CanInt() {
			return f, true
		}
	}
	return reflect.Value{}, false
}

// floats returns the floating-point fields by their keys.
func floats(v reflect.Value) map[string]reflect.Value {
	found := make(map[string]reflect.Value)
	for _, f := range fields(v.Type()) {
		if x := v.FieldByIndex(f.index); x.CanFloat() {
			found[f.key] = x
		}
	}
	return found
}

// copied returns a settable copy of a model.
func copied(m Model) reflect.Value {
	v := reflect.New(reflect.TypeOf(m)).Elem()
	v.Set(reflect.ValueOf(m))
	return v
}
