package serve

import (
	"context"
	"net/http"
	"time"
)

// generation returns the handler of requests that generate text. The function read makes a task of a request.
func (s *Server) generation(read func(b *Body) (*task, *Error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		b, failed := ReadBody(r)
		if failed != nil {
			WriteError(w, failed)
			return
		}
		t, failed := read(b)
		if failed != nil {
			WriteError(w, failed)
			return
		}
		leave, full := t.model.seat()
		if full != nil {
			s.metrics.of(t.model).refused.Inc()
			WriteError(w, full)
			return
		}
		defer leave()
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		if failed := t.prepare(ctx); failed != nil {
			WriteError(w, failed)
			return
		}
		mm := s.metrics.of(t.model)
		run := t.start(ctx, mm, began)
		defer func() {
			cancel()
			for range run.parts { // until all choices have ended
			}
			mm.took.Observe(time.Since(began).Seconds())
		}()
		if t.stream {
			s.stream(w, r, run)
		} else {
			s.whole(w, r, run)
		}
	})
}

// whole answers once all choices are complete.
func (s *Server) whole(w http.ResponseWriter, r *http.Request, run *running) {
	var parts []part
	for p := range run.parts {
		if p.err != nil {
			WriteError(w, p.err)
			return
		}
		parts = append(parts, p)
	}
	if r.Context().Err() != nil {
		WriteError(w, ended(r.Context()))
		return
	}
	writeJSON(w, http.StatusOK, run.form.whole(parts, run.usage()))
}

// stream answers as the choices are generated, with server-sent events.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, run *running) {
	events := events{w: w}
	begun := make(map[int]bool)
	for p := range run.parts {
		if p.err != nil && !events.begun {
			WriteError(w, p.err)
			return
		}
		if p.err != nil {
			events.send(p.err)
			return
		}
		if first := run.form.first(p.choice); first != nil && !begun[p.choice] {
			events.send(first)
		}
		begun[p.choice] = true
		if events.send(run.form.chunk(p)); events.err != nil {
			return // the client has gone
		}
	}
	switch {
	case r.Context().Err() == nil:
		if run.streamUsage {
			events.send(run.form.last(run.usage()))
		}
		events.write([]byte("[DONE]"))
	case events.begun:
		events.send(ended(r.Context()))
	default:
		WriteError(w, ended(r.Context()))
	}
}

// events writes server-sent events.
type events struct {
	w     http.ResponseWriter
	begun bool
	err   error
}

// send sends a value as an event.
func (e *events) send(v any) {
	data, err := marshal(v)
	if err != nil {
		e.err = err
		return
	}
	e.write(data)
}

// write sends an event and flushes it.
func (e *events) write(data []byte) {
	if e.err != nil {
		return
	}
	if !e.begun {
		e.begun = true
		header := e.w.Header()
		header.Set("Content-Type", "text/event-stream")
		header.Set("Cache-Control", "no-cache")
		header.Set("X-Accel-Buffering", "no") // tells proxies not to buffer
	}
	event := append(append([]byte("data: "), data...), "\n\n"...)
	if _, e.err = e.w.Write(event); e.err == nil {
		_ = http.NewResponseController(e.w).Flush()
	}
}
