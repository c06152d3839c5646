// Package gorgpt holds what goes with every copy of the program; see the packages below it,
// and cmd/gorgpt.
package gorgpt

import _ "embed"

// Notice names the modules that are linked into cmd/gorgpt, with their licences.
//
//go:generate go run ./internal/notice
//go:embed NOTICE
var Notice string

// License is that of gorgpt itself.
//
//go:embed LICENSE
var License string
