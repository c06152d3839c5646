package serve

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorgpt/gorgpt/chat"
	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/memory"
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

	noChat error         // why Chat is nil
	slots  int           // sequences at once
	seats  chan struct{} // one for each request that runs or waits
	texts  *tokenTexts

	alone     chan struct{} // one for who runs a program beside the engine
	embedding graph.Family[*embedder]
	predictor *finetune.Predictor

	mu   sync.Mutex
	took time.Duration // how long requests take, on average
}

// Options say how a checkpoint is opened. Zeros are defaults.
type Options struct {
	ID       string // "" for one that is made of the path: see [Name]
	Context  int    // positions that a sequence may have; 0 for all of the model's that there is memory for
	Slots    int    // sequences at once; 0 is 8
	Queue    int    // requests that may wait; 0 is 64
	Piece    int    // tokens of prompts that run between two tokens of the other sequences; 0 is 128
	Prefixes int64  // bytes for what prompts have in common; 0 is 256 MiB, -1 none

	Weights checkpoint.Width // how matrices are kept; "" is as gorgpt generate does, [checkpoint.AsStored]

	// Edits are those of a model that was edited, as [models.Edit] took them.
	Edits []graph.Option
}

// settle puts defaults in the place of zeros.
func (o Options) settle() Options {
	o.Slots, o.Queue, o.Piece = cmp.Or(o.Slots, 8), cmp.Or(o.Queue, 64), cmp.Or(o.Piece, 128)
	o.Weights = cmp.Or(o.Weights, checkpoint.AsStored)
	o.Prefixes = max(0, cmp.Or(o.Prefixes, 256<<20))
	return o
}

// check refuses what cannot be.
func (o Options) check() error {
	for _, number := range []struct {
		of string
		n  int
	}{{"slots", o.Slots}, {"a queue", o.Queue}, {"pieces", o.Piece}, {"a context", o.Context}} {
		if number.n < 0 {
			return fmt.Errorf("serve: %s of %d; want 1 or more, or 0 for the default", number.of, number.n)
		}
	}
	return nil
}

// Name is what a checkpoint is called by its path: the file without its extension, the folder, or the run of RUN/checkpoints/best.
func Name(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if filepath.Base(filepath.Dir(path)) == "checkpoints" {
		path = filepath.Dir(filepath.Dir(path))
	}
	name := filepath.Base(path)
	for _, extension := range []string{".gguf", ".safetensors", ".bin", ".pt"} {
		name = strings.TrimSuffix(name, extension)
	}
	return name
}

// Open loads a checkpoint: whatever gorgpt generate or gorgpt classify take.
func Open(path string, o Options) (*Model, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	o = o.settle()
	m := &Model{ID: cmp.Or(o.ID, Name(path)), Path: path, Created: time.Now(), alone: make(chan struct{}, 1), slots: o.Slots, seats: make(chan struct{}, o.Slots+o.Queue)}
	d, err := checkpoint.Open(path)
	if err != nil {
		return nil, run.NotCheckpoint(path, err)
	}
	switch _, err = fs.Stat(d.Files(), finetune.DescriptionName); {
	case err == nil:
		err = m.openClassifier(o)
	case errors.Is(err, fs.ErrNotExist):
		if err = m.load(d, o); err == nil {
			err = m.start(o)
		}
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// load reads the weights and the tokenizer of what is no classifier.
func (m *Model) load(d *checkpoint.Dir, o Options) (err error) {
	if len(o.Edits) == 0 {
		t, err := run.LoadAs(m.Path, o.Weights)
		if err != nil {
			return err
		}
		m.Model, m.Params, m.Tokenizer, m.Ends = t.Model, t.Params, t.Tokenizer, t.Ends
		return nil
	}
	if m.Model, m.Params, err = d.LoadWeightsAs(o.Weights, o.Edits...); err != nil {
		return err
	}
	vocab := models.DimsOf(m.Model).Vocab
	if m.Tokenizer, err = d.Tokenizer(vocab); err != nil {
		return err
	}
	if m.Tokenizer == nil {
		return fmt.Errorf("%s has no tokenizer", m.Path)
	}
	m.Ends, err = d.EndsOf(m.Tokenizer, vocab)
	return err
}

// openClassifier loads a classifier.
func (m *Model) openClassifier(o Options) (err error) {
	if m.Trained, err = finetune.Load(m.Path, o.Edits...); err != nil {
		return err
	}
	m.Model, m.Params, m.Tokenizer = m.Trained.Classifier.Base, m.Trained.Params, m.Trained.Encoder.Tokenizer
	m.Context, m.texts = m.Trained.Context, newTokenTexts(m.Tokenizer)
	m.predictor, err = m.Trained.Predictor(1)
	return err
}

// start makes the engine.
func (m *Model) start(o Options) (err error) {
	dims := models.DimsOf(m.Model)
	if m.Context, err = fitContext(m.Model, o); err != nil {
		return err
	}
	if m.Chat, m.noChat = chat.For(m.Tokenizer); m.noChat != nil {
		m.Chat = nil
	}
	m.texts = newTokenTexts(m.Tokenizer)
	m.embedding = graph.Family[*embedder]{Build: m.buildEmbedder, Most: 4}
	m.Engine, err = generate.NewEngine(models.Graphs(m.Model), m.Params, generate.EngineConfig{
		Context: m.Context, Slots: o.Slots, Piece: o.Piece, Seamless: true, Prefixes: o.Prefixes,
		Vocab: min(dims.Vocab, m.Tokenizer.Size()), Vacant: tokenizer.Vacant(m.Tokenizer),
	})
	return err
}

// fitContext is how many positions a sequence may have: as many as were asked for, which must fit in memory; else all, or a power
// of two for which what layers keep of all sequences takes a quarter of it.
func fitContext(m models.Model, o Options) (int, error) {
	full := models.DimsOf(m).Context
	if o.Context > full {
		return 0, fmt.Errorf("a context of %d; the model has %d positions", o.Context, full)
	}
	cost, err := models.CostOf(m)
	if err != nil {
		return 0, err
	}
	takes := func(context int) float64 {
		return float64(o.Slots) * float64(cost.Cache) * float64(context) / float64(full)
	}
	limit := memory.Machine()
	if o.Context > 0 {
		return o.Context, limit.Check(fmt.Sprintf("%d sequences of %d positions", o.Slots, o.Context), takes(o.Context))
	}
	context := full
	for limit.Bytes > 0 && takes(context) > float64(limit.Bytes)/4 && context > 64 {
		half := 1
		for 2*half < context {
			half *= 2
		}
		context = half
	}
	return context, nil
}

// Close ends what the model writes, and its programs.
func (m *Model) Close() error {
	if m.predictor != nil {
		return m.predictor.Close()
	}
	return errors.Join(m.Engine.Close(), m.embedding.Close())
}

// vocab is how many ids there are tokens of.
func (m *Model) vocab() int { return min(models.DimsOf(m.Model).Vocab, m.Tokenizer.Size()) }

// checkIDs tells which token of a prompt there is not.
func (m *Model) checkIDs(param string, ids []int) *Error {
	vocab := models.DimsOf(m.Model).Vocab
	if i := slices.IndexFunc(ids, func(id int) bool { return id < 0 || id >= vocab }); i >= 0 {
		return invalid(param, "token %d; the vocabulary has the tokens 0 to %d", ids[i], vocab-1)
	}
	return nil
}

// encode returns the tokens of a text, as a model is given one: with what stands before every text if that is wanted, of which it returns
// the number. Special tokens that are written in it become their ids.
func (m *Model) encode(param, text string, around bool) (ids []int, before int, failed *Error) {
	if around {
		begin, _ := tokenizer.Around(m.Tokenizer)
		ids = slices.Clone(begin)
	}
	before = len(ids)
	ids, err := tokenizer.AppendSpecial(m.Tokenizer, ids, []byte(text))
	if err != nil {
		return nil, 0, invalid(param, "%v", err)
	}
	return ids, before, nil
}

// writes refuses what only a model that writes can do.
func (m *Model) writes() *Error {
	if m.Engine == nil {
		return &Error{Status: http.StatusBadRequest, Param: "model", Message: m.ID + " is a classifier, which writes no text: ask POST /classify"}
	}
	return nil
}

// seat takes a place among the requests that run or wait; the queue may be full.
func (m *Model) seat() (leave func(), full *Error) {
	select {
	case m.seats <- struct{}{}:
	default:
		m.mu.Lock()
		each := m.took / time.Duration(m.slots)
		m.mu.Unlock()
		return nil, &Error{
			Status: http.StatusTooManyRequests, Code: "queue_full", RetryAfter: retryAfter(cap(m.seats)-m.slots, each),
			Message: fmt.Sprintf("%d requests are being answered or wait for it, which is as many as may", cap(m.seats)),
		}
	}
	began := time.Now()
	return func() {
		<-m.seats
		m.mu.Lock()
		m.took += (time.Since(began) - m.took) / 8 // a mean that forgets
		m.mu.Unlock()
	}, nil
}
