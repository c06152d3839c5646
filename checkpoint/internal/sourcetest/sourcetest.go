// Package sourcetest has functions shared by the tests of all weight formats.
package sourcetest

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// Error fails unless the text of an error is want, which is one line.
func Error(t testing.TB, err error, want string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %q", want)
	}
	if err.Error() != want {
		t.Errorf("error\n\t%s\nwant\n\t%s", err, want)
	}
}

// OneLine fails unless an error is one line of sensible length.
func OneLine(t testing.TB, err error) {
	t.Helper()
	if text := err.Error(); strings.ContainsAny(text, "\n\r\x00") || len(text) > 1000 {
		t.Errorf("not one clear line: %q", text)
	}
}

// SameBits reports whether a and b are equal bit for bit, including NaNs and signs of zero.
func SameBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

// ReadAll reads all readable tensors of an accepted file of size bytes. It fails if they hold more numbers
// than the file has room for, which is what a reader would allocate, or if an error is not one line. Tensors
// that share numbers, as in PyTorch's files, each count in full.
func ReadAll(t testing.TB, src weights.Source, size int) []weights.Tensor {
	t.Helper()
	var all []weights.Tensor
	for _, info := range src.Tensors() {
		if !info.Type.Readable() {
			continue
		}
		n := info.Size()
		if per, bytes := info.Type.Block(); n > size/bytes*per {
			t.Fatalf("%q: %d numbers out of %d bytes", info.Name, n, size)
		}
		x := make([]float32, n)
		if err := src.Read(info.Name, x); err != nil {
			OneLine(t, err)
			continue
		}
		all = append(all, weights.Tensor{Name: info.Name, Shape: info.Shape, Data: x})
	}
	return all
}
