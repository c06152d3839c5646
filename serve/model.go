package serve

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/gorgpt/gorgpt/chat"
	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/run"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// Model is a checkpoint that is loaded. Its weights are read by several goroutines, and must not be changed.
type Model struct {
	ID        string // as clients name it
	Path      string // where it was opened
	Model     models.Model
	Params    *graph.Params
	Tokenizer tokenizer.Tokenizer
	Ends      []int             // tokens that end a text
	Chat      chat.Format       // nil of a model that was not taught to converse
	Engine    *generate.Engine  // what writes; nil of a classifier
	Trained   *finetune.Trained // the classifier, if it is one
	Context   int               // positions that a sequence may have, at most the model's
	Created   time.Time         // when it was opened
}

// Options say how a checkpoint is opened.
type Options struct {
	ID      string // "" for one that is made of the path: see Name
	Context int    // positions that a sequence may have; 0 for all that the model has
	Slots   int    // sequences at once; 0 for 8
	Piece   int    // tokens of prompts between two of the other sequences; 0 for 128
}

// Name is what a checkpoint is called by its path: the file without its extension, the folder, or the run of RUN/checkpoints/best.
func Name(path string) string {
	path = filepath.Clean(path)
	if filepath.Base(filepath.Dir(path)) == "checkpoints" {
		path = filepath.Dir(filepath.Dir(path))
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	name := filepath.Base(path)
	for _, extension := range []string{".gguf", ".safetensors", ".bin", ".pt"} {
		name = strings.TrimSuffix(name, extension)
	}
	return name
}

// Open loads a checkpoint: whatever gorgpt generate or gorgpt classify take.
func Open(path string, o Options) (*Model, error) {
	m := &Model{ID: o.ID, Path: path, Created: time.Now()}
	if m.ID == "" {
		m.ID = Name(path)
	}
	d, err := checkpoint.Open(path)
	if err != nil {
		return nil, run.NotCheckpoint(path, err)
	}
	if _, err := fs.Stat(d.Files(), finetune.DescriptionName); err == nil {
		return m, m.openClassifier()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	t, err := run.Load(path)
	if err != nil {
		return nil, err
	}
	m.Model, m.Params, m.Tokenizer, m.Ends = t.Model, t.Params, t.Tokenizer, t.Ends
	if m.Chat, err = chat.For(m.Tokenizer); err != nil {
		m.Chat = nil
	}
	return m, m.start(o)
}

// openClassifier loads a classifier.
func (m *Model) openClassifier() (err error) {
	if m.Trained, err = finetune.Load(m.Path); err != nil {
		return err
	}
	m.Model, m.Params, m.Tokenizer = m.Trained.Classifier.Base, m.Trained.Params, m.Trained.Encoder.Tokenizer
	m.Context = m.Trained.Context
	return nil
}

// start makes the engine.
func (m *Model) start(o Options) (err error) {
	dims := models.DimsOf(m.Model)
	m.Context = dims.Context
	if o.Context > 0 {
		m.Context = min(m.Context, o.Context)
	}
	c := generate.EngineConfig{
		Context: m.Context, Slots: o.Slots, Piece: o.Piece,
		Vocab: min(dims.Vocab, m.Tokenizer.Size()), Vacant: tokenizer.Vacant(m.Tokenizer),
	}
	if c.Slots == 0 {
		c.Slots = 8
	}
	if c.Piece == 0 {
		c.Piece = 128
	}
	m.Engine, err = generate.NewEngine(models.Graphs(m.Model), m.Params, c)
	return err
}

// Close ends what the model writes, and its programs.
func (m *Model) Close() error {
	if m.Engine == nil {
		return nil
	}
	return m.Engine.Close()
}
