// Package kernel holds the arithmetic: loops over float32 slices that know nothing about Gorgonia. Matrices are
// row-major. Work is spread over a fixed pool of goroutines by rows or columns, never by parts of a sum, so
// results are bit-for-bit the same for any GOMAXPROCS.
package kernel
