package studio

import (
	"embed"
	"errors"
	"io/fs"
	"net/http"
	"slices"
	"sync"

	"github.com/gorgpt/gorgpt/lens"
	"github.com/gorgpt/gorgpt/serve"
)

//go:embed page
var files embed.FS

// Config says what the page shows besides the server's models.
type Config struct {
	Runs string // folder of runs; "" for none
}

// studio answers the page's requests.
type studio struct {
	models func() []*serve.Model
	config Config

	marks   sync.Map // from *serve.Model to the fingerprint of its tokenizer
	mu      sync.Mutex
	readers map[*serve.Model]*reader
	runs    map[string]*follower
}

// reader holds a model's lens, which is created on first use.
type reader struct {
	once sync.Once
	lens *lens.Reader
	err  error

	values *valued // of the last text; guarded by the studio's lock
}

// Mount adds the page and its endpoints to a server.
func Mount(s *serve.Server, c Config) error {
	page, err := fs.Sub(files, "page")
	if err != nil {
		return err
	}
	st := &studio{
		models: s.Models, config: c,
		readers: make(map[*serve.Model]*reader), runs: make(map[string]*follower),
	}
	static := http.FileServerFS(page)
	s.HandleOpen("GET /{$}", guarded(static))
	s.HandleOpen("GET /studio/page/", guarded(http.StripPrefix("/studio/page", static))) // needs no key: it asks for it
	st.mount(s.Handle)
	return nil
}

// mount registers the endpoints for the page's data.
func (st *studio) mount(handle func(pattern string, h http.Handler)) {
	for pattern, f := range map[string]func(w http.ResponseWriter, r *http.Request) error{
		"GET /studio/models":      st.list,
		"POST /studio/read":       answer(st.read),
		"POST /studio/candidates": answer(st.candidates),
		"POST /studio/reads":      answer(st.reads),
		"POST /studio/attention":  answer(st.attention),
		"POST /studio/lens":       answer(st.logits),
		"POST /studio/norms":      answer(st.norms),
		"POST /studio/experts":    answer(st.experts),
		"GET /studio/graph":       st.graph,
		"POST /studio/nodes":      answer(st.nodes),
		"GET /studio/diff":        st.diff,
		"GET /studio/runs":        st.listRuns,
		"GET /studio/curves":      st.curves,
		"GET /studio/confusion":   st.confusion,
		"POST /studio/converse":   answer(st.converse),
	} {
		handle(pattern, handler(f))
	}
}

// guarded keeps a page from loading anything from elsewhere, running inline scripts, and being framed. Its files are
// revalidated on each load, as another version of the program has other files.
func guarded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", "no-cache")
		h.ServeHTTP(w, r)
	})
}

// model finds a model by its ID. Classifiers are an error.
func (st *studio) model(id string) (*serve.Model, error) {
	all := st.models()
	i := slices.IndexFunc(all, func(m *serve.Model) bool { return m.ID == id })
	switch {
	case i < 0:
		return nil, wrong(http.StatusNotFound, "model", "no model %q", id)
	case all[i].Trained != nil:
		return nil, wrong(http.StatusBadRequest, "model", "%s is a classifier, which writes no text", id)
	}
	return all[i], nil
}

// lensOf returns a model and its lens.
func (st *studio) lensOf(id string) (*serve.Model, *lens.Reader, error) {
	m, err := st.model(id)
	if err != nil {
		return nil, nil, err
	}
	st.mu.Lock()
	r := st.readers[m]
	if r == nil {
		r = new(reader)
		st.readers[m] = r
	}
	st.mu.Unlock()
	r.once.Do(func() {
		if m.Model == nil || m.Params == nil {
			r.err = errors.New("the model has no weights here")
			return
		}
		r.lens, r.err = lens.New(m.Model, m.Params)
	})
	return m, r.lens, r.err
}
