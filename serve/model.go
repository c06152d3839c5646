package serve

import (
	"cmp"
	"context"
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

// Model is a loaded checkpoint. Its weights are read by several goroutines and must not be changed.
type Model struct {
	ID        string // the name that clients use
	Path      string // of the checkpoint
	Model     models.Model
	Params    *graph.Params
	Tokenizer tokenizer.Tokenizer
	Ends      []int             // tokens that end a text
	Chat      chat.Format       // nil for a model without a chat format
	Engine    *generate.Engine  // nil for a classifier
	Trained   *finetune.Trained // the classifier; nil for a model that writes
	Context   int               // positions that a sequence may have, at most the model's
	Created   time.Time         // when it was opened
	Unheeded  []string          // what generation_config.json asks for, but only requests can: see [checkpoint.Unheeded]

	noChat error         // why Chat is nil
	slots  int           // sequences at once
	seats  chan struct{} // an element for each request that runs or waits
	texts  *tokenTexts

	alone     chan struct{} // has an element while a program other than the engine's runs
	embedding graph.Family[*embedder]
	predictor *finetune.Predictor

	mu   sync.Mutex
	took time.Duration // moving average of how long requests take
}

// Options say how a checkpoint is opened. Zeros are defaults.
type Options struct {
	ID       string // "" derives it from the path: see [Name]
	Context  int    // positions that a sequence may have; 0 is as many of the model's as memory allows
	Slots    int    // sequences at once; 0 is 8
	Queue    int    // requests that may wait; 0 is 64
	Piece    int    // tokens of prompts that run between two tokens of the other sequences; 0 is 128
	Prefixes int64  // bytes for the cache of common prefixes; 0 is 256 MiB, -1 none

	Weights checkpoint.Width // how matrices are kept; "" is [checkpoint.AsStored], the default of gorgpt generate

	// Edits are the edits of an edited model, as passed to [models.Edit].
	Edits []graph.Option
}

// settle replaces zeros by defaults.
func (o Options) settle() Options {
	o.Slots, o.Queue, o.Piece = cmp.Or(o.Slots, 8), cmp.Or(o.Queue, 64), cmp.Or(o.Piece, 128)
	o.Weights = cmp.Or(o.Weights, checkpoint.AsStored)
	o.Prefixes = max(0, cmp.Or(o.Prefixes, 256<<20))
	return o
}

// check returns an error if an option is out of range.
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

// Name derives a model's ID from its path: the file name without its extension, the name of the folder, or the name
// of the run in RUN/checkpoints/best.
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

// Open loads a checkpoint: anything that gorgpt generate or gorgpt classify accepts.
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

// load reads the weights and the tokenizer of a model that is not a classifier.
func (m *Model) load(d *checkpoint.Dir, o Options) (err error) {
	if len(o.Edits) == 0 {
		t, err := run.LoadAs(m.Path, o.Weights)
		if err != nil {
			return err
		}
		m.Model, m.Params, m.Tokenizer, m.Ends = t.Model, t.Params, t.Tokenizer, t.Ends
		m.Unheeded, err = checkpoint.Unheeded(t.Generation)
		return err
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
	if m.Ends, err = d.EndsOf(m.Tokenizer, vocab); err != nil {
		return err
	}
	generation, err := d.Generation()
	if err != nil {
		return err
	}
	m.Unheeded, err = checkpoint.Unheeded(generation)
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

// start creates the engine.
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

// fitContext returns how many positions a sequence may have: as many as were asked for, which must fit in memory.
// By default these are all of the model's or, if the cache of all slots would take more than a quarter of the memory,
// the largest power of two, down to 64, with which it does not.
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
	return context, limit.Check(fmt.Sprintf("%d sequences of %d positions", o.Slots, context), takes(context))
}

// Close ends the model's sequences and closes its programs.
func (m *Model) Close() error {
	if m.predictor != nil {
		return m.predictor.Close()
	}
	return errors.Join(m.Engine.Close(), m.embedding.Close())
}

// vocab returns the number of ids that are tokens.
func (m *Model) vocab() int { return min(models.DimsOf(m.Model).Vocab, m.Tokenizer.Size()) }

// checkIDs returns an error if a token of a prompt is not in the vocabulary.
func (m *Model) checkIDs(param string, ids []int) *Error {
	vocab := models.DimsOf(m.Model).Vocab
	if i := slices.IndexFunc(ids, func(id int) bool { return id < 0 || id >= vocab }); i >= 0 {
		return invalid(param, "token %d; the vocabulary has the tokens 0 to %d", ids[i], vocab-1)
	}
	return nil
}

// encoding has an element for each text of over longText bytes that is being encoded, which takes several times its size
// in memory: requests wait for a seat only when their tokens have been counted.
var encoding = make(chan struct{}, 2)

const longText = 1 << 16

// encode returns the tokens of a text for the model. If around is set they begin with the tokens that the tokenizer
// puts before every text; before is their number. Special tokens that are written in the text become their ids.
func (m *Model) encode(ctx context.Context, param, text string, around bool) (ids []int, before int, failed *Error) {
	if around {
		begin, _ := tokenizer.Around(m.Tokenizer)
		ids = slices.Clone(begin)
	}
	before = len(ids)
	if len(text) > longText {
		select {
		case encoding <- struct{}{}:
			defer func() { <-encoding }()
		case <-ctx.Done():
			return nil, 0, ended(ctx)
		}
	}
	ids, err := tokenizer.AppendSpecial(m.Tokenizer, ids, []byte(text))
	if err != nil {
		return nil, 0, invalid(param, "%v", err)
	}
	return ids, before, nil
}

// writes returns an error if the model is a classifier, which writes no text.
func (m *Model) writes() *Error {
	if m.Engine == nil {
		return &Error{Status: http.StatusBadRequest, Param: "model", Message: m.ID + " is a classifier, which generates no text: use POST /classify"}
	}
	return nil
}

// seat takes a place among the requests that run or wait, until leave is called. It fails if the queue is full.
func (m *Model) seat() (leave func(), full *Error) {
	select {
	case m.seats <- struct{}{}:
	default:
		m.mu.Lock()
		each := m.took / time.Duration(m.slots)
		m.mu.Unlock()
		return nil, &Error{
			Status: http.StatusTooManyRequests, Code: "queue_full", RetryAfter: retryAfter(cap(m.seats)-m.slots, each),
			Message: fmt.Sprintf("%d requests are running or waiting, which is the limit", cap(m.seats)),
		}
	}
	began := time.Now()
	return func() {
		<-m.seats
		m.mu.Lock()
		m.took += (time.Since(began) - m.took) / 8 // an exponential moving average
		m.mu.Unlock()
	}, nil
}
