package weights

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"

	"github.com/gorgpt/gorgpt/internal/kernel"
	"github.com/gorgpt/gorgpt/internal/plainjson"
	"github.com/gorgpt/gorgpt/internal/plaintext"
)

// maxIndex bounds the size of an index file; that of gpt2-xl is 50 kB.
const maxIndex = 16 << 20

// shards is a [Source] whose tensors are in several files.
type shards struct {
	name    string
	sources []Source
	infos   []Info
	of      map[string]Source
}

// OpenIndex opens tensors that are in several files beside an index, a JSON file of Hugging Face's:
//
//	{"metadata": {"total_size": 32}, "weight_map": {"embed.weight": "model-00001-of-00002.safetensors", …}}
//
// The function open opens one of the files. A tensor in a file other than the index says is an error. A
// tensor that the index does not list is found anyway; attention masks may be unlisted. A tensor that the
// index lists but no file has is simply absent, as the second of a tied pair may be.
func OpenIndex(path string, open func(path string) (Source, error)) (Source, error) {
	text, err := ReadText(path, maxIndex)
	if err != nil {
		return nil, err
	}
	var index struct {
		Map map[string]string `json:"weight_map"`
	}
	if err := plainjson.Unmarshal(text, &index); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(index.Map) == 0 {
		return nil, fmt.Errorf("%s: no weight_map in it, want the names of tensors and their files", path)
	}
	s := &shards{name: path, of: make(map[string]Source)}
	if err := s.open(index.Map, open); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// open opens the files and compares them with the index.
func (s *shards) open(where map[string]string, open func(path string) (Source, error)) error {
	for _, file := range slices.Sorted(maps.Values(where)) {
		if file != filepath.Base(file) || !filepath.IsLocal(file) {
			return fmt.Errorf("%s: the file %s is not beside the index", s.name, Show(file))
		}
		path := filepath.Join(filepath.Dir(s.name), file)
		if n := len(s.sources); n > 0 && s.sources[n-1].Name() == path {
			continue
		}
		src, err := open(path)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		s.sources = append(s.sources, src)
		for _, t := range src.Tensors() {
			if place, listed := where[t.Name]; listed && place != file {
				return fmt.Errorf("%s: it has %s, which the index %s places in %s", path, Show(t.Name), filepath.Base(s.name), Show(place))
			}
			if other := s.of[t.Name]; other != nil {
				return fmt.Errorf("%s: it has %s, which is also in %s", path, Show(t.Name), other.Name())
			}
			s.of[t.Name] = src
			s.infos = append(s.infos, t)
		}
	}
	return nil
}

func (s *shards) Name() string    { return s.name }
func (s *shards) Tensors() []Info { return s.infos }

func (s *shards) Read(name string, dst []float32) error {
	src := s.of[name]
	if src == nil {
		return fmt.Errorf("%s: no tensor %s", s.name, Show(name))
	}
	return src.Read(name, dst)
}

// Map implements [Mapper].
func (s *shards) Map(name string) []float32 {
	if m, ok := s.of[name].(Mapper); ok {
		return m.Map(name)
	}
	return nil
}

// Pack implements [Packer].
func (s *shards) Pack(name string) (*kernel.Packed, bool, error) {
	if src := s.of[name]; src != nil {
		return PackOf(src, name)
	}
	return nil, false, nil
}

// Raw implements [Rawer].
func (s *shards) Raw(name string) ([]byte, error) {
	if r, ok := s.of[name].(Rawer); ok {
		return r.Raw(name)
	}
	return nil, fmt.Errorf("%s: no raw bytes of a tensor %s", s.name, Show(name))
}

// Verify implements [Verifier].
func (s *shards) Verify(name string, mapped []float32) (bool, error) {
	if v, ok := s.of[name].(Verifier); ok {
		return v.Verify(name, mapped)
	}
	return false, nil
}

func (s *shards) Close() error {
	var errs []error
	for _, src := range s.sources {
		errs = append(errs, src.Close())
	}
	return errors.Join(errs...)
}

// ReadText reads a small text file, such as JSON, of at most limit bytes.
func ReadText(path string, limit int64) ([]byte, error) {
	f, err := Open(path, "a text file")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if f.size > limit {
		return nil, fmt.Errorf("%s: %d bytes, want at most %d", path, f.size, limit)
	}
	text := make([]byte, f.size)
	if n, err := f.ReadAt(text, 0); err != nil && (err != io.EOF || n < len(text)) {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return plaintext.Trim(text), nil
}
