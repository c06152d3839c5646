// Package kernel holds the arithmetic: loops over float32 slices that know nothing
// of Gorgonia. Matrices are row-major. Work is spread over a fixed pool of
// goroutines by rows or columns, never by parts of a sum, so results are the same
// to the bit for any GOMAXPROCS.
package kernel
