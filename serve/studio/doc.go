// Package studio serves a web page for looking into a model while it writes, and the data that the page requests: the
// tokens of a text with their probabilities and the alternatives to each, the weights of attention heads, the logit
// lens at every depth, the model's graph with its values, two models side by side, training runs as they progress,
// and classifiers.
//
//	s := serve.New(serve.Config{})
//	err := studio.Mount(s, studio.Config{Runs: "runs"})
//
// The page is at / and its files are at /studio/page/. Data is JSON at /studio/…, meant only for the page: its format
// may change. The page is embedded, consists of plain HTML, CSS and JavaScript modules, and sends requests to no other
// server. What it shows is found through the graph (package lens), so that it also works for families and edits defined
// elsewhere.
package studio
