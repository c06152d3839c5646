package serve

import (
	"context"
	"net/http"
	"time"
)

// answering is the writer of an answer that gives up when the client takes nothing for a time, so that no request outlives its client.
type answering struct {
	http.ResponseWriter
	control  *http.ResponseController
	stall    time.Duration
	stopping context.Context // after whose end there is no more time than lastWords
}

// lastWords is how long a client may take what is left when the server gives up its requests.
const lastWords = time.Second

// hurry leaves the client that much time.
func (a answering) hurry() { _ = a.control.SetWriteDeadline(time.Now().Add(lastWords)) }

// answerPiece is how many bytes a client has to take within that time.
const answerPiece = 1 << 16

// Write implements io.Writer.
func (a answering) Write(data []byte) (n int, err error) {
	for {
		piece := data[n:min(n+answerPiece, len(data))]
		if a.stopping.Err() == nil {
			_ = a.control.SetWriteDeadline(time.Now().Add(a.stall)) // which only writers of tests have not
			if a.stopping.Err() != nil {                            // in this moment
				a.hurry()
			}
		}
		k, err := a.ResponseWriter.Write(piece)
		if n += k; err != nil || n == len(data) {
			return n, err
		}
	}
}

// Unwrap lets an [http.ResponseController] have what the server's own writer can.
func (a answering) Unwrap() http.ResponseWriter { return a.ResponseWriter }
