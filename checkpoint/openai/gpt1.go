package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"

	"github.com/gorgpt/gorgpt/checkpoint/npy"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// shapesName is the file that lists the shapes of GPT-1's tensors, in the order of the numbers.
const shapesName = "params_shapes.json"

// layerTensors are the tensors of a layer in OpenAI's order.
var layerTensors = []string{
	"attn.c_attn.weight", "attn.c_attn.bias", "attn.c_proj.weight", "attn.c_proj.bias", "ln_1.weight", "ln_1.bias",
	"mlp.c_fc.weight", "mlp.c_fc.bias", "mlp.c_proj.weight", "mlp.c_proj.bias", "ln_2.weight", "ln_2.bias",
}

// IsGPT1 reports whether dir holds OpenAI's files of GPT-1.
func IsGPT1(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, shapesName))
	return err == nil
}

// gpt1 is a source of numbers that continue from file to file.
type gpt1 struct {
	dir    string
	files  []*npy.File
	starts []int // index of each file's first number, and the end of the last file's
	infos  []weights.Info
	at     map[string]int
}

// GPT1 opens the weights in a directory of OpenAI's finetune-transformer-lm. The caller closes it.
func GPT1(dir string) (weights.Source, error) {
	infos, err := gpt1Tensors(dir)
	if err != nil {
		return nil, err
	}
	s := &gpt1{dir: dir, infos: infos, starts: []int{0}, at: make(map[string]int)}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// gpt1Tensors returns the shapes with their names.
func gpt1Tensors(dir string) ([]weights.Info, error) {
	path := filepath.Join(dir, shapesName)
	text, err := weights.ReadText(path, maxJSON)
	if err != nil {
		return nil, err
	}
	var shapes [][]int
	if err := plainjson.Unmarshal(text, &shapes); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if n := len(shapes); n < 2+len(layerTensors) || (n-2)%len(layerTensors) != 0 {
		return nil, fmt.Errorf("%s: %d shapes, want 2 and %d for each layer", path, n, len(layerTensors))
	}
	infos := make([]weights.Info, len(shapes))
	for i, shape := range shapes {
		name := "positions_embed.weight"
		switch {
		case i == 1:
			name = "tokens_embed.weight"
		case i > 1:
			layer, k := (i-2)/len(layerTensors), (i-2)%len(layerTensors)
			name = fmt.Sprintf("h.%d.%s", layer, layerTensors[k])
		}
		if _, ok := weights.SizeOf(shape); !ok {
			return nil, fmt.Errorf("%s: %s: bad shape %s", path, name, weights.ShapeText(shape))
		}
		if len(shape) == 3 && shape[0] == 1 {
			shape = shape[1:] // drop the width of the convolution that the layer once was
		}
		infos[i] = weights.Info{Name: name, Type: weights.F32, Shape: shape}
	}
	return infos, nil
}

// open opens params_0.npy and so on, and locates the tensors in them.
func (s *gpt1) open() error {
	total := 0
	for i := 0; ; i++ {
		f, err := npy.Open(filepath.Join(s.dir, fmt.Sprintf("params_%d.npy", i)))
		if i > 0 && errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return err
		}
		s.files = append(s.files, f)
		total += f.Size() // each at most a file's size, so there is no overflow
		s.starts = append(s.starts, total)
	}
	want := 0
	for _, t := range s.infos {
		s.at[t.Name] = want
		if want += t.Size(); want < 0 {
			break
		}
	}
	if want != total {
		last, wanted := s.files[len(s.files)-1].Name(), fmt.Sprint(want)
		if want < 0 {
			wanted = "more than any file has"
		}
		return fmt.Errorf("%s: %d numbers in all %d files up to this one, want %s for the shapes in %s", last, total, len(s.files), wanted, shapesName)
	}
	return nil
}

func (s *gpt1) Name() string            { return s.dir }
func (s *gpt1) Tensors() []weights.Info { return s.infos }

func (s *gpt1) Read(name string, dst []float32) error {
	at, ok := s.at[name]
	if !ok {
		return fmt.Errorf("%s: no tensor %s", s.dir, weights.Show(name))
	}
	for _, t := range s.infos {
		if t.Name == name && t.Size() != len(dst) {
			return fmt.Errorf("%s: %w", s.dir, weights.CheckRead(t, len(dst)))
		}
	}
	for i := sort.SearchInts(s.starts, at+1) - 1; len(dst) > 0; i++ {
		n := min(len(dst), s.starts[i+1]-at)
		if err := s.files[i].Read(dst[:n], at-s.starts[i]); err != nil {
			return fmt.Errorf("%w, in %s", err, name)
		}
		dst, at = dst[n:], at+n
	}
	return nil
}

func (s *gpt1) Close() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// headWidth is the width of a head in OpenAI's models.
const headWidth = 64

// GPT1Config returns the config.json that corresponds to a directory's shapes.
func GPT1Config(dir string) ([]byte, error) {
	infos, err := gpt1Tensors(dir)
	if err != nil {
		return nil, err
	}
	positions, tokens := infos[0].Shape, infos[1].Shape
	if len(positions) != 2 || len(tokens) != 2 || positions[1] != tokens[1] {
		return nil, fmt.Errorf("%s: the first two shapes are %s and %s, want positions and tokens of the same width",
			filepath.Join(dir, shapesName), weights.ShapeText(positions), weights.ShapeText(tokens))
	}
	width := tokens[1]
	if width < headWidth || width%headWidth != 0 {
		return nil, fmt.Errorf("%s: the number of heads does not follow from a width of %d, since OpenAI's heads are %d wide; put a config.json next to it",
			filepath.Join(dir, shapesName), width, headWidth)
	}
	return json.Marshal(config{"openai-gpt", tokens[0], positions[0], width, (len(infos) - 2) / len(layerTensors), width / headWidth})
}
