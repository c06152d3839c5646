// Package studio is a page in which a model is read while it writes, and the read-outs that the page asks for: the tokens of a text
// and how likely each was, what else might have stood there, what heads of attention read, what the head would make of the
// stream at every depth, the model's graph with the values in it, two models beside each other, runs as they go, classifiers.
//
//	s := serve.New(serve.Config{})
//	err := studio.Mount(s, studio.Config{Runs: "runs"})
//
// The page is at /, its files at /studio/page/, and answers are JSON at /studio/…, for the page alone: their form may change. It is plain
// HTML, CSS and modules, embedded, and asks nobody but the server. What it shows it finds by the graph (package lens), so
// that it works for families and edits of one's own.
package studio
