package beam

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"sync"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/x/beamx"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/datasets/corpus"
	"github.com/gorgpt/gorgpt/datasets/pack"
	"github.com/gorgpt/gorgpt/store"
	"github.com/gorgpt/gorgpt/tokenizer"
)

func init() {
	register.DoFn3x1[context.Context, int, func(pack.Part), error](&encode{})
	register.DoFn2x1[int, func(*pack.Part) bool, error](&finish{})
	register.Emitter1[pack.Part]()
	register.Iter1[pack.Part]()
	beam.RegisterType(reflect.TypeFor[pack.Part]())
}

// Job describes what is to be packed; every worker opens it.
type Job struct {
	Corpus      corpus.Spec
	Tokenizer   string // a name, as for --tokenizer
	Special     bool   // special tokens written in the text become their ids
	Out         string // folder or URL
	ShardTokens int    // as in pack.Options
	ItemBytes   int64
}

// open opens the corpus and its tokenizer.
func (j Job) open() (*pack.Work, error) {
	text, err := corpus.Open(j.Corpus)
	if err != nil {
		return nil, err
	}
	tok, err := tokenizer.Find(j.Tokenizer, text.Texts(false))
	if err != nil {
		return nil, err
	}
	if j.Special {
		tok = tokenizer.ReadSpecial(tok)
	}
	training, validation := text.Parts()
	if len(training) > 1 {
		return nil, fmt.Errorf("beam: a mixture of %d texts; want one: pack each by itself", len(training))
	}
	var check *datasets.Source
	if len(validation) > 0 {
		check = validation[0]
	}
	return pack.New(j.Out, training[0], check, tok, pack.Options{ShardTokens: j.ShardTokens, ItemBytes: j.ItemBytes})
}

// Pack packs a corpus on the runner that Beam's flags name, by default Prism in this process. Call beam.Init first.
func Pack(ctx context.Context, j Job) (*pack.Index, error) {
	work, err := j.open()
	if err != nil {
		return nil, err
	}
	if err := work.Begin(); err != nil {
		return nil, err
	}
	if learned := strings.HasPrefix(j.Tokenizer, "bpe:") || j.Tokenizer == "chars"; learned {
		j.Tokenizer = store.Join(j.Out, pack.TokenizerFolder) // learned only once
	}
	p, s := beam.NewPipelineWithRoot()
	items := make([]int, work.Items())
	for i := range items {
		items[i] = i
	}
	// Without Reshuffle, one worker would do everything.
	parts := beam.ParDo(s, &encode{Job: j}, beam.Reshuffle(s, beam.CreateList(s, items)))
	beam.ParDo0(s, &finish{Out: j.Out, Identity: work.Identity()}, beam.GroupByKey(s, beam.AddFixedKey(s, parts)))
	if err := beamx.Run(ctx, p); err != nil {
		return nil, cause(err)
	}
	return pack.Join(ctx, j.Out)
}

// opened holds the jobs opened by this process, as a worker has many encoders.
var opened sync.Map

// encode is the DoFn that encodes items.
type encode struct {
	Job Job

	work *pack.Work
}

// Setup opens the corpus.
func (e *encode) Setup() error {
	key, err := json.Marshal(e.Job)
	if err != nil {
		return err
	}
	open, _ := opened.LoadOrStore(string(key), sync.OnceValues(e.Job.open))
	e.work, err = open.(func() (*pack.Work, error))()
	return marked(err)
}

// ProcessElement encodes an item and writes its part.
func (e *encode) ProcessElement(ctx context.Context, item int, emit func(pack.Part)) error {
	part, err := e.work.Encode(ctx, item)
	if err != nil {
		return marked(err)
	}
	emit(part)
	return nil
}

// finish is the DoFn that writes the manifest.
type finish struct {
	Out      string
	Identity pack.Identity
}

// ProcessElement writes the manifest of all parts.
func (f *finish) ProcessElement(_ int, next func(*pack.Part) bool) error {
	var parts []pack.Part
	for p := (pack.Part{}); next(&p); {
		parts = append(parts, p)
	}
	return marked(pack.Finish(f.Out, f.Identity, parts))
}

// Beam reports an error six times, in the middle of stack traces. The part to report is put between these marks.
const markBegin, markEnd = "⟦gorgpt: ", "⟧"

func marked(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(markBegin + err.Error() + markEnd)
}

var mark = regexp.MustCompile(`(?s)` + markBegin + `(.*?)` + markEnd)

// cause returns the error that made a pipeline fail.
func cause(err error) error {
	if found := mark.FindStringSubmatch(err.Error()); found != nil {
		return errors.New(found[1])
	}
	return fmt.Errorf("beam: %s", strings.Join(strings.Fields(err.Error()), " "))
}
