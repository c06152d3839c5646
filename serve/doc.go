// Package serve serves models by HTTP: OpenAI's API, with one [generate.Engine] for each model, and
// whatever else a program mounts beside it, such as the studio page.
//
//	m, err := serve.Open("runs/gpt2-minute/checkpoints/best", serve.Options{})
//	s := serve.New(serve.Config{})
//	err = s.Add(m)
//	s.Ready()
//	err = http.ListenAndServe("127.0.0.1:8080", s)
//
// A [Model] is a loaded checkpoint; a [Server] is the http.Handler for one or more of them.
// The answer to a request, down to the bits of its log-probabilities, does not depend on what else the
// server does.
package serve
