// Package generate samples from autoregressive models: it predicts a token, appends
// it, and predicts again. It knows graphs and ids, not which model it runs.
//
// A [Generator] computes every token anew over the whole context.
package generate
