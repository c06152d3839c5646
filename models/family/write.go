package family

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
)

// JSON returns the config.json of a model, as Hugging Face's transformers reads it. begin is the token that
// begins a text, ends are those that end one; negative ids mean none. If more is not empty, it is written
// last, as a key with the given value.
func (f Family) JSON(m Model, begin int, ends []int, more string, value any) ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	written := make(map[string]bool)
	var failed error
	write := func(key string, value any) {
		text, err := json.Marshal(value)
		if err != nil {
			failed = err
		}
		if _, ok := value.(float64); ok && !bytes.ContainsAny(text, ".e") {
			text = append(text, ".0"...) // transformers rejects an integer where it expects a float
		}
		if written[key] {
			return
		}
		if len(written) > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", key, text)
		written[key] = true
	}
	as, err := f.writtenAs(m)
	if err != nil {
		return nil, err
	}
	write("model_type", as.Type)
	if as.Architecture != "" {
		write("architectures", []string{as.Architecture})
	}
	if as.Type != f.Type {
		write(familyKey, f.Type)
	}
	v := reflect.ValueOf(m)
	for _, k := range fields(v.Type()) {
		x := v.FieldByIndex(k.index)
		switch {
		case !x.IsZero() || !k.null && !k.omit:
			write(k.key, x.Interface())
		case k.null && !k.omit:
			write(k.key, nil)
		}
	}
	// Always written, because transformers' defaults differ in some families.
	write(tiedKey, Tied(m))
	write("eos_token_id", NewEnds(ends))
	write("bos_token_id", NewEnds([]int{begin}).First())
	write("torch_dtype", "float32")
	if more != "" {
		write(more, value)
	}
	b.WriteByte('}')
	var indented bytes.Buffer
	if failed == nil {
		failed = json.Indent(&indented, b.Bytes(), "", "  ")
	}
	return indented.Bytes(), failed
}
