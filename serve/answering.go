package serve

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// answering writes an answer. It fails if the client receives nothing for the time stall, so that no request outlives
// its client.
type answering struct {
	http.ResponseWriter
	control  *http.ResponseController
	stall    time.Duration
	stopping context.Context // once it is done, lastWords is left for the current write, or from the next one on

	mu      sync.Mutex
	writing bool
	hurried bool // the deadline of lastWords has been set
}

const (
	// answerPiece is how many bytes a client has to receive within the time stall.
	answerPiece = 1 << 16
	// lastWords is how long a client may take to receive the rest once the server aborts its requests.
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

// begin sets the deadline by which the client has to receive the next piece.
func (a *answering) begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.writing = true
	if a.stopping.Err() == nil {
		_ = a.control.SetWriteDeadline(time.Now().Add(a.stall)) // only unsupported in tests
	} else {
		a.last()
	}
}

func (a *answering) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.writing = false
}

// hurry is called when the server aborts its requests.
func (a *answering) hurry() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.writing {
		a.last()
	}
}

// last sets the deadline of lastWords, once.
func (a *answering) last() {
	if !a.hurried {
		a.hurried = true
		_ = a.control.SetWriteDeadline(time.Now().Add(lastWords))
	}
}

// Unwrap gives an [http.ResponseController] access to the methods of the server's writer.
func (a *answering) Unwrap() http.ResponseWriter { return a.ResponseWriter }
