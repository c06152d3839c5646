package serve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/gorgpt/gorgpt/internal/plural"
)

// Error is an answer that tells what went wrong, as OpenAI's API words it: its object is {"error": {message, type, param, code}}.
type Error struct {
	Status  int    // of HTTP; below 500 of whoever asks
	Type    string // "" for one by the status
	Code    string // for programs, such as "model_not_found"; "" is null
	Param   string // which parameter is to blame; "" is null
	Message string

	RetryAfter int // seconds after which to ask again; 0 says nothing
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

// writeJSON answers with a value. Whoever has left is not told.
func writeJSON(w http.ResponseWriter, status int, v any) {
	data, err := marshal(v)
	if err != nil { // of our own types: a mistake of ours
		status, data = http.StatusInternalServerError, []byte(`{"error":{"message":"an answer that is no JSON","type":"server_error","param":null,"code":null}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n'))
}

// marshal is json.Marshal with <, > and & as they are: nobody puts answers into HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// invalid is the error of a parameter.
func invalid(param, format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Param: param, Message: param + ": " + fmt.Sprintf(format, args...)}
}

// tooLong is the error of a prompt that leaves no room in a context.
func tooLong(param string, context, prompt, more int) *Error {
	return &Error{
		Status: http.StatusBadRequest, Code: "context_length_exceeded", Param: param,
		Message: fmt.Sprintf("this model's maximum context length is %s; %d were asked for: %d of the prompt and %d of the completion",
			plural.Of(context, "token"), prompt+more, prompt, more),
	}
}

// failed is the error of a run that went wrong, for no fault of whoever asked.
func failed(err error) *Error {
	return &Error{Status: http.StatusInternalServerError, Message: err.Error()}
}
