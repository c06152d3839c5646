package serve

import (
	"net/http"
	"time"
)

// answering is the writer of an answer that gives up when the client takes nothing for a time, so that no request outlives its client.
type answering struct {
	http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
}

// answerPiece is how many bytes a client has to take within that time.
const answerPiece = 1 << 16

// Write implements io.Writer.
func (a answering) Write(data []byte) (n int, err error) {
	for {
		piece := data[n:min(n+answerPiece, len(data))]
		_ = a.control.SetWriteDeadline(time.Now().Add(a.stall)) // which only writers of tests have not
		k, err := a.ResponseWriter.Write(piece)
		if n += k; err != nil || n == len(data) {
			return n, err
		}
	}
}

// Unwrap lets an [http.ResponseController] have what the server's own writer can.
func (a answering) Unwrap() http.ResponseWriter { return a.ResponseWriter }
