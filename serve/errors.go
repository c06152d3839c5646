package serve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/gorgpt/gorgpt/internal/plural"
)

// Error is an answer that says what went wrong, in the format of OpenAI's API: {"error": {message, type, param, code}}.
type Error struct {
	Status  int    // HTTP status; below 500 if the client is to blame
	Type    string // "" derives it from Status
	Code    string // for programs, such as "model_not_found"; "" is null
	Param   string // which parameter is to blame; "" is null
	Message string

	RetryAfter int // seconds after which to try again; 0 for no such header
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// MarshalJSON implements json.Marshaler.
func (e *Error) MarshalJSON() ([]byte, error) {
	kind := e.Type
	switch {
	case kind != "":
	case e.Status >= 500:
		kind = "server_error"
	case e.Status == http.StatusTooManyRequests:
		kind = "rate_limit_error"
	default:
		kind = "invalid_request_error"
	}
	var inner struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    *string `json:"code"`
	}
	inner.Message, inner.Type = e.Message, kind
	if e.Param != "" {
		inner.Param = &e.Param
	}
	if e.Code != "" {
		inner.Code = &e.Code
	}
	return json.Marshal(map[string]any{"error": inner})
}

// WriteError answers with an error.
func WriteError(w http.ResponseWriter, e *Error) {
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(e.RetryAfter))
	}
	writeJSON(w, e.Status, e)
}

// writeJSON answers with a value. A failure to write is ignored, as it means that the client has gone.
func writeJSON(w http.ResponseWriter, status int, v any) {
	data, err := marshal(v)
	if err != nil { // a bug: v is of a type of this package
		status, data = http.StatusInternalServerError, []byte(`{"error":{"message":"the answer cannot be encoded as JSON","type":"server_error","param":null,"code":null}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n'))
}

// marshal is json.Marshal without escapes for <, > and &: answers are not embedded in HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// invalid returns the error for an invalid parameter.
func invalid(param, format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Param: param, Message: param + ": " + fmt.Sprintf(format, args...)}
}

// tooLong returns the error for a prompt and a completion that do not fit into the context.
func tooLong(param string, context, prompt, more int) *Error {
	return &Error{
		Status: http.StatusBadRequest, Code: "context_length_exceeded", Param: param,
		Message: fmt.Sprintf("this model's maximum context length is %s; %d were asked for: %d of the prompt and %d of the completion",
			plural.Of(context, "token"), prompt+more, prompt, more),
	}
}

// failed returns the error for a failure that the client is not to blame for.
func failed(err error) *Error {
	return &Error{Status: http.StatusInternalServerError, Message: err.Error()}
}
