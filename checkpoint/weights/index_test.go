package weights

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// shard is a file with one number, named like the file without .bin.
type shard struct{ path, tensor string }

func (s shard) Name() string                       { return s.path }
func (s shard) Tensors() []Info                    { return []Info{{Name: s.tensor, Type: F32}} }
func (s shard) Read(_ string, dst []float32) error { dst[0] = float32(s.tensor[0]); return nil }
func (s shard) Close() error                       { return nil }

func openShard(path string) (Source, error) {
	base := filepath.Base(path)
	if base == "none.bin" {
		return nil, fmt.Errorf("%s: no such file", path)
	}
	return shard{path, base[:1]}, nil
}

func TestIndex(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.json")
	open := func(text string) (Source, error) {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return OpenIndex(path, openShard)
	}
	s, err := open(`{"metadata": {"total_size": 8}, "weight_map": {"a": "a.bin", "b": "b.bin"}}`)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, 1)
	if err := s.Read("b", x); err != nil || x[0] != 'b' || len(s.Tensors()) != 2 {
		t.Errorf("b is %v, %v; %d tensors", x, err, len(s.Tensors()))
	}
	// As in transformers 5.24: tensors that the index leaves out, and tensors that only the index has.
	if s, err = open(`{"weight_map": {"b": "b.bin", "tied": "b.bin", "c": "a.bin"}}`); err != nil {
		t.Fatal(err)
	}
	if err := s.Read("a", x); err != nil || x[0] != 'a' || len(s.Tensors()) != 2 {
		t.Errorf("a is %v, %v; %d tensors", x, err, len(s.Tensors()))
	}
	if err := s.Read("tied", x); err == nil || err.Error() != path+": no tensor tied" {
		t.Errorf("a tensor that only the index has: %v", err)
	}
	dir := filepath.Dir(path)
	for text, want := range map[string]string{
		`{"weight_map": {"a": "b.bin", "c": "a.bin"}}`:  "!" + filepath.Join(dir, "a.bin") + ": it has a, which the index index.json places in b.bin",
		`{"weight_map": {"b": "a2.bin", "c": "a.bin"}}`: "!" + filepath.Join(dir, "a2.bin") + ": it has a, which is also in " + filepath.Join(dir, "a.bin"),
		`{"weight_map": {"a": "../a.bin"}}`:             ": the file ../a.bin is not beside the index",
		`{"weight_map": {"a": ""}}`:                     `: the file "" is not beside the index`,
		`{"weight_map": {"a": "none.bin"}}`:             ": " + filepath.Join(dir, "none.bin") + ": no such file",
		`{}`:                                            ": no weight_map in it, want the names of tensors and their files",
		`[`:                                             ": unexpected end of JSON input",
	} {
		_, err := open(text)
		if want[0] == '!' {
			want = want[1:]
		} else {
			want = path + want
		}
		if err == nil || err.Error() != want {
			t.Errorf("%s\nerror\n\t%v\nwant\n\t%s", text, err, want)
		}
	}
	if err := s.Read("c", x); err == nil || err.Error() != path+": no tensor c" {
		t.Errorf("a tensor that is not there: %v", err)
	}
}
