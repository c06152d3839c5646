package serve

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorgpt/gorgpt/internal/nearest"
)

// Config says what a server allows. The zero value requires no key, sets no limit on the time of a request, and
// refuses requests from pages of other origins.
type Config struct {
	// Key, if set, is the key that requests must carry: "Authorization: Bearer KEY".
	Key string
	// Hosts are the host names, without ports, by which requests may address the server; if empty, any name is
	// accepted. A server on a loopback address should allow only the names of the loopback, so that no page can
	// reach it under another name (DNS rebinding).
	Hosts []string
	// Origins are the origins of other pages that may send requests, such as "https://example.org"; "*" is any.
	Origins []string
	// MostBody is the maximum size of a request's body in bytes; 0 is 16 MiB.
	MostBody int64
	// Timeout is how long a request may take; 0 is no limit.
	Timeout time.Duration
	// Stall is how long a client may take to send a body, or to receive 64 KiB of an answer; 0 is 30 seconds.
	Stall time.Duration
}

// Server is an http.Handler that answers requests for its models.
type Server struct {
	config  Config
	mux     *http.ServeMux
	open    []string // patterns that need no key
	metrics *metrics
	began   time.Time

	stopping context.Context // done once running requests are to be aborted
	giveUp   context.CancelCauseFunc

	mu       sync.Mutex
	models   []*Model
	ready    bool
	draining bool
	inFlight int
	idle     chan struct{} // closed when draining and nothing is in flight
}

// errStopping is why requests are aborted or refused.
var errStopping = errors.New("the server is stopping")

// New returns a server without models. It reports that it is loading until [Server.Ready] is called.
func New(c Config) *Server {
	if c.MostBody == 0 {
		c.MostBody = 16 << 20
	}
	c.Stall = cmp.Or(c.Stall, 30*time.Second)
	s := &Server{config: c, mux: http.NewServeMux(), began: time.Now(), idle: make(chan struct{})}
	s.stopping, s.giveUp = context.WithCancelCause(context.Background())
	s.metrics = newMetrics(s)
	s.HandleOpen("GET /health", http.HandlerFunc(s.health))
	s.Handle("GET /metrics", s.metrics.handler())
	s.Handle("GET /v1/models", answer(s.list))
	s.Handle("GET /v1/models/{id...}", answer(s.describe))
	s.Handle("POST /v1/completions", s.generation(s.completion))
	s.Handle("POST /v1/chat/completions", s.generation(s.conversation))
	s.Handle("POST /v1/embeddings", answer(s.embed))
	s.Handle("POST /classify", answer(s.classify))
	s.Handle("POST /tokenize", answer(s.tokenize))
	s.Handle("POST /detokenize", answer(s.detokenize))
	s.Handle("GET /tokenizer_info", answer(s.tokenizerInfo))
	return s
}

// Add adds a model to the server, whose Close also closes the model.
func (s *Server) Add(m *Model) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(s.models, func(other *Model) bool { return other.ID == m.ID }) {
		return fmt.Errorf("serve: two models are called %s", m.ID)
	}
	s.models = append(s.models, m)
	return nil
}

// Ready tells the server that all models have been added.
func (s *Server) Ready() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready = true
}

// Models returns the models in the order in which they were added.
func (s *Server) Models() []*Model {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.models)
}

// Handle mounts a handler beside the API, for a pattern of http.ServeMux such as "POST /studio/". The key, the
// hosts and the origins of the Config apply to it too.
func (s *Server) Handle(pattern string, h http.Handler) { s.mux.Handle(pattern, h) }

// HandleOpen is Handle without the key, for example for a page that asks for the key.
func (s *Server) HandleOpen(pattern string, h http.Handler) {
	s.open = append(s.open, pattern)
	s.mux.Handle(pattern, h)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	// The deadline holds even for answers given before the body is read: net/http then reads the rest of the body.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.config.Stall)) // only unsupported in tests
	handler, pattern := s.mux.Handler(r)
	if refused := s.guard(w, r, slices.Contains(s.open, pattern)); refused != nil {
		WriteError(w, refused)
		return
	}
	if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
		w.WriteHeader(http.StatusNoContent) // guard has said what is allowed
		return
	}
	if pattern == "" {
		s.unknown(w, r, handler)
		return
	}
	if !s.enter() {
		WriteError(w, &Error{Status: http.StatusServiceUnavailable, Message: errStopping.Error(), RetryAfter: 1})
		return
	}
	defer s.leave()
	if failed := s.receive(w, r); failed != nil {
		WriteError(w, failed)
		return
	}
	ctx, cancel := s.bounded(r.Context())
	defer cancel()
	a := &answering{ResponseWriter: w, control: http.NewResponseController(w), stall: s.config.Stall, stopping: s.stopping}
	defer context.AfterFunc(s.stopping, a.hurry)()
	s.mux.ServeHTTP(a, r.WithContext(ctx))
}

// receive reads a request's body, which may neither be too large nor take too long. From then on net/http reads
// from the connection only to notice that the client has gone.
func (s *Server) receive(w http.ResponseWriter, r *http.Request) *Error {
	control := http.NewResponseController(w)
	hurried := make(chan struct{})
	going := context.AfterFunc(s.stopping, func() { _ = control.SetReadDeadline(time.Now()); close(hurried) })
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.config.MostBody))
	if !going() {
		<-hurried
	}
	if err == nil { // otherwise the answer would wait for the rest of the body without a limit
		_ = control.SetReadDeadline(time.Time{})
	}
	r.Body = io.NopCloser(bytes.NewReader(data))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return &Error{Status: http.StatusRequestEntityTooLarge, Message: fmt.Sprintf("the body has more than %d bytes", large.Limit)}
	case errors.Is(err, os.ErrDeadlineExceeded) && s.stopping.Err() != nil:
		return ended(s.stopping)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &Error{Status: http.StatusRequestTimeout, Message: fmt.Sprintf("the body had not arrived after %v", s.config.Stall)}
	case err != nil:
		return &Error{Status: http.StatusBadRequest, Message: "the body ends early"}
	}
	return nil
}

// bounded returns the context of a request. It ends when the client disconnects, after Config.Timeout, or when the
// server aborts its requests.
func (s *Server) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.stopping, func() { cancel(context.Cause(s.stopping)) })
	end := func() { stop(); cancel(context.Canceled) }
	if s.config.Timeout <= 0 {
		return ctx, end
	}
	late := fmt.Errorf("the request did not finish within %v", s.config.Timeout)
	ctx, timed := context.WithTimeoutCause(ctx, s.config.Timeout, late)
	return ctx, func() { timed(); end() }
}

// unknown answers a request that has no handler.
func (s *Server) unknown(w http.ResponseWriter, r *http.Request, handler http.Handler) {
	for _, method := range []string{http.MethodGet, http.MethodPost} { // is only the method wrong?
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := s.mux.Handler(other); pattern != "" && method != r.Method {
			w.Header().Set("Allow", method)
			WriteError(w, &Error{Status: http.StatusMethodNotAllowed, Message: fmt.Sprintf("%s %s: want %s", r.Method, r.URL.Path, method)})
			return
		}
	}
	WriteError(w, &Error{Status: http.StatusNotFound, Code: "unknown_url", Message: fmt.Sprintf("unknown request URL: %s %s", r.Method, r.URL.Path)})
}

// enter counts a request in. It returns false if the server is stopping.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return false
	}
	s.inFlight++
	return true
}

// leave counts a request out.
func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inFlight--; s.draining && s.inFlight == 0 {
		close(s.idle)
	}
}

// Drain refuses new requests and waits until the running ones have ended. If ctx ends first, they are aborted
// with an error.
func (s *Server) Drain(ctx context.Context) {
	s.mu.Lock()
	if !s.draining {
		s.draining = true
		if s.inFlight == 0 {
			close(s.idle)
		}
	}
	s.mu.Unlock()
	select {
	case <-s.idle:
	case <-ctx.Done():
		s.giveUp(errStopping)
		<-s.idle // each request notices at once, and has a second to send its error
	}
}

// Close aborts running requests and closes the models.
func (s *Server) Close() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s.Drain(ctx)
	var all []error
	for _, m := range s.Models() {
		all = append(all, m.Close())
	}
	return errors.Join(all...)
}

// health answers GET /health: whether the models have been loaded.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	ready := s.ready
	s.mu.Unlock()
	if !ready {
		w.Header().Set("Retry-After", "1")
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "loading"})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// model returns the model with an ID. An empty ID means the only model, if there is just one.
func (s *Server) model(id string) (*Model, *Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var known []string
	for _, m := range s.models {
		if m.ID == id || id == "" && len(s.models) == 1 {
			return m, nil
		}
		known = append(known, m.ID)
	}
	switch {
	case !s.ready:
		return nil, &Error{Status: http.StatusServiceUnavailable, Message: "the models are being loaded", RetryAfter: 1}
	case id == "":
		return nil, invalid("model", "missing; want one of %s", strings.Join(known, ", "))
	}
	message := fmt.Sprintf("the model %q does not exist", id)
	if near := nearest.Of(id, known); near != "" {
		message += fmt.Sprintf("; did you mean %q?", near)
	} else if len(known) > 0 {
		message += "; available models: " + strings.Join(known, ", ")
	}
	return nil, &Error{Status: http.StatusNotFound, Code: "model_not_found", Param: "model", Message: message}
}

// answer returns a handler that answers with what f returns, as JSON.
func answer(f func(r *http.Request) (any, *Error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := f(r)
		if err != nil {
			WriteError(w, err)
			return
		}
		writeJSON(w, http.StatusOK, v)
	})
}

// ended returns the error for a request whose context has ended.
func ended(ctx context.Context) *Error {
	e := &Error{Status: http.StatusServiceUnavailable, Message: context.Cause(ctx).Error()}
	if errors.Is(context.Cause(ctx), errStopping) {
		e.RetryAfter = 1
	} else {
		e.Code = "timeout"
	}
	return e
}

// retryAfter returns how many seconds a client should wait if each of the waiting requests takes that long.
func retryAfter(waiting int, each time.Duration) int {
	return int(max(1, min(60, math.Ceil(float64(waiting)*each.Seconds()))))
}
