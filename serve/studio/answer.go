package studio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
)

// mostBody is the maximum size of a request's body in bytes.
const mostBody = 2 << 20

// problem says what is wrong with a request.
type problem struct {
	status int
	param  string
	text   string
}

func (p *problem) Error() string { return p.text }

// wrong returns an error that the client is to blame for, about a parameter of the request.
func wrong(status int, param, format string, args ...any) error {
	return &problem{status, param, fmt.Sprintf(format, args...)}
}

// refused returns err as a problem with a parameter of the request, unless it is a problem already.
func refused(param string, err error) error {
	var p *problem
	if err == nil || errors.As(err, &p) {
		return err
	}
	return &problem{http.StatusBadRequest, param, strings.TrimPrefix(err.Error(), "lens: ")}
}

// handler is an http.Handler that writes errors in the format of OpenAI's API.
type handler func(w http.ResponseWriter, r *http.Request) error

func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	err := h(w, r)
	if err == nil {
		return
	}
	status, param, kind := http.StatusInternalServerError, "", "server_error"
	if ended := context.Cause(r.Context()); errors.Is(ended, context.Canceled) {
		return // the client has gone
	} else if ended != nil { // a timeout, or the server is stopping
		status, err = http.StatusServiceUnavailable, ended
	}
	var p *problem
	if errors.As(err, &p) {
		status, param, kind = p.status, p.param, "invalid_request_error"
	}
	message := strings.Join(strings.Fields(err.Error()), " ")
	write(w, status, map[string]any{"error": map[string]any{"message": message, "type": kind, "param": param, "code": nil}})
}

// answer returns a handler that reads a request of type Q and writes what f returns for it.
func answer[Q, A any](f func(r *http.Request, q Q) (A, error)) func(w http.ResponseWriter, r *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		var q Q
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostBody))
		d.DisallowUnknownFields()
		if err := d.Decode(&q); err != nil {
			return badBody(err)
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return wrong(http.StatusBadRequest, "", "the request has more data after its JSON")
		}
		a, err := f(r, q)
		if err != nil {
			return err
		}
		return write(w, http.StatusOK, a)
	}
}

// badBody returns an error that says what is wrong with the JSON of a request.
func badBody(err error) error {
	var long *http.MaxBytesError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &long):
		return wrong(http.StatusRequestEntityTooLarge, "", "the request is longer than %d bytes", long.Limit)
	case errors.As(err, &kind):
		field := strings.TrimPrefix(kind.Field, "given.")
		return wrong(http.StatusBadRequest, field, "%s is a %s, want %s", field, kind.Value, kind.Type)
	}
	if field, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
		return wrong(http.StatusBadRequest, strings.Trim(field, `"`), "unknown field %s", field)
	}
	return wrong(http.StatusBadRequest, "", "the request is not valid JSON: %v", err)
}

// write writes JSON.
func write(w http.ResponseWriter, status int, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // an error means that the client has gone
	return nil
}

// number returns x for JSON, rounded to the digits that are of interest; nil if it is not finite.
func number(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	if x != 0 {
		scale := math.Pow(10, 5-math.Ceil(math.Log10(math.Abs(x))))
		if y := math.Round(x*scale) / scale; y-y == 0 {
			x = y
		}
	}
	return &x
}

func numbers(all []float64) []*float64 {
	out := make([]*float64, len(all))
	for i, x := range all {
		out[i] = number(x)
	}
	return out
}
