// Package gorgpt holds the texts that accompany every copy of the program; see the packages below it, and
// cmd/gorgpt.
package gorgpt

import _ "embed"

// Notice lists the modules that are linked into cmd/gorgpt, with their licenses.
//
//go:generate go run ./internal/notice
//go:embed NOTICE
var Notice string

// License is the license of gorgpt itself.
//
//go:embed LICENSE
var License string
