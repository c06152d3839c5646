package serve

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// answering is the writer of an answer that gives up when the client takes nothing for a time, so that no request outlives its client.
type answering struct {
	http.ResponseWriter
	control  *http.ResponseController
	stall    time.Duration
	stopping context.Context // when it ends there are lastWords for what is being written, or is written next

	mu      sync.Mutex
	writing bool
	hurried bool // that time has begun
}

const (
	// answerPiece is how many bytes a client has to take within the time.
	answerPiece = 1 << 16
	// lastWords is how long a client may take what is left when the server has given up its requests.
	lastWords = time.Second
)

// Write implements io.Writer.
func (a *answering) Write(data []byte) (n int, err error) {
	for {
		a.begin()
		k, err := a.ResponseWriter.Write(data[n:min(n+answerPiece, len(data))])
		a.end()
		if n += k; err != nil || n == len(data) {
			return n, err
		}
	}
}

// begin sets how long the client may take the next piece.
func (a *answering) begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.writing = true
	if a.stopping.Err() == nil {
		_ = a.control.SetWriteDeadline(time.Now().Add(a.stall)) // which only writers of tests have not
	} else {
		a.last()
	}
}

func (a *answering) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.writing = false
}

// hurry is called when the server gives up its requests.
func (a *answering) hurry() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.writing {
		a.last()
	}
}

// last begins the last words, once.
func (a *answering) last() {
	if !a.hurried {
		a.hurried = true
		_ = a.control.SetWriteDeadline(time.Now().Add(lastWords))
	}
}

// Unwrap lets an [http.ResponseController] have what the server's own writer can.
func (a *answering) Unwrap() http.ResponseWriter { return a.ResponseWriter }
