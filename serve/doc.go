// Package serve gives models out by HTTP: OpenAI's API over one [generate.Engine] a model, and
// whatever else a program mounts beside it, such as the studio page.
//
//	m, err := serve.Open("runs/gpt2-minute/checkpoints/best", serve.Options{})
//	s := serve.New(serve.Config{})
//	err = s.Add(m)
//	s.Ready()
//	err = http.ListenAndServe("127.0.0.1:8080", s)
//
// A [Model] is one checkpoint that is loaded; a [Server] is the http.Handler for some of them.
// What a request gets, text, log-probabilities and bits, does not depend on what else the server does.
package serve
