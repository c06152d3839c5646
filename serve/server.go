package serve

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
)

// Config says what a server allows.
type Config struct{}

// Server answers requests for some models.
type Server struct {
	config Config
	mux    *http.ServeMux

	mu     sync.Mutex
	models []*Model
	ready  bool
}

// New returns a server without models, which tells that it is loading until [Server.Ready] is called.
func New(c Config) *Server {
	s := &Server{config: c, mux: http.NewServeMux()}
	s.mux.HandleFunc("GET /health", s.health)
	return s
}

// Add has the server answer for a model, and close it at its end.
func (s *Server) Add(m *Model) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(s.models, func(other *Model) bool { return other.ID == m.ID }) {
		return fmt.Errorf("serve: two models are called %s", m.ID)
	}
	s.models = append(s.models, m)
	return nil
}

// Ready tells that all models are there.
func (s *Server) Ready() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready = true
}

// Models are those that have been added, in this order.
func (s *Server) Models() []*Model {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.models)
}

// Handle mounts a handler beside the API, for a pattern of http.ServeMux such as "GET /studio/". The key, the hosts and the
// origins of the Config hold for it too.
func (s *Server) Handle(pattern string, h http.Handler) { s.mux.Handle(pattern, h) }

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Close closes the models.
func (s *Server) Close() error {
	var all []error
	for _, m := range s.Models() {
		all = append(all, m.Close())
	}
	return errors.Join(all...)
}

// health answers whether the models are there.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	ready := s.ready
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if !ready {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, `{"status":"loading"}`)
		return
	}
	fmt.Fprintln(w, `{"status":"ok"}`)
}
