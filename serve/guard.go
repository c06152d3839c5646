package serve

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// guard refuses requests that address the server by a host name that is not allowed, come from a page of an origin
// that is not allowed, or lack the key.
func (s *Server) guard(w http.ResponseWriter, r *http.Request, open bool) *Error {
	if len(s.config.Hosts) > 0 && !slices.Contains(s.config.Hosts, hostOf(r.Host)) {
		return &Error{Status: http.StatusForbidden, Code: "host_not_allowed", Message: "this server does not answer to the host name " + r.Host}
	}
	if refused := s.fromPage(w, r); refused != nil {
		return refused
	}
	if open || s.config.Key == "" || r.Method == http.MethodOptions || s.bears(r) {
		return nil
	}
	w.Header().Set("WWW-Authenticate", "Bearer")
	return &Error{Status: http.StatusUnauthorized, Code: "invalid_api_key", Message: "want the server's key: Authorization: Bearer KEY"}
}

// hostOf returns a host without its port, in lower case.
func hostOf(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}

// fromPage refuses requests from pages of origins that are not allowed. For allowed ones it sets the CORS headers.
func (s *Server) fromPage(w http.ResponseWriter, r *http.Request) *Error {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return nil
	}
	if u, err := url.Parse(origin); err == nil && u.Host != "" && u.Host == r.Host {
		return nil
	}
	header := w.Header()
	header.Add("Vary", "Origin")
	if !slices.Contains(s.config.Origins, origin) && !slices.Contains(s.config.Origins, "*") {
		return &Error{Status: http.StatusForbidden, Code: "origin_not_allowed", Message: "pages from " + origin + " may not use this server"}
	}
	header.Set("Access-Control-Allow-Origin", origin)
	header.Set("Access-Control-Expose-Headers", "Retry-After")
	if r.Method == http.MethodOptions {
		header.Set("Access-Control-Allow-Methods", "GET, POST")
		if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
			header.Set("Access-Control-Allow-Headers", asked)
		}
		header.Set("Access-Control-Max-Age", "600")
	}
	return nil
}

// bears reports whether a request has the key, in a time that does not depend on how much of it is right.
func (s *Server) bears(r *http.Request) bool {
	kind, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	want, got := sha256.Sum256([]byte(s.config.Key)), sha256.Sum256([]byte(strings.TrimSpace(key)))
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1 && strings.EqualFold(kind, "bearer")
}
